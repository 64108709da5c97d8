// The market on one page: every class with load, prices and queue, and the newest matches. Pure functions of what a
// node answered; texts of others are sanitised.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "terminal/terminal.h"

namespace starminer::cli {

struct MarketFacts {
  const nlohmann::json& queues;   // GET /v1/queues
  const nlohmann::json& matches;  // GET /v1/matches
  std::uint64_t now_ms = 0;
  std::size_t matches_max = 8;
};

/// Lines ended by line feeds.
[[nodiscard]] std::string market_text(const terminal::Terminal& terminal, const MarketFacts& facts);
/// The table of classes alone, all of them.
[[nodiscard]] std::string queues_text(const terminal::Terminal& terminal, const nlohmann::json& queues,
                                      std::uint64_t now_ms);

}  // namespace starminer::cli
