// Assertions for our own bugs. They stay on in release builds: stopping is cheaper than wrong money.
// Bytes that come from a user, a peer or a disk must never reach one.
#pragma once

namespace starminer {

/// Prints the failed condition with its place and aborts the process.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace starminer

#define STARMINER_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::starminer::assertion_failed(#condition, __FILE__, __LINE__))
