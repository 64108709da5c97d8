// Who and what the campaigns' random transactions name: few of each, so that they meet.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::scenario {

inline constexpr std::array<const char*, 4> kRequesters = {"ada", "bob", "cleo", "mallory"};
inline constexpr std::array<const char*, 4> kProviders = {"aurora", "borealis", "corona", "mallory"};
inline constexpr std::array<const char*, 10> kEverybody = {"ada",      "bob",    "cleo",     "mallory", "aurora",
                                                           "borealis", "corona", "operator", "vault",   "newcomer"};
inline constexpr std::array<const char*, 6> kClasses = {"A100", "A100", "H100", "RTX4090", "CPU", "NoSuchClass"};
inline constexpr std::array<const char*, 3> kSites = {"hall", "hall", "barn"};
inline constexpr std::array<const char*, 4> kRegions = {"eu-central", "eu-north", "us-east", "nowhere"};

inline std::string hash_text(std::string_view what) { return to_text(sha256(what).view()); }

/// Requires: the table has more than n rows.
template <class Table>
auto nth_key(const Table& table, std::uint64_t n) {
  auto it = table.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(n));
  return it->first;
}

}  // namespace starminer::scenario
