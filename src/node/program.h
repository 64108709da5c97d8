// The program `starminerd`: its commands and options.
#pragma once

namespace starminer::node {

/// Runs the command line and returns the exit status.
[[nodiscard]] int run_program(int argc, const char* const* argv);

}  // namespace starminer::node
