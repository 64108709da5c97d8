// The plan of a job as people read it: what it is, why this tier, the price with its factors, certain bounds, the cost
// and who gets it, the start, the nodes and why the others are out, what will be held. Pure rendering of a quote.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "client/job_file/job_file.h"
#include "terminal/terminal.h"

namespace starminer::cli {

struct PlanFacts {
  const client::job_file::JobFile& job;
  const nlohmann::json& quote;
  std::uint64_t input_bytes = 0;
  std::uint64_t tick_ms = 0;
  /// Sentence of describe_runtimes where the runtime is missing, else empty.
  std::string runtimes{};
  std::string signed_by{};
  bool has_account = true;
  /// Every factor with what it depends on, all classes, the terms of the score.
  bool explain = false;
};

[[nodiscard]] std::string plan_text(const terminal::Terminal& terminal, const PlanFacts& facts);

/// "902 too little memory · 214 in a region ...": reasons of excluded nodes, the most frequent first.
[[nodiscard]] std::string exclusion_text(const nlohmann::json& exclusions);

/// "provider 0.0182 · burn 0.0010 · ...": the receivers of a payment that get something.
[[nodiscard]] std::string split_text(const nlohmann::json& split);

}  // namespace starminer::cli
