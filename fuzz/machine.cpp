// Bytes as the decisions of a market full of strangers: whole blocks through the real machine, all invariants and the
// money counted twice after each.
#include <gtest/gtest.h>

#include "fuzz/expect.h"
#include "scenario/driver.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kTransactions = 40;
  GTEST_FLAG_SET(throw_on_failure, true);
  const starminer::ByteView given(data, size);
  starminer::scenario::Driver driver(given.empty() ? 0 : given.front(), given);
  driver.run(kTransactions);
  for (const std::string& difference : driver.differences()) starminer::fuzz::expect(false, difference.c_str());
  return 0;
}
