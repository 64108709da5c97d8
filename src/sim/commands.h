// The commands of `starminer-sim`. Each reads its files, runs, prints a table and writes JSON where it is asked to.
#pragma once

#include <cstdint>
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

struct ReplayRequest {
  std::filesystem::path nodes;
  std::filesystem::path jobs;
  std::vector<std::string> policies;  // none: all
  std::uint32_t stated_percent = 200;
  std::uint64_t run_time_s = 0;  // of lists that state none; 0: not given
  std::uint64_t seed = 42;
  std::filesystem::path json;   // empty: no file
  std::filesystem::path plots;  // empty: none
};
[[nodiscard]] config::ExitCode replay_trace(const config::Invocation& call, const ReplayRequest& request);

struct PricesRequest {
  std::uint32_t nodes = 250;
  std::uint32_t devices = 8;
  std::uint32_t demand_percent = 100;
  std::uint32_t supply_percent = 100;
  std::uint32_t elasticity_percent = 100;
  std::uint32_t run_minutes = 120;
  std::uint32_t hours_after = 48;
  std::uint32_t paths = 6;
  std::uint64_t seed = 42;
  std::filesystem::path json;   // empty: no file
  std::filesystem::path plots;  // empty: none
};
[[nodiscard]] config::ExitCode prices(const config::Invocation& call, const PricesRequest& request);

struct AttacksRequest {
  std::vector<std::string> only;  // none: all
  std::uint64_t seed = 42;
  std::uint32_t seeds = 4;
  bool undefended = false;
  std::filesystem::path json;  // empty: no file
};
[[nodiscard]] config::ExitCode run_attacks(const config::Invocation& call, const AttacksRequest& request);

}  // namespace starminer::sim
