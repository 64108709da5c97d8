// Files of tests/vectors/comparison, and tensors over bytes that a test holds.
#pragma once

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "verification/comparison/tensor.h"

// The build gives the whole path.
#ifndef STARMINER_VECTORS
#define STARMINER_VECTORS "tests/vectors"
#endif

namespace starminer::verification {

inline Bytes vector_file(const std::string& name) {
  const std::string path = std::string(STARMINER_VECTORS) + "/comparison/" + name;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  EXPECT_TRUE(file != nullptr) << path;
  Bytes bytes;
  if (!file) return bytes;
  std::uint8_t part[4'096];
  for (std::size_t size = 0; (size = std::fread(part, 1, sizeof(part), file.get())) > 0;)
    bytes.insert(bytes.end(), part, part + size);
  return bytes;
}

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// One dimension of these values, which it owns.
template <class T>
Tensor tensor_of(Element element, const std::vector<T>& values) {
  Tensor tensor;
  tensor.element = element;
  tensor.shape = {values.size()};
  tensor.own = std::make_shared<const Bytes>(bytes_of(values));
  tensor.data = *tensor.own;
  return tensor;
}

}  // namespace starminer::verification
