#include "engine/cometbft/preamble.h"

#include <google/protobuf/stubs/logging.h>

#include "starminer/v1/transaction.pb.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::size_t kOutputBytes = 32;  // the rest of a preamble is the proof

}  // namespace

Bytes wrap_preamble(std::string_view chain_id, ByteView preamble) {
  const std::string_view text = as_text(preamble);
  v1::TransactionBody body;
  body.set_chain_id(std::string(chain_id));
  body.mutable_block_preamble()->set_vrf_output(std::string(text.substr(0, kOutputBytes)));
  body.mutable_block_preamble()->set_vrf_proof(
      std::string(text.size() > kOutputBytes ? text.substr(kOutputBytes) : ""));
  v1::SignedTransaction envelope;
  envelope.set_body(body.SerializeAsString());
  const std::string bytes = envelope.SerializeAsString();
  return {bytes.begin(), bytes.end()};
}

std::optional<Bytes> unwrap_preamble(std::string_view chain_id, ByteView transaction) {
  constexpr std::size_t kLongest = 512;
  if (transaction.size() > kLongest) return std::nullopt;
  const google::protobuf::LogSilencer silence;
  v1::SignedTransaction envelope;
  v1::TransactionBody body;
  if (!envelope.ParseFromArray(transaction.data(), static_cast<int>(transaction.size())) ||
      !body.ParseFromString(envelope.body()) || !body.has_block_preamble()) {
    return std::nullopt;
  }
  const std::string bytes = body.block_preamble().vrf_output() + body.block_preamble().vrf_proof();
  Bytes preamble(bytes.begin(), bytes.end());
  // One preamble has one form.
  const Bytes canonical = wrap_preamble(chain_id, preamble);
  if (as_text(canonical) != as_text(transaction)) return std::nullopt;
  return preamble;
}

AccountId proposer_account(std::string_view address) {
  return AccountId::from_view(as_bytes(address)).value_or(AccountId{});
}

}  // namespace starminer::engine::cometbft
