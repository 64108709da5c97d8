// Simulation, part one: forces between all pairs of soft bodies, F = sum of d max(0, 64 - |d|^2), the pattern of n-body
// and molecular dynamics without its roots. Places are integers within 15, so each force is an integer of at most 195 a
// pair and exact in fp32 for up to 65,536 bodies.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "provider/benchmark/component.h"

namespace starminer::provider::benchmark {
namespace {

constexpr int kExtent = 15;
constexpr int kRangeSquared = 64;
constexpr std::uint32_t kBodySamples = 64;
constexpr std::size_t kGroup = 128;
constexpr std::size_t kLanes = 16;

constexpr std::string_view kSource = R"(
__kernel void place(__global float4* bodies, uint k0, uint k1) {
  const uint i = get_global_id(0);
  bodies[i] = (float4)((float)bounded(mix_word(3 * i, k0, k1), 15), (float)bounded(mix_word(3 * i + 1, k0, k1), 15),
                       (float)bounded(mix_word(3 * i + 2, k0, k1), 15), 0.0f);
}

#ifdef PROCESSOR
/* Each work-item: the forces on 16 bodies held in vector registers. */
__kernel void forces(__global float4* out, __global const float4* bodies, uint n) {
  const uint first = get_global_id(0) * 16;
  float own[3][16];
  for (uint l = 0; l < 16; ++l) {
    own[0][l] = bodies[first + l].x;
    own[1][l] = bodies[first + l].y;
    own[2][l] = bodies[first + l].z;
  }
  const float16 ox = vload16(0, own[0]), oy = vload16(0, own[1]), oz = vload16(0, own[2]);
  float16 x = 0.0f, y = 0.0f, z = 0.0f;
  for (uint j = 0; j < n; ++j) {
    const float4 other = bodies[j];
    const float16 dx = other.x - ox, dy = other.y - oy, dz = other.z - oz;
    const float16 push = fmax((float16)0.0f, 64.0f - (dx * dx + dy * dy + dz * dz));
    x += dx * push;
    y += dy * push;
    z += dz * push;
  }
  vstore16(x, 0, own[0]);
  vstore16(y, 0, own[1]);
  vstore16(z, 0, own[2]);
  for (uint l = 0; l < 16; ++l) out[first + l] = (float4)(own[0][l], own[1][l], own[2][l], 0.0f);
}
#else
__kernel __attribute__((reqd_work_group_size(128, 1, 1)))
void forces(__global float4* out, __global const float4* bodies, uint n) {
  __local float4 tile[128];
  const uint i = get_global_id(0), t = get_local_id(0);
  const float4 own = bodies[i];
  float x = 0.0f, y = 0.0f, z = 0.0f;
  for (uint base = 0; base < n; base += 128) {
    tile[t] = bodies[base + t];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint j = 0; j < 128; ++j) {
      const float dx = tile[j].x - own.x, dy = tile[j].y - own.y, dz = tile[j].z - own.z;
      const float push = fmax(0.0f, 64.0f - (dx * dx + dy * dy + dz * dz));
      x += dx * push;
      y += dy * push;
      z += dz * push;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  out[i] = (float4)(x, y, z, 0.0f);
}
#endif
)";

using Place = std::array<int, 3>;

class Pairs final : public Component {
 public:
  std::string_view name() const override { return "pairs"; }
  /// Bodies.
  const std::vector<std::uint32_t>& sizes() const override {
    static const std::vector<std::uint32_t> kSizes{512, 1024, 2048, 3072, 4096, 6144, 8192, 16'384, 32'768, 65'536};
    return kSizes;
  }
  double operations(std::uint32_t n) const override { return static_cast<double>(n) * n; }
  std::uint64_t buffer_bytes_max(std::uint32_t n) const override { return 16ULL * n; }
  std::uint64_t total_bytes(std::uint32_t n) const override { return 2 * buffer_bytes_max(n); }

  void prepare(Session& session, const Generator& generator, std::uint32_t n) override {
    if (program_.get() == nullptr) {
      program_ = session.build(name(), kSource, session.for_processor() ? "-DPROCESSOR" : "");
      place_ = session.kernel(program_, "place");
      forces_ = session.kernel(program_, "forces");
    }
    key_ = generator.stream(0);
    n_ = n;
    bodies_ = session.allocate(buffer_bytes_max(n));
    out_ = session.allocate(buffer_bytes_max(n));
    session.launch(place_, {{n, 1}}, bodies_, key_.k0, key_.k1);
  }

  void enqueue(Session& session) override {
    const Range range = session.for_processor() ? Range{{n_ / kLanes, 1}, {1, 1}} : Range{{n_, 1}, {kGroup, 1}};
    session.launch(forces_, range, out_, bodies_, n_);
  }

  std::vector<std::uint32_t> check(Session& session, CheckDepth depth) override {
    std::vector<float> values(std::size_t{4} * n_);
    session.read(out_, values.data(), values.size() * sizeof(float));
    std::vector<Place> places(n_);
    for (std::uint32_t i = 0; i < n_; ++i) places[i] = place_of(i);
    for (const std::uint32_t i : indexes_to_check(n_, depth, kBodySamples)) {
      const Place expected = force_on(places, i);
      for (std::size_t axis = 0; axis < 3; ++axis) {
        if (values[std::size_t{4} * i + axis] != static_cast<float>(expected.at(axis))) {
          throw_wrong_result(name(), fmt::format("force on body {} of {}", i, n_));
        }
      }
    }
    std::vector<std::uint32_t> words;
    if (depth == CheckDepth::Sampled) return words;
    for (std::uint32_t i = 0; i < n_; ++i) {
      for (std::size_t axis = 0; axis < 3; ++axis) {
        words.push_back(static_cast<std::uint32_t>(static_cast<std::int32_t>(values[std::size_t{4} * i + axis])));
      }
    }
    return words;
  }

 private:
  Place place_of(std::uint32_t i) const {
    return {bounded(mix(3 * i, key_), kExtent), bounded(mix(3 * i + 1, key_), kExtent),
            bounded(mix(3 * i + 2, key_), kExtent)};
  }

  static Place force_on(const std::vector<Place>& places, std::uint32_t i) {
    Place force{};
    for (const Place& other : places) {
      const Place d{other[0] - places[i][0], other[1] - places[i][1], other[2] - places[i][2]};
      const int push = std::max(0, kRangeSquared - (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
      for (std::size_t axis = 0; axis < 3; ++axis) force.at(axis) += d.at(axis) * push;
    }
    return force;
  }

  StreamKey key_;
  std::uint32_t n_ = 0;
  Program program_;
  Kernel place_, forces_;
  Buffer bodies_, out_;
};

}  // namespace

std::unique_ptr<Component> make_pairs() { return std::make_unique<Pairs>(); }

}  // namespace starminer::provider::benchmark
