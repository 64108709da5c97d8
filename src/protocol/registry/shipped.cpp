#include "protocol/registry/shipped.h"

#include <array>
#include <limits>
#include <string_view>

#include "base/check.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kMilliAgpu = kBasePerToken / 1000;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

struct ShippedClass {
  std::string_view name;
  std::uint64_t anchor_milli;  // AGPU per GPU-hour / 1000, protocol section 0.1
  std::uint64_t memory_gib;
  std::array<std::uint32_t, kJobKindCount> rating;  // training, inference, rendering, simulation; README.md: sources
  bool mixed;                                       // devices of many models: wide rating band
};

constexpr std::uint32_t kCpuTimesMax = 50;
constexpr std::string_view kCpu = "CPU";
constexpr auto kClasses = std::to_array<ShippedClass>({
    {"RTX4090", 375, 24, {680, 580, 4240, 260}, false},
    {"L40S", 710, 48, {640, 520, 4700, 250}, false},
    {"A100", 1000, 80, {1000, 1000, 1000, 1000}, false},
    {"H100", 1830, 80, {1840, 1740, 3440, 2380}, false},
    {"H200", 2670, 140, {2150, 2250, 3440, 2850}, false},
    {"B200", 4000, 179, {2960, 3410, 4100, 4020}, false},
    {"GPU", 250, 16, {250, 250, 250, 250}, true},
    {kCpu, 20, 16, {10, 10, 10, 10}, true},
});
static_assert(kClasses.size() <= kClassesMax);

constexpr Ppm kMixedLow{200'000};
constexpr Ppm kMixedHigh{5'000'000};

struct ShippedRegion {
  std::string_view name;
  std::uint64_t factor_ppm;  // 800'000 .. 1'500'000
};

constexpr auto kRegions = std::to_array<ShippedRegion>({
    {"eu-central", 1'000'000},
    {"eu-north", 900'000},
    {"eu-west", 1'020'000},
    {"us-east", 1'000'000},
    {"us-central", 950'000},
    {"us-west", 1'030'000},
    {"ca-east", 920'000},
    {"sa-east", 1'200'000},
    {"ap-northeast", 1'150'000},
    {"ap-southeast", 1'150'000},
    {"ap-south", 1'050'000},
    {"oceania", 1'200'000},
    {"me-central", 1'050'000},
    {"af-south", 1'150'000},
    {"local", 1'000'000},
});
constexpr std::size_t kLocal = kRegions.size() - 1;
static_assert(kRegions.size() <= kRegionsMax && kRegions[kLocal].name == "local");

// Round trips in ms, row and column in the order of the regions above, without `local`, which is one machine or one
// site: its distance to the others is unknown.
constexpr std::array<std::array<std::uint16_t, kLocal>, kLocal> kRoundTrips = {{
    {5},
    {25, 5},
    {25, 40, 5},
    {90, 110, 70, 5},
    {105, 125, 90, 30, 5},
    {145, 160, 125, 65, 40, 5},
    {95, 110, 75, 15, 25, 65, 5},
    {205, 220, 180, 115, 140, 175, 125, 5},
    {230, 250, 205, 150, 130, 100, 150, 260, 5},
    {160, 180, 175, 220, 200, 165, 215, 325, 70, 5},
    {115, 140, 125, 190, 215, 220, 195, 300, 125, 60, 5},
    {250, 275, 255, 200, 180, 140, 200, 310, 105, 95, 145, 5},
    {115, 135, 120, 180, 205, 245, 185, 290, 165, 100, 35, 190, 5},
    {155, 180, 160, 225, 245, 280, 230, 340, 350, 290, 265, 400, 230, 5},
}};
constexpr std::uint32_t kLocalMs = 1;

}  // namespace

std::vector<ClassRow> shipped_classes(std::uint64_t price_scale) {
  std::vector<ClassRow> rows;
  for (const ShippedClass& shipped : kClasses) {
    const auto anchor = checked_mul(shipped.anchor_milli * kMilliAgpu, price_scale);
    STARMINER_CHECK(anchor.has_value());
    ClassRow row{std::string(shipped.name), Price{*anchor}, shipped.rating, shipped.memory_gib * kGiB};
    if (shipped.mixed) {
      row.rating_low = kMixedLow;
      row.rating_high = kMixedHigh;
    }
    if (shipped.name == kCpu) row.rating_times_max = kCpuTimesMax;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<RegionRow> shipped_regions() {
  std::vector<RegionRow> rows;
  for (const ShippedRegion& shipped : kRegions) rows.push_back({std::string(shipped.name), Ppm{shipped.factor_ppm}});
  return rows;
}

std::vector<std::pair<RegionPair, LatencyRow>> shipped_latencies() {
  std::vector<std::pair<RegionPair, LatencyRow>> rows;
  for (std::size_t to = 0; to < kLocal; ++to) {
    for (std::size_t from = 0; from <= to; ++from) {
      rows.push_back({{static_cast<RegionId>(from), static_cast<RegionId>(to)}, {kRoundTrips[to][from]}});
    }
  }
  rows.push_back({{static_cast<RegionId>(kLocal), static_cast<RegionId>(kLocal)}, {kLocalMs}});
  return rows;
}

}  // namespace starminer::protocol
