// The campaigns as a program of their own: with STARMINER_SIGNATURES=off signatures and proofs of randomness cost
// nothing, and STARMINER_PLANTED names a bug that a campaign must see.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <gtest/gtest.h>

#include "scenario/cheap_signatures.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* signatures = std::getenv("STARMINER_SIGNATURES");
  if (signatures != nullptr && std::string_view(signatures) == "off") starminer::scenario::use_cheap_signatures();
  const char* planted = std::getenv("STARMINER_PLANTED");
  if (planted != nullptr) std::cout << "planted: " << planted << '\n';
  return RUN_ALL_TESTS();
}
