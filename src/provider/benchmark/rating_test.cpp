#include "provider/benchmark/rating.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace starminer::provider::benchmark {
namespace {

std::vector<Measurement> at_speed(WorkloadKind kind, double factor) {
  std::vector<Measurement> measurements;
  for (const auto& row : reference_rows(kind)) {
    Measurement m;
    m.component = row.component;
    m.weight = row.weight;
    m.reference_per_second = row.reference_per_second;
    m.operations_per_second = row.reference_per_second * factor;
    measurements.push_back(m);
  }
  return measurements;
}

// REQ: TOK-2
TEST(Rating, ReferenceDeviceIsOneThousand) {
  for (const auto kind : kAllKinds) {
    double weights = 0;
    for (const auto& row : reference_rows(kind)) weights += row.weight;
    EXPECT_DOUBLE_EQ(weights, 1.0) << kind_name(kind);
    EXPECT_EQ(rating_x1000(at_speed(kind, 1)), 1000U);
    EXPECT_EQ(rating_x1000(at_speed(kind, 3.5)), 3500U);
    EXPECT_EQ(rating_x1000(at_speed(kind, 0.007)), 7U);
  }
}

TEST(Rating, SlowestPartWeighsAsMuchAsItCostsTime) {
  auto measurements = at_speed(WorkloadKind::Training, 1);
  measurements[0].operations_per_second /= 3;  // half of the time takes three times as long: 2 times in all
  EXPECT_EQ(rating_x1000(measurements), 500U);
}

TEST(Rating, StaysWithinItsBounds) {
  EXPECT_EQ(rating_x1000(at_speed(WorkloadKind::Rendering, 1e-9)), 1U);
  EXPECT_EQ(rating_x1000(at_speed(WorkloadKind::Rendering, 1e12)), 1'000'000'000U);
}

TEST(Rating, FasterDeviceIsNeverRatedLower) {
  rc::check("monotone in every component", [] {
    const auto kind = kAllKinds.at(*rc::gen::inRange<std::size_t>(0, kAllKinds.size()));
    auto slow = at_speed(kind, 1);
    for (auto& m : slow) m.operations_per_second *= *rc::gen::inRange(1, 5000) / 1000.0;
    auto fast = slow;
    fast.at(*rc::gen::inRange<std::size_t>(0, fast.size())).operations_per_second *=
        *rc::gen::inRange(1000, 9000) / 1000.0;
    RC_ASSERT(rating_x1000(fast) >= rating_x1000(slow));
  });
}

TEST(WorkloadKind, NamesReadBack) {
  for (const auto kind : kAllKinds) EXPECT_EQ(parse_kind(kind_name(kind)), kind);
  EXPECT_FALSE(parse_kind("mining"));
}

}  // namespace
}  // namespace starminer::provider::benchmark
