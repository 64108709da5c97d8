// What comparing costs beside the plainest loop over the same arrays, and checking a product beside making it.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "ratio.h"
#include "verification/audits/product.h"
#include "verification/comparison/compare.h"

namespace starminer::bench {
namespace {

using namespace verification;  // NOLINT(google-build-using-namespace): what is measured

constexpr std::size_t kElements = 1'000'000;

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Two arrays of floats, as of two honest devices: a tenth of the elements one place apart.
struct Floats {
  std::vector<float> claimed = std::vector<float>(kElements);
  std::vector<float> recomputed;
  Floats() {
    std::mt19937_64 words(1);
    for (float& value : claimed) value = static_cast<float>(static_cast<double>(words()) / 0x1p60 - 8);
    recomputed = claimed;
    for (float& value : recomputed) {
      if (words() % 10 == 0) value = std::nextafter(value, 0.0F);
    }
  }
};

Sides raw_sides(const Bytes& claimed, const Bytes& recomputed, Element element) {
  return {{claimed, RawForm{element, {}}, {}}, {recomputed, RawForm{element, {}}, {}}};
}

Body judged(Comparator comparator, const Bytes& claimed, const Bytes& recomputed, Element element, Reason expected) {
  return [=, &claimed, &recomputed](benchmark::State& state) {
    for (auto unused : state) {
      const Judgement judgement = judge(comparator, raw_sides(claimed, recomputed, element));
      benchmark::DoNotOptimize(judgement.findings.largest);
      if (judgement.reason != expected) state.SkipWithError("another verdict");
    }
  };
}

void compare_exact() {
  static const Bytes claimed(4 * kElements, 0x5a);
  static const Bytes recomputed = claimed;
  const Body exact = [](benchmark::State& state) {
    for (auto unused : state) {
      const Judgement judgement = judge(Exact{}, {{claimed, BytesForm{}, {}}, {recomputed, BytesForm{}, {}}});
      if (judgement.reason != Reason::Identical) state.SkipWithError("another verdict");
    }
  };
  const Body plain = [](benchmark::State& state) {
    for (auto unused : state) {
      benchmark::DoNotOptimize(std::memcmp(claimed.data(), recomputed.data(), claimed.size()));
      benchmark::ClobberMemory();
    }
  };
  compare({"compare_exact_over_memcmp",
           "one memcmp",
           "4 MB that are the same, without their hashes",
           {exact, kElements},
           {plain, kElements}});
}

void compare_floats() {
  static const Floats floats;
  static const Bytes claimed = bytes_of(floats.claimed);
  static const Bytes recomputed = bytes_of(floats.recomputed);
  const Body plain = [](benchmark::State& state) {
    for (auto unused : state) {
      double largest = 0;
      for (std::size_t i = 0; i < kElements; ++i)
        largest = std::max(largest, std::abs(static_cast<double>(floats.claimed[i]) - floats.recomputed[i]));
      benchmark::DoNotOptimize(largest);
    }
  };
  compare({"compare_ulp_over_double_loop",
           "a loop for the largest difference in double precision",
           "10^6 floats, a tenth of them one place apart",
           {judged(Ulp{1}, claimed, recomputed, Element::F32, Reason::WithinTolerance), kElements},
           {plain, kElements},
           false,
           "compare_ulp_elements_per_s"});
}

void compare_samples() {
  static const auto samples = [] {
    std::mt19937_64 words(2);
    std::pair<Bytes, Bytes> made{Bytes(kElements), {}};
    for (std::uint8_t& value : made.first) value = static_cast<std::uint8_t>(1 + words() % 254);
    made.second = made.first;
    for (std::uint8_t& value : made.second) value = static_cast<std::uint8_t>(value + words() % 3 - 1);
    return made;
  }();
  const Body plain = [](benchmark::State& state) {
    for (auto unused : state) {
      double sum = 0;
      for (std::size_t i = 0; i < kElements; ++i) {
        const double difference = static_cast<double>(samples.first[i]) - samples.second[i];
        sum += difference * difference;
      }
      benchmark::DoNotOptimize(sum);
    }
  };
  compare({"compare_mse_over_double_loop",
           "a loop for the sum of squares in double precision",
           "10^6 samples of 8 bits, two thirds of them one step apart",
           {judged(MseMax{1}, samples.first, samples.second, Element::U8, Reason::WithinTolerance), kElements},
           {plain, kElements},
           false,
           "compare_mse_samples_per_s"});
}

void compare_verdict() {
  static const Bytes claimed(4 * kElements, 0x3f);
  const Body whole = [](benchmark::State& state) {
    for (auto unused : state)
      benchmark::DoNotOptimize(verification::compare(Ulp{0}, raw_sides(claimed, claimed, Element::F32)).digest);
  };
  const Body hashes = [](benchmark::State& state) {
    for (auto unused : state) {
      benchmark::DoNotOptimize(sha256(claimed));
      benchmark::DoNotOptimize(sha256(claimed));
    }
  };
  compare({"verdict_over_sha256",
           "SHA-256 of both artifacts",
           "10^6 floats that are the same, from bytes to digest",
           {whole, kElements},
           {hashes, kElements}});
}

void compare_product() {
  constexpr std::size_t kSize = 512;
  struct Matrices {
    std::vector<std::int8_t> a = std::vector<std::int8_t>(kSize * kSize);
    std::vector<std::int8_t> b = a;
    std::vector<std::int32_t> c = std::vector<std::int32_t>(kSize * kSize);

    void multiply() {
      std::fill(c.begin(), c.end(), 0);
      for (std::size_t i = 0; i < kSize; ++i) {
        for (std::size_t x = 0; x < kSize; ++x) {
          for (std::size_t j = 0; j < kSize; ++j) c[i * kSize + j] += a[i * kSize + x] * b[x * kSize + j];
        }
      }
    }
  };
  static Matrices matrices = [] {
    Matrices made;
    std::mt19937_64 words(3);
    for (auto* matrix : {&made.a, &made.b}) {
      for (std::int8_t& value : *matrix) value = static_cast<std::int8_t>(words());
    }
    made.multiply();
    return made;
  }();
  static const std::array<Bytes, 3> files = {bytes_of(matrices.a), bytes_of(matrices.b), bytes_of(matrices.c)};
  const Body check = [](benchmark::State& state) {
    const std::vector<std::uint64_t> shape = {kSize, kSize};
    const Tensor a = *parse_raw(files[0], Element::I8, shape);
    const Tensor b = *parse_raw(files[1], Element::I8, shape);
    const Tensor c = *parse_raw(files[2], Element::I32, shape);
    for (auto unused : state) {
      if (check_product({a, b, c}, sha256("seed"), 1).outcome != ProductOutcome::Right)
        state.SkipWithError("not right");
    }
  };
  const Body multiply = [](benchmark::State& state) {
    for (auto unused : state) {
      matrices.multiply();
      benchmark::DoNotOptimize(matrices.c.data());
    }
  };
  compare({"freivalds_over_product",
           "the product itself, three loops in int32",
           "512 x 512 matrices of int8, one round",
           {check, 1},
           {multiply, 1}});
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using namespace starminer::bench;  // NOLINT(google-build-using-namespace): the program's own names
  compare_exact();
  compare_floats();
  compare_samples();
  compare_verdict();
  compare_product();
  return run_comparisons(argc, argv);
}
