// Blocks of a random market as a chain store takes them.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "scenario/driver.h"
#include "storage/chain_store.h"

namespace starminer::storage {

[[nodiscard]] inline StoredBlock stored(const protocol::chain_test::Block& block) {
  StoredBlock out{block.header.height,
                  block.header.time,
                  block.header.previous_app_hash,
                  block.header.order_rule,
                  block.step.proposer(),
                  block.step.preamble_bytes(),
                  block.step.seed(),
                  {},
                  block.result.state_root,
                  block.result.history_root,
                  block.result.history_size,
                  block.result.app_hash};
  for (const auto& transaction : block.transactions) out.transactions.push_back(transaction.bytes());
  return out;
}

/// The block of height 0 and its effects.
inline void write_genesis(const protocol::Genesis& genesis, ChainStore& store) {
  protocol::Machine machine;
  const auto result = machine.start(genesis);
  ASSERT_TRUE(result.has_value());
  StoredBlock block;
  block.time = genesis.time;
  block.seed = result->seed;
  block.state_root = result->state_root;
  block.history_root = result->history_root;
  block.history_size = result->history_size;
  block.app_hash = result->app_hash;
  ASSERT_TRUE(store.write(std::move(block), *result));
}

}  // namespace starminer::storage
