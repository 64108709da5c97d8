// Included before everything else in builds of preset plain: the hash of keys, which only finds rows, starts elsewhere,
// and from another place in every run where STARMINER_KEY_SEED says so. Nothing that a machine comes to may change.
#pragma once

#if __has_include("protocol/state/key_hash.h")
#define STARMINER_SHUFFLED_KEYS 1
#define hash_key hash_key_as_shipped
#include "protocol/state/key_hash.h"
#undef hash_key

#include <cstdlib>

namespace starminer::protocol::state {

inline std::uint64_t key_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("STARMINER_KEY_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 0x9216d5d98979fb1bU;
  }();
  return seed;
}

template <class Key>
[[nodiscard]] std::uint64_t hash_key(const Key& key) {
  return key_hash_detail::absorb(hash_key_as_shipped(key), key_seed());
}

}  // namespace starminer::protocol::state
#endif
