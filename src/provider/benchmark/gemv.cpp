// Inference: four dense layers of n x n weights applied to a batch of four vectors, as a model does for every token.
// The weights are read once a pass, so memory bandwidth decides. Between layers activations are folded to -3..3, which
// keeps every sum an exact integer. The host recomputes rows of each layer from the device's own activations before it.
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "provider/benchmark/component.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::size_t kLayers = 4;
constexpr std::uint32_t kBatch = 4;
constexpr int kBound = 3;
constexpr std::uint32_t kRowSamples = 64;
constexpr std::size_t kGroup = 128;

constexpr std::string_view kSource = R"(
__kernel void fill(__global float* out, uint k0, uint k1, uint base) {
  const uint i = get_global_id(0);
  out[i] = (float)bounded(mix_word(base + i, k0, k1), 3);
}

float folded(float y) { return (float)((((int)y) % 7 + 7) % 7 - 3); }

/* Vectors lie one after the other: x[b * n + k]. Sums go out as they are, and folded for the next layer. */
#ifdef PROCESSOR
__kernel void layer(__global float* sums, __global float* next, __global const float* w, __global const float* x, uint n) {
  const uint row = get_global_id(0);
  float16 s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
  for (uint k = 0; k < n; k += 16) {
    const float16 v = vload16(0, w + (ulong)row * n + k);
    s0 += v * vload16(0, x + k);
    s1 += v * vload16(0, x + n + k);
    s2 += v * vload16(0, x + 2 * n + k);
    s3 += v * vload16(0, x + 3 * n + k);
  }
  const float16 s[4] = {s0, s1, s2, s3};
  for (uint b = 0; b < 4; ++b) {
    const float8 h = s[b].lo + s[b].hi;
    const float4 q = h.lo + h.hi;
    const float y = (q.x + q.y) + (q.z + q.w);
    sums[b * n + row] = y;
    next[b * n + row] = folded(y);
  }
}
#else
__kernel __attribute__((reqd_work_group_size(128, 1, 1)))
void layer(__global float* sums, __global float* next, __global const float* w, __global const float* x, uint n) {
  __local float4 part[128];
  const uint t = get_local_id(0), row = get_group_id(0);
  float4 s = 0.0f;
  for (uint k = t * 4; k < n; k += 512) {
    const float4 v = vload4(0, w + (ulong)row * n + k);
    s.x += dot(v, vload4(0, x + k));
    s.y += dot(v, vload4(0, x + n + k));
    s.z += dot(v, vload4(0, x + 2 * n + k));
    s.w += dot(v, vload4(0, x + 3 * n + k));
  }
  part[t] = s;
  for (uint step = 64; step > 0; step >>= 1) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (t < step) part[t] += part[t + step];
  }
  if (t == 0) {
    const float4 y = part[0];
    sums[row] = y.x;
    sums[n + row] = y.y;
    sums[2 * n + row] = y.z;
    sums[3 * n + row] = y.w;
    next[row] = folded(y.x);
    next[n + row] = folded(y.y);
    next[2 * n + row] = folded(y.z);
    next[3 * n + row] = folded(y.w);
  }
}
#endif
)";

int folded(std::int64_t y) { return static_cast<int>(((y % 7) + 7) % 7 - 3); }

class Gemv final : public Component {
 public:
  std::string_view name() const override { return "gemv"; }
  const std::vector<std::uint32_t>& sizes() const override {
    static const std::vector<std::uint32_t> kSizes{256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192};
    return kSizes;
  }
  /// Bytes of weights.
  double operations(std::uint32_t n) const override { return static_cast<double>(kLayers) * 4.0 * n * n; }
  std::uint64_t buffer_bytes_max(std::uint32_t n) const override { return 4ULL * n * n; }
  std::uint64_t total_bytes(std::uint32_t n) const override { return (kLayers + 1) * buffer_bytes_max(n); }

  void prepare(Session& session, const Generator& generator, std::uint32_t n) override {
    if (program_.get() == nullptr) {
      program_ = session.build(name(), kSource, session.for_processor() ? "-DPROCESSOR" : "");
      fill_ = session.kernel(program_, "fill");
      layer_ = session.kernel(program_, "layer");
    }
    weights_key_ = generator.stream(0);
    inputs_key_ = generator.stream(1);
    n_ = n;
    const std::uint64_t vectors = 4ULL * kBatch * n;
    for (std::size_t l = 0; l < kLayers; ++l) {
      weights_.at(l) = session.allocate(4ULL * n * n);
      sums_.at(l) = session.allocate(vectors);
      session.launch(fill_, {{std::size_t{n} * n, 1}}, weights_.at(l), weights_key_.k0, weights_key_.k1, base_of(l));
    }
    for (auto& activation : activations_) activation = session.allocate(vectors);
    session.launch(fill_, {{std::size_t{kBatch} * n, 1}}, activations_[0], inputs_key_.k0, inputs_key_.k1, 0U);
  }

  void enqueue(Session& session) override {
    const Range range = session.for_processor() ? Range{{n_, 1}} : Range{{n_ * kGroup, 1}, {kGroup, 1}};
    for (std::size_t l = 0; l < kLayers; ++l) {
      session.launch(layer_, range, sums_.at(l), activations_.at(l + 1), weights_.at(l), activations_.at(l), n_);
    }
  }

  std::vector<std::uint32_t> check(Session& session, CheckDepth depth) override {
    std::vector<std::uint32_t> words;
    std::vector<int> x(std::size_t{kBatch} * n_);
    for (std::uint32_t i = 0; i < x.size(); ++i) x[i] = bounded(mix(i, inputs_key_), kBound);
    for (std::size_t l = 0; l < kLayers; ++l) {
      const auto sums = read_integers(session, sums_.at(l));
      for (const std::uint32_t row : indexes_to_check(n_, depth, kRowSamples)) check_row(l, row, x, sums);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = folded(sums[i]);
      words.insert(words.end(), sums.begin(), sums.end());
    }
    return words;
  }

 private:
  std::uint32_t base_of(std::size_t l) const { return static_cast<std::uint32_t>(l) * n_ * n_; }

  std::vector<std::int32_t> read_integers(Session& session, const Buffer& buffer) const {
    std::vector<float> values(std::size_t{kBatch} * n_);
    session.read(buffer, values.data(), values.size() * sizeof(float));
    std::vector<std::int32_t> integers(values.size());
    const float limit = static_cast<float>(kBound * kBound) * static_cast<float>(n_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!(std::fabs(values[i]) <= limit)) throw_wrong_result(name(), fmt::format("sum {} is out of range", i));
      integers[i] = static_cast<std::int32_t>(values[i]);
      if (static_cast<float>(integers[i]) != values[i])
        throw_wrong_result(name(), fmt::format("sum {} is no integer", i));
    }
    return integers;
  }

  void check_row(std::size_t l, std::uint32_t row, const std::vector<int>& x,
                 const std::vector<std::int32_t>& sums) const {
    std::array<std::int64_t, kBatch> expected{};
    for (std::uint32_t k = 0; k < n_; ++k) {
      const std::int64_t w = bounded(mix(base_of(l) + row * n_ + k, weights_key_), kBound);
      for (std::uint32_t b = 0; b < kBatch; ++b) expected.at(b) += w * x[std::size_t{b} * n_ + k];
    }
    for (std::uint32_t b = 0; b < kBatch; ++b) {
      if (sums[std::size_t{b} * n_ + row] != expected.at(b)) {
        throw_wrong_result(name(), fmt::format("layer {}, row {}, vector {}", l, row, b));
      }
    }
  }

  StreamKey weights_key_, inputs_key_;
  std::uint32_t n_ = 0;
  Program program_;
  Kernel fill_, layer_;
  std::array<Buffer, kLayers> weights_, sums_;
  std::array<Buffer, kLayers + 1> activations_;
};

}  // namespace

std::unique_ptr<Component> make_gemv() { return std::make_unique<Gemv>(); }

}  // namespace starminer::provider::benchmark
