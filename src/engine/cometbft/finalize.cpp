// Decided blocks: executed by FinalizeBlock, durable and visible by Commit.
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/check.h"
#include "base/codec.h"
#include "engine/cometbft/engine.h"
#include "engine/cometbft/preamble.h"
#include "engine/cometbft/proposal.h"
#include "protocol/block_order.h"
#include "protocol/operation_registry.h"

namespace starminer::engine::cometbft {
namespace {

using protocol::Machine;
using protocol::Refusal;
using protocol::RefusalCode;
using protocol::SeedStep;

/// How the chain of seeds goes on with a decided block, and whether its first transaction is the preamble.
struct Opening {
  SeedStep step;
  bool has_preamble = false;  // in the form of one, valid or not
};

Opening open_block(const Machine& machine, const abci::RequestFinalizeBlock& request) {
  const std::uint64_t height = machine.chain().height + 1;
  const AccountId proposer = proposer_account(request.proposer_address());
  const auto preamble =
      request.txs().empty() ? std::nullopt : unwrap_preamble(machine.chain().chain_id, as_bytes(request.txs().Get(0)));
  if (preamble) {
    if (auto step = machine.randomness().check(height, proposer, *preamble)) return {*step, true};
  }
  // Whoever voted for this should not have; the seed that follows is one that nobody chose (verification.md 4.2).
  return {machine.randomness().skip(height, proposer), preamble.has_value()};
}

void set_refusal(abci::ExecTxResult& result, const Refusal& refusal) {
  result.set_code(static_cast<std::uint32_t>(refusal.code));
  result.set_codespace(std::string(kCodespace));
  result.set_log(refusal_label(refusal.code) + ": " + std::string(refusal.info().what));
}

void add_attribute(abci::Event& event, const char* key, std::string value) {
  abci::EventAttribute& attribute = *event.add_attributes();
  attribute.set_key(key);
  attribute.set_value(std::move(value));
}

abci::ExecTxResult render(const protocol::Receipt& receipt) {
  abci::ExecTxResult result;
  const protocol::ReceiptCore& core = receipt.core;
  if (core.code != 0) set_refusal(result, {static_cast<protocol::RefusalCode>(core.code), {}});
  result.set_data(to_text(encode(core)));
  abci::Event& event = *result.add_events();
  event.set_type("receipt");
  add_attribute(event, "account", core.account.text());
  add_attribute(event, "operation", std::string(protocol::operation_name(core.operation)));
  add_attribute(event, "subject", core.subject);
  return result;
}

}  // namespace

Result<abci::ResponseFinalizeBlock, std::string> Engine::finalize_block(const abci::RequestFinalizeBlock& request) {
  const auto next = static_cast<std::int64_t>(replicas_->committed().chain().height + 1);
  if (request.height() != next) {
    return fail(
        fmt::format("CometBFT decided block {}, and block {} is next here: its data and this node's are not of one "
                    "history",
                    request.height(), next));
  }
  // After a restart of CometBFT the same block comes again.
  if (finalized_ && !request.hash().empty() && finalized_->hash == request.hash()) return finalized_->response;
  if (finalized_) {
    if (auto back = discard(); !back) return fail(std::move(back.error()));
  }
  finalized_ = execute(request);
  return finalized_->response;
}

Engine::Finalized Engine::execute(const abci::RequestFinalizeBlock& request) {
  Machine& machine = replicas_->next();
  const Opening opening = open_block(machine, request);
  const protocol::BlockHeader header{machine.chain().height + 1, block_time(machine, request.time()),
                                     machine.app_hash(), protocol::OrderRule::Lanes};
  std::vector<ByteView> bytes;
  for (int i = opening.has_preamble ? 1 : 0; i < request.txs_size(); ++i)
    bytes.push_back(as_bytes(request.txs().Get(i)));
  Finalized block{request.hash(), {header, opening.step, {}, {}}, {}, {}, {}, {}};
  if (opening.has_preamble) {
    abci::ExecTxResult& result = *block.response.add_tx_results();
    if (!opening.step.preamble()) {
      result.set_code(kBadPreamble);
      result.set_codespace(std::string(kEngineCodespace));
    }
  }
  std::vector<Verified> verified = verifier_.verify(bytes);
  machine.begin_block(header, opening.step);
  protocol::BlockOrder order(opening.step.seed());
  std::vector<int> places;  // of what stands in the block, among the results
  for (Verified& transaction : verified) {
    abci::ExecTxResult& result = *block.response.add_tx_results();
    if (!transaction) {
      set_refusal(result, transaction.error());
    } else if (!order.admits(*transaction)) {
      result.set_code(kOutOfOrder);
      result.set_codespace(std::string(kEngineCodespace));
      block.left_out.emplace_back(transaction->hash(), Refusal{RefusalCode::NodeBusy, "its block was out of order"});
    } else if (const auto charged = machine.charge(*transaction); !charged) {
      // It cannot stand in a block now: it costs nothing and leaves nothing, as if it were not there.
      set_refusal(result, charged.error());
      block.left_out.emplace_back(transaction->hash(), charged.error());
    } else {
      order.take(*transaction);
      places.push_back(block.response.tx_results_size() - 1);
      block.executed.transactions.push_back(std::move(*transaction));
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto receipt = machine.execute(block.executed.transactions[i]);
    STARMINER_CHECK(receipt.has_value());
    *block.response.mutable_tx_results(places[i]) = render(*receipt);
  }
  block.result = machine.finish_block();
  block.executed.app_hash = block.result.app_hash;
  block.response.set_app_hash(to_text(block.result.app_hash.view()));
  storage::StoredBlock& stored = block.block;
  stored.height = header.height;
  stored.time = header.time;
  stored.previous_app_hash = header.previous_app_hash;
  stored.order_rule = header.order_rule;
  stored.proposer = opening.step.proposer();
  stored.preamble = opening.step.preamble_bytes();
  stored.seed = opening.step.seed();
  for (const auto& transaction : block.executed.transactions) stored.transactions.push_back(transaction.bytes());
  stored.state_root = block.result.state_root;
  stored.history_root = block.result.history_root;
  stored.history_size = block.result.history_size;
  stored.app_hash = block.result.app_hash;
  return block;
}

Result<abci::ResponseCommit, std::string> Engine::commit() {
  if (!finalized_) return fail(std::string("CometBFT commits a block that it did not hand over"));
  const std::size_t transactions = finalized_->executed.transactions.size();
  const auto begin = std::chrono::steady_clock::now();
  if (const auto written = store_->write(std::move(finalized_->block), finalized_->result); !written) {
    return fail(fail_for_good(written.error().text));
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  counters_.sync_microseconds +=
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  replicas_->publish(std::move(finalized_->executed));
  const Finalized done = std::move(*finalized_);
  finalized_.reset();
  ++counters_.blocks;
  counters_.applied += transactions;
  const auto room = store_->make_room();
  if (!room && !full_) spdlog::error("no transactions are taken: {}", room.error().text);
  full_ = !room;
  tell(done);
  return abci::ResponseCommit{};
}

void Engine::tell(const Finalized& block) {
  submissions_.on_block(block.result, block.left_out);
  std::vector<BlockListener> listeners;
  {
    const std::lock_guard lock(listeners_mutex_);
    listeners = listeners_;
  }
  for (const BlockListener& listener : listeners) listener(block.result);
}

Result<void, std::string> Engine::discard() {
  finalized_.reset();
  auto machine = std::make_unique<Machine>();
  if (const auto loaded = store_->load(*machine); !loaded) return fail(fail_for_good(loaded.error().text));
  replicas_->replace_next(std::move(machine));
  return {};
}

std::string Engine::fail_for_good(const std::string& why) {
  failed_ = true;
  spdlog::critical("{}", why);
  if (failure_handler_) failure_handler_(why);
  return why;
}

}  // namespace starminer::engine::cometbft
