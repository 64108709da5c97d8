// The commands of `starminer-sim`. Each reads its files, runs, prints a table and writes JSON where it is asked to.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/command.h"

namespace starminer::sim {

struct PlacementRequest {
  std::filesystem::path nodes;
  std::filesystem::path jobs;
  std::string seeds = "42-51";
  std::vector<std::string> policies;  // none: all
  std::filesystem::path json;         // empty: no file
};
[[nodiscard]] config::ExitCode placement(const config::Invocation& call, const PlacementRequest& request);

}  // namespace starminer::sim
