// Rendering: paths through a scene of 64 spheres. Each path tests all spheres, goes on from the one it meets first in a
// new random direction, and ends after eight bounces or in the sky: the divergence of a path tracer. Places and
// directions are small integers and "first" is by closest approach, so all tests are exact in fp32 (every term stays
// below 2^24), and a pixel is one integer that the host can recompute alone.
#include <array>

#include <fmt/format.h>

#include "provider/benchmark/component.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::uint32_t kSpheres = 64;
constexpr std::uint32_t kPathsPerPixel = 8;
constexpr std::uint32_t kBounces = 8;
constexpr std::uint32_t kPixelSamples = 256;
constexpr int kExtent = 31;
constexpr int kSlope = 7;
constexpr std::uint32_t kNoSphere = 0xFFFFFFFFU;

constexpr std::string_view kSource = R"(
float4 sphere(uint i, uint k0, uint k1) {
  const uint a = mix_word(4 * i, k0, k1), b = mix_word(4 * i + 1, k0, k1);
  const uint c = mix_word(4 * i + 2, k0, k1), d = mix_word(4 * i + 3, k0, k1);
  return (float4)((float)bounded(a, 31), (float)bounded(b, 31), (float)bounded(c, 31), (float)(9 + (d >> 8) % 56));
}

float3 direction(uint word) {
  const int x = (int)((word >> 4) % 15) - 7, y = (int)((word >> 12) % 15) - 7, z = (int)((word >> 20) % 15) - 7;
  return (float3)((float)x, (float)y, (x | y | z) == 0 ? 1.0f : (float)z);
}

/* The sphere met first from o along d, other than `last`, and the closeness of its approach. */
#ifdef PROCESSOR
typedef struct { float x[64], y[64], z[64], r[64]; } Scene;

void put(__local Scene* scene, uint i, float4 s) {
  scene->x[i] = s.x;
  scene->y[i] = s.y;
  scene->z[i] = s.z;
  scene->r[i] = s.w;
}

float3 centre(__local const Scene* scene, uint i) { return (float3)(scene->x[i], scene->y[i], scene->z[i]); }

/* 16 spheres at a time; each lane keeps its first nearest, then the lanes are compared. */
uint first_hit(__local const Scene* scene, float3 o, float3 d, float a, uint last, float* nearest) {
  float16 lane_nearest = 1e9f;
  int16 lane_hit = -1;
  int16 index = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (uint q = 0; q < 4; ++q, index += 16) {
    const float16 x = vload16(q, scene->x) - o.x, y = vload16(q, scene->y) - o.y, z = vload16(q, scene->z) - o.z;
    const float16 b = d.x * x + d.y * y + d.z * z;
    const float16 c = x * x + y * y + z * z - vload16(q, scene->r);
    const int16 hit = (b > 0.0f) & (b < lane_nearest) & (b * b >= a * c) & (index != (int)last);
    lane_nearest = select(lane_nearest, b, hit);
    lane_hit = select(lane_hit, index, hit);
  }
  float distances[16];
  int hits[16];
  vstore16(lane_nearest, 0, distances);
  vstore16(lane_hit, 0, hits);
  int best = 0;
  for (int l = 1; l < 16; ++l)
    if (distances[l] < distances[best] || (distances[l] == distances[best] && hits[l] < hits[best])) best = l;
  *nearest = distances[best];
  return (uint)hits[best];
}
#else
typedef struct { float4 spheres[64]; } Scene;

void put(__local Scene* scene, uint i, float4 s) { scene->spheres[i] = s; }

float3 centre(__local const Scene* scene, uint i) { return scene->spheres[i].xyz; }

uint first_hit(__local const Scene* scene, float3 o, float3 d, float a, uint last, float* nearest) {
  uint hit = 0xFFFFFFFFu;
  *nearest = 1e9f;
  for (uint i = 0; i < 64; ++i) {
    const float4 s = scene->spheres[i];
    const float x = s.x - o.x, y = s.y - o.y, z = s.z - o.z;
    const float b = d.x * x + d.y * y + d.z * z;
    const float c = x * x + y * y + z * z - s.w;
    if (b > 0.0f && b < *nearest && b * b >= a * c && i != last) {
      *nearest = b;
      hit = i;
    }
  }
  return hit;
}
#endif

uint trace(__local const Scene* scene, uint path, uint k0, uint k1) {
  uint state = mix_word(path, k0, k1), value = 0, last = 0xFFFFFFFFu;
  float3 o = (float3)((float)bounded(state, 31), (float)bounded(state * 0x9E3779B1u, 31), -31.0f);
  for (uint bounce = 0; bounce < 8; ++bounce) {
    state = mix_word(state, k0, k1 + bounce);
    const float3 d = direction(state);
    float nearest;
    const uint hit = first_hit(scene, o, d, d.x * d.x + d.y * d.y + d.z * d.z, last, &nearest);
    if (hit == 0xFFFFFFFFu) return value * 31 + (uint)(int)(d.y + 7.0f);
    value = value * 31 + (hit << 12) + (uint)(int)nearest;
    o = centre(scene, hit);
    last = hit;
  }
  return value;
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1)))
void render(__global uint* image, uint s0, uint s1, uint p0, uint p1) {
  __local Scene scene;
  put(&scene, get_local_id(0), sphere(get_local_id(0), s0, s1));
  barrier(CLK_LOCAL_MEM_FENCE);
  const uint pixel = get_global_id(0);
  uint sum = 0;
  for (uint i = 0; i < 8; ++i) sum += trace(&scene, pixel * 8 + i, p0, p1);
  image[pixel] = sum;
}
)";

/// The host's own path, in integers throughout: another arithmetic than the device's on purpose.
struct Sphere {
  int x, y, z, radius_squared;
};

struct Vector {
  int x, y, z;
};

Vector direction(std::uint32_t word) {
  const int x = static_cast<int>((word >> 4U) % 15) - kSlope;
  const int y = static_cast<int>((word >> 12U) % 15) - kSlope;
  const int z = static_cast<int>((word >> 20U) % 15) - kSlope;
  return {x, y, x == 0 && y == 0 && z == 0 ? 1 : z};
}

using Scene = std::array<Sphere, kSpheres>;

Scene make_scene(StreamKey key) {
  Scene scene{};
  for (std::uint32_t i = 0; i < kSpheres; ++i) {
    scene.at(i) = {bounded(mix(4 * i, key), kExtent), bounded(mix(4 * i + 1, key), kExtent),
                   bounded(mix(4 * i + 2, key), kExtent), static_cast<int>(9 + (mix(4 * i + 3, key) >> 8U) % 56)};
  }
  return scene;
}

std::uint32_t trace(const Scene& scene, std::uint32_t path, StreamKey key) {
  std::uint32_t state = mix(path, key);
  std::uint32_t value = 0;
  std::uint32_t last = kNoSphere;
  Vector o{bounded(state, kExtent), bounded(state * 0x9E3779B1U, kExtent), -kExtent};
  for (std::uint32_t bounce = 0; bounce < kBounces; ++bounce) {
    state = mix(state, {key.k0, key.k1 + bounce});
    const Vector d = direction(state);
    const int a = d.x * d.x + d.y * d.y + d.z * d.z;
    int nearest = 1'000'000'000;
    std::uint32_t hit = kNoSphere;
    for (std::uint32_t i = 0; i < kSpheres; ++i) {
      const Sphere& s = scene.at(i);
      const Vector to{s.x - o.x, s.y - o.y, s.z - o.z};
      const int b = d.x * to.x + d.y * to.y + d.z * to.z;
      const int c = to.x * to.x + to.y * to.y + to.z * to.z - s.radius_squared;
      if (b > 0 && b < nearest && b * b >= a * c && i != last) {
        nearest = b;
        hit = i;
      }
    }
    if (hit == kNoSphere) return value * 31 + static_cast<std::uint32_t>(d.y + kSlope);
    value = value * 31 + (hit << 12U) + static_cast<std::uint32_t>(nearest);
    o = {scene.at(hit).x, scene.at(hit).y, scene.at(hit).z};
    last = hit;
  }
  return value;
}

class Paths final : public Component {
 public:
  std::string_view name() const override { return "paths"; }
  /// Width and height in pixels.
  const std::vector<std::uint32_t>& sizes() const override {
    static const std::vector<std::uint32_t> kSizes{32, 64, 128, 192, 256, 384, 512, 1024, 2048, 4096};
    return kSizes;
  }
  double operations(std::uint32_t side) const override { return static_cast<double>(kPathsPerPixel) * side * side; }
  std::uint64_t buffer_bytes_max(std::uint32_t side) const override { return 4ULL * side * side; }
  std::uint64_t total_bytes(std::uint32_t side) const override { return buffer_bytes_max(side); }

  void prepare(Session& session, const Generator& generator, std::uint32_t side) override {
    if (program_.get() == nullptr) {
      program_ = session.build(name(), kSource, session.for_processor() ? "-DPROCESSOR" : "");
      render_ = session.kernel(program_, "render");
    }
    scene_key_ = generator.stream(0);
    path_key_ = generator.stream(1);
    pixels_ = side * side;
    image_ = session.allocate(4ULL * pixels_);
  }

  void enqueue(Session& session) override {
    session.launch(render_, {{pixels_, 1}, {kSpheres, 1}}, image_, scene_key_.k0, scene_key_.k1, path_key_.k0,
                   path_key_.k1);
  }

  std::vector<std::uint32_t> check(Session& session, CheckDepth depth) override {
    std::vector<std::uint32_t> image(pixels_);
    session.read(image_, image.data(), image.size() * sizeof(std::uint32_t));
    const Scene scene = make_scene(scene_key_);
    for (const std::uint32_t pixel : indexes_to_check(pixels_, depth, kPixelSamples)) {
      std::uint32_t expected = 0;
      for (std::uint32_t i = 0; i < kPathsPerPixel; ++i)
        expected += trace(scene, pixel * kPathsPerPixel + i, path_key_);
      if (image[pixel] != expected) throw_wrong_result(name(), fmt::format("pixel {} of {}", pixel, pixels_));
    }
    return image;
  }

 private:
  StreamKey scene_key_, path_key_;
  std::uint32_t pixels_ = 0;
  Program program_;
  Kernel render_;
  Buffer image_;
};

}  // namespace

std::unique_ptr<Component> make_paths() { return std::make_unique<Paths>(); }

}  // namespace starminer::provider::benchmark
