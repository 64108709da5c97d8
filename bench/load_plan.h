// What the load generator sends: accounts whose keys follow from their numbers, and transfers between them, signed
// before any clock runs. The keys are public, so these accounts are for throw-away chains only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/signature.h"

namespace starminer::bench {

/// The key of an account of the benchmark.
[[nodiscard]] SigningKey bench_key(std::size_t account);

struct PlanOptions {
  std::string chain_id;
  std::size_t first_account = 0;  ///< Accounts from here on are used by this plan alone; their sequences begin at 0.
  std::size_t lanes = 1;          ///< One connection each, which sends its requests in order.
  std::size_t requests = 1;       ///< Per lane.
  std::size_t batch = 1;          ///< Transactions of a request, each of another account of the lane.
};

struct Lane {
  std::vector<std::string> bodies;  ///< Of the requests, in order.
};

/// Accounts that send in a plan: lanes x batch. With one alone, the next account is the receiver.
[[nodiscard]] std::size_t accounts_of(const PlanOptions& options);

/// Signs on all cores. With `framed`, bodies are batches: each transaction after its length in four bytes.
[[nodiscard]] std::vector<Lane> make_plan(const PlanOptions& options, bool framed);

}  // namespace starminer::bench
