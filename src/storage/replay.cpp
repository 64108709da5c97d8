#include "storage/replay.h"

#include <fmt/format.h>

namespace starminer::storage {
namespace {

Result<protocol::BlockResult, std::string> apply(protocol::Machine& machine, const StoredBlock& block,
                                                 std::string_view chain_id) {
  machine.begin_block({block.height, block.time, block.previous_app_hash, block.order_rule});
  for (std::size_t i = 0; i < block.transactions.size(); ++i) {
    const auto transaction = protocol::verify_transaction(block.transactions[i], chain_id);
    if (!transaction) {
      return fail(fmt::format("height {}, transaction {}: {}", block.height, i, transaction.error().info().what));
    }
    if (const auto receipt = machine.execute(*transaction); !receipt) {
      return fail(fmt::format("height {}, transaction {}: {}", block.height, i, receipt.error().info().what));
    }
  }
  return machine.finish_block();
}

}  // namespace

Result<ReplayReport, std::string> replay(const ChainStore& store, const protocol::Genesis& genesis,
                                         const std::function<void(std::uint64_t height)>& progress) {
  const auto tip = store.tip();
  if (!tip) return fail(std::string("the store has no genesis"));
  protocol::Machine machine;
  auto result = machine.start(genesis);
  if (!result) return fail(result.error());
  ReplayReport report;
  for (std::uint64_t height = 0; height <= tip->height; ++height) {
    const auto block = store.find_block(height);
    if (!block) return fail(fmt::format("block {} is missing", height));
    if (height > 0) {
      if (block->previous_app_hash != machine.app_hash()) {
        return fail(fmt::format("height {}: the block builds on another state", height));
      }
      result = apply(machine, *block, genesis.chain_id);
      if (!result) return fail(result.error());
    }
    if (result->app_hash != block->app_hash) {
      return fail(
          fmt::format("height {}: computed app hash {}, stored {} (state root {} and {}, history root {} and {})",
                      height, result->app_hash.hex(), block->app_hash.hex(), result->state_root.hex(),
                      block->state_root.hex(), result->history_root.hex(), block->history_root.hex()));
    }
    ++report.blocks;
    report.transactions += block->transactions.size();
    if (progress) progress(height);
  }
  report.app_hash = machine.app_hash();
  return report;
}

}  // namespace starminer::storage
