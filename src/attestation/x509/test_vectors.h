// Files of the vector folder, for tests.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/check.h"

// The build gives the whole path.
#ifndef STARMINER_VECTORS
#define STARMINER_VECTORS "tests/vectors"
#endif

namespace starminer::attestation {

inline Bytes vector_file(const std::string& name) {
  const std::string path = std::string(STARMINER_VECTORS) + "/attestation/" + name;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  STARMINER_CHECK(file != nullptr);
  Bytes bytes(1U << 20);
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  return bytes;
}

inline std::string vector_text(const std::string& name) { return to_text(vector_file(name)); }

/// Calls `visit` with the bytes after each single bit is flipped, every `stride`-th bit from `first` on.
template <class Visit>
void for_each_flip(const Bytes& bytes, std::size_t first, std::size_t stride, Visit&& visit) {
  Bytes changed = bytes;
  for (std::size_t bit = first; bit < 8 * bytes.size(); bit += stride) {
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    visit(changed, bit);
    changed[bit / 8] = bytes[bit / 8];
  }
}

}  // namespace starminer::attestation
