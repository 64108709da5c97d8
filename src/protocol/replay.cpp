#include "protocol/replay.h"

#include <fmt/format.h>

#include "protocol/block_order.h"

namespace starminer::protocol {
namespace {

Result<void, ReplayFault> compare(const LoggedBlock& block, const BlockResult& result) {
  const auto differ = [&](std::string_view what, const std::string& computed, const std::string& logged) {
    return fail(ReplayFault{block.height, fmt::format("{} computed {}, the log has {}", what, computed, logged)});
  };
  if (result.time != block.time)
    return differ("time", fmt::format("{}", result.time.ms), fmt::format("{}", block.time.ms));
  if (result.seed != block.seed) return differ("seed", result.seed.hex(), block.seed.hex());
  if (result.state_root != block.state_root) {
    return differ("state root", result.state_root.hex(), block.state_root.hex());
  }
  if (result.history_size != block.history_size) {
    return differ("history size", fmt::format("{}", result.history_size), fmt::format("{}", block.history_size));
  }
  if (result.history_root != block.history_root) {
    return differ("history root", result.history_root.hex(), block.history_root.hex());
  }
  if (result.app_hash != block.app_hash) return differ("app hash", result.app_hash.hex(), block.app_hash.hex());
  return {};
}

}  // namespace

std::string describe(const ReplayFault& fault) { return fmt::format("height {}: {}", fault.height, fault.what); }

Replay::Replay(std::unique_ptr<Machine> machine, BlockResult genesis_result)
    : machine_(std::move(machine)), genesis_result_(std::move(genesis_result)) {}
Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;
Replay& Replay::operator=(Replay&&) noexcept = default;

Result<Replay, std::string> Replay::start(const Genesis& genesis) {
  auto machine = std::make_unique<Machine>();
  auto result = machine->start(genesis);
  if (!result) return fail(std::move(result.error()));
  return Replay(std::move(machine), std::move(*result));
}

Result<void, ReplayFault> Replay::check_genesis(const LoggedBlock& block) const {
  if (block.height != 0) return fail(ReplayFault{0, fmt::format("the log begins at height {}", block.height)});
  if (!block.transactions.empty()) return fail(ReplayFault{0, "the genesis block has transactions"});
  if (!block.previous_app_hash.is_zero()) return fail(ReplayFault{0, "the genesis block names one before it"});
  if (!block.preamble.empty() || !block.proposer.is_zero()) {
    return fail(ReplayFault{0, "the genesis block names a proposer"});
  }
  return compare(block, genesis_result_);
}

Result<BlockResult, ReplayFault> Replay::apply(const LoggedBlock& block, const Step& step) {
  const ChainRow& chain = machine_->chain();
  const std::uint64_t next = chain.height + 1;
  if (block.height != next) return fail(ReplayFault{next, fmt::format("the log has height {} here", block.height)});
  if (block.previous_app_hash != machine_->app_hash()) {
    return fail(ReplayFault{next, fmt::format("the block builds on app hash {}, the replay stands at {}",
                                              block.previous_app_hash.hex(), machine_->app_hash().hex())});
  }
  if (block.time < chain.block_time) {
    return fail(ReplayFault{next, fmt::format("its time {} lies before that of the block before it, {}", block.time.ms,
                                              chain.block_time.ms)});
  }
  if (order_rule_.value_or(block.order_rule) != block.order_rule) {
    return fail(ReplayFault{next, fmt::format("the block is ordered by {}, those before it by {}",
                                              order_rule_name(block.order_rule), order_rule_name(*order_rule_))});
  }
  order_rule_ = block.order_rule;
  const std::string chain_id = chain.chain_id;
  // In a log that one machine ordered, nobody decided a block without a valid preamble: the skip rule is for
  // others.
  const bool skipped = block.order_rule == OrderRule::Lanes && block.preamble.empty();
  const auto seed = skipped ? Result<SeedStep, PreambleFault>(machine_->randomness().skip(next, block.proposer))
                            : machine_->randomness().check(next, block.proposer, block.preamble);
  if (!seed)
    return fail(ReplayFault{next, fmt::format("the block's randomness by {} is refused: {}", block.proposer.text(),
                                              describe(seed.error()))});
  machine_->begin_block({block.height, block.time, block.previous_app_hash, block.order_rule}, *seed);
  BlockOrder order(seed->seed());
  if (step) step(nullptr, nullptr);
  const auto refuse = [&](std::size_t i, const Refusal& refusal) {
    const Hash32 hash = sha256(block.transactions[i]);
    return fail(ReplayFault{next, fmt::format("transaction {} ({}) cannot stand in a block: {} {}{}", i, hash.hex(),
                                              refusal_label(refusal.code), refusal.info().what,
                                              refusal.detail.empty() ? "" : ", " + refusal.detail)});
  };
  std::vector<VerifiedTransaction> transactions;
  transactions.reserve(block.transactions.size());
  for (std::size_t i = 0; i < block.transactions.size(); ++i) {
    auto transaction = verify_transaction(block.transactions[i], chain_id);
    if (!transaction) return refuse(i, transaction.error());
    if (block.order_rule == OrderRule::Lanes) {
      if (!order.admits(*transaction)) {
        return fail(
            ReplayFault{next, fmt::format("transaction {} ({}) does not stand where the seed of the block puts it", i,
                                          transaction->hash().hex())});
      }
      order.take(*transaction);
      if (const auto charged = machine_->charge(*transaction); !charged) return refuse(i, charged.error());
      if (step) step(&*transaction, nullptr);
    }
    transactions.push_back(std::move(*transaction));
  }
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    const auto receipt = machine_->execute(transactions[i]);
    if (!receipt) return refuse(i, receipt.error());
    if (step) step(&transactions[i], &*receipt);
  }
  BlockResult result = machine_->finish_block();
  if (auto same = compare(block, result); !same) return fail(std::move(same.error()));
  return result;
}

}  // namespace starminer::protocol
