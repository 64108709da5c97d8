// The program `starminer-sim`: experiments with the market's own code on published traces.
#pragma once

namespace starminer::sim {

/// Runs the command line and returns the exit status.
[[nodiscard]] int run_program(int argc, const char* const* argv);

}  // namespace starminer::sim
