// What an agent runs before it takes jobs: the shipped escape attempts and the limits, inside a sandbox of this
// machine. A machine on which one of them succeeds must not take jobs. Takes about a second.
#pragma once

#include <string>
#include <vector>

#include "provider/sandbox/sandbox.h"

namespace starminer::provider::sandbox {

struct SelfTestResult {
  std::string name;  ///< Of the attempt, or "limit-..." for a limit.
  bool passed = false;
  std::string detail;  ///< How the attempt was refused, or what went wrong.
};

/// One row per attempt and limit. Never empty: where the sandbox cannot run at all, that is a failed row.
[[nodiscard]] std::vector<SelfTestResult> self_test(Sandbox& sandbox);

/// Whether every row passed.
[[nodiscard]] bool all_passed(const std::vector<SelfTestResult>& results);

}  // namespace starminer::provider::sandbox
