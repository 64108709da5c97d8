#include "engine/cometbft/query.h"

#include <fmt/format.h>

#include "base/codec.h"
#include "engine/cometbft/engine.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::size_t kKeyBytesMax = 256;
constexpr std::size_t kHeightBytes = 8;

abci::ResponseQuery refuse(QueryFault fault, std::string what) {
  abci::ResponseQuery response;
  response.set_code(static_cast<std::uint32_t>(fault));
  response.set_codespace(std::string(kEngineCodespace));
  response.set_log(std::move(what));
  return response;
}

void add_proof(abci::ResponseQuery& response, std::string_view type, std::string_view key, const Bytes& data) {
  abci::ProofOp& op = *response.mutable_proof_ops()->add_ops();
  op.set_type(std::string(type));
  op.set_key(std::string(key));
  op.set_data(to_text(data));
}

abci::ResponseQuery damaged(const storage::StorageError& error) { return refuse(QueryFault::Damaged, error.text); }

abci::ResponseQuery query_receipt(const storage::ChainStore& store, const abci::RequestQuery& request) {
  const auto hash = Hash32::from_view(as_bytes(request.data()));
  if (!hash) return refuse(QueryFault::BadKey, "the key of a receipt is the hash of its transaction, 32 bytes");
  const auto receipt = store.find_receipt(*hash);
  if (!receipt) return damaged(receipt.error());
  if (!*receipt) return refuse(QueryFault::NotFound, "no block has this transaction");
  abci::ResponseQuery response;
  response.set_key(request.data());
  response.set_value(to_text(encode((*receipt)->core)));
  response.set_index(static_cast<std::int64_t>((*receipt)->history_index));
  response.set_height(static_cast<std::int64_t>((*receipt)->core.height));
  return response;
}

abci::ResponseQuery query_block(const storage::ChainStore& store, const abci::RequestQuery& request) {
  const std::string& key = request.data();
  if (key.size() != kHeightBytes) {
    return refuse(QueryFault::BadKey, "the key of a block is its height, 8 bytes, the highest first");
  }
  std::uint64_t height = 0;
  for (const std::uint8_t byte : as_bytes(key)) height = height << 8U | byte;
  const auto block = store.find_block(height);
  if (!block) return damaged(block.error());
  if (!*block) return refuse(QueryFault::NotFound, fmt::format("this node has no block {}", height));
  abci::ResponseQuery response;
  response.set_key(key);
  response.set_value(to_text(encode(**block)));
  response.set_height(static_cast<std::int64_t>(height));
  return response;
}

abci::ResponseQuery query_row(const protocol::Machine& machine, const abci::RequestQuery& request) {
  const std::string& key = request.data();
  if (key.empty() || key.size() > kKeyBytesMax) {
    return refuse(QueryFault::BadKey, "the key of a row is the number of its table, one byte, and the row's key");
  }
  const auto table = static_cast<protocol::state::TableId>(as_bytes(key).front());
  const ByteView row_key = as_bytes(key).subspan(1);
  abci::ResponseQuery response;
  response.set_key(key);
  response.set_height(static_cast<std::int64_t>(machine.chain().height));
  const auto row = machine.store().find_encoded(table, row_key);
  if (row) response.set_value(to_text(*row));
  if (!row) response.set_info("there is no such row");
  if (request.prove()) {
    add_proof(response, kRowProof, key, encode(machine.store().prove(table, row_key)));
    add_proof(response, kCommitmentProof, "", encode(machine.commitment()));
  }
  return response;
}

}  // namespace

std::optional<abci::ResponseQuery> query_store(const storage::ChainStore& store, const abci::RequestQuery& request) {
  if (request.path() == "/receipt") return query_receipt(store, request);
  if (request.path() == "/block") return query_block(store, request);
  return std::nullopt;
}

abci::ResponseQuery query_state(const protocol::Machine& machine, const abci::RequestQuery& request) {
  const protocol::ChainRow& chain = machine.chain();
  if (request.height() != 0 && request.height() != static_cast<std::int64_t>(chain.height)) {
    return refuse(QueryFault::OtherHeight,
                  fmt::format("this node answers for height {}, its newest, and for no other", chain.height));
  }
  if (request.path() == "/row") return query_row(machine, request);
  if (request.path() == "/commitment") {
    abci::ResponseQuery response;
    response.set_key(machine.app_hash().hex());
    response.set_value(to_text(encode(machine.commitment())));
    response.set_height(static_cast<std::int64_t>(chain.height));
    return response;
  }
  // CometBFT asks whether a peer is welcome where its filter_peers is set: the market has no opinion of peers.
  if (request.path().starts_with("/p2p/filter/")) return {};
  return refuse(QueryFault::UnknownPath, "expected one of the paths /row, /commitment, /receipt, /block");
}

}  // namespace starminer::engine::cometbft
