// Asks a node what a job would cost (WRK-4) and checks that the node stands for its answer with its signature.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "cli/job_source.h"
#include "cli/outcome.h"
#include "client/api.h"

namespace starminer::cli {

struct QuotedJob {
  nlohmann::json quote;
  /// What JobSubmit would carry: its budget is the job's own, or the cap of the quote where the job names none.
  std::string spec_bytes;
  /// The node's key, where it signed the quote.
  std::string signed_by;
  std::uint64_t tick_ms = 0;
  std::string chain_id;
};

/// Fails with Mismatch where the node's signature does not fit its quote.
[[nodiscard]] Outcome<QuotedJob> request_quote(client::Api& api, const PreparedJob& prepared);

/// True if the quote is unsigned or its signature fits. Gives the key in `signed_by`.
[[nodiscard]] bool check_quote_signature(nlohmann::json quote, std::string& signed_by);

/// The quote's refusal as the failure that a submission would meet, or nothing.
[[nodiscard]] std::optional<Trouble> refusal_of(const nlohmann::json& quote);

/// "no node has debian/blender-3.4; 2 nodes have debian/pytorch-1.13": for a job whose runtime no active node has.
[[nodiscard]] Outcome<std::string> describe_runtimes(client::Api& api, const std::string& wanted);

}  // namespace starminer::cli
