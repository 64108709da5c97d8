// Receipts and settlements that are checked without trusting the node they came from, also without a network: the leaf,
// its path to the history root (RFC 6962), and the app hash that binds the root to a height. Pure but for fetching.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "cli/outcome.h"
#include "client/api.h"

namespace starminer::cli {

inline constexpr std::string_view kBundleFormat = "starminer/bundle/1";

/// What a bundle proves, read out of its leaf.
struct Proven {
  std::string kind;  // "settlement", "job_end" or "receipt"
  std::uint64_t height = 0;
  std::uint64_t leaf_index = 0;
  std::uint64_t tree_size = 0;
  Hash32 history_root;
  Hash32 app_hash;
  /// Of a settlement: contract, job, parties, price, metered time, bill, outputs. Of a receipt: transaction and fee.
  nlohmann::json facts;
};

/// The bundle of a settled contract or, with `transaction`, of a receipt. Not verified yet.
[[nodiscard]] Outcome<nlohmann::json> fetch_settlement(client::Api& api, const std::string& contract);
/// The same of the final row of a job.
[[nodiscard]] Outcome<nlohmann::json> fetch_job(client::Api& api, const std::string& job);
[[nodiscard]] Outcome<nlohmann::json> fetch_receipt(client::Api& api, const std::string& transaction);

/// Fails with Usage for what is no bundle, and with Mismatch naming the first difference. `trusted` is an app hash or a
/// history root that was learned elsewhere.
[[nodiscard]] Outcome<Proven> verify_bundle(const nlohmann::json& bundle, const std::optional<Hash32>& trusted);

/// The bundle as a file, whole or not at all.
[[nodiscard]] Outcome<void> write_bundle(const std::string& file, const nlohmann::json& bundle);

}  // namespace starminer::cli
