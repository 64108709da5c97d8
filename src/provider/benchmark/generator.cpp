#include "provider/benchmark/generator.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::string_view kInputsTag = "starminer/benchmark/inputs/1";

std::uint32_t word_at(const Hash32& hash, std::size_t index) {
  std::uint32_t word = 0;
  for (std::size_t byte = 0; byte < 4; ++byte) {
    word |= static_cast<std::uint32_t>(hash.bytes.at(4 * index + byte)) << (8 * byte);
  }
  return word;
}

}  // namespace

const std::string_view kGeneratorSource = R"(
uint mix_word(uint x, uint k0, uint k1) {
  x ^= k0;
  x *= 0x9E3779B1u;
  x ^= x >> 16;
  x *= 0x85EBCA6Bu;
  x ^= x >> 13;
  x += k1;
  x *= 0xC2B2AE35u;
  x ^= x >> 16;
  return x;
}
int bounded(uint word, int bound) { return (int)((word >> 8) % (uint)(2 * bound + 1)) - bound; }
)";

Generator::Generator(const Hash32& seed, WorkloadKind kind, std::string_view component) {
  const auto number = static_cast<std::uint8_t>(kind);
  Bytes message(seed.bytes.begin(), seed.bytes.end());
  message.push_back(number);
  const auto name = as_bytes(component);
  message.insert(message.end(), name.begin(), name.end());
  const Hash32 keys = tagged_hash(kInputsTag, message);
  for (std::size_t i = 0; i < kStreams; ++i) streams_.at(i) = {word_at(keys, 2 * i), word_at(keys, 2 * i + 1)};
}

}  // namespace starminer::provider::benchmark
