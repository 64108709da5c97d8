#include "protocol/market/fragmentation.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "base/arithmetic.h"

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;
static_assert(kTypicalShapesMax <= kTypicalColumns);
constexpr std::uint64_t kWeightUnit = 1024;
constexpr std::uint64_t kTypicalPercent = 95;
constexpr std::uint32_t kCpuStepMilli = 2000;
constexpr std::uint16_t kSmallestShareMilli = 10;
constexpr std::uint16_t kSmallShareMilli = 50;
constexpr std::uint32_t kVcpu = 1000;
constexpr std::array<std::uint32_t, 4> kOneGpuCpu = {0, 8 * kVcpu, 16 * kVcpu, 32 * kVcpu};
constexpr std::array<std::uint32_t, 2> kTwoGpuCpu = {0, 16 * kVcpu};
constexpr std::uint32_t kLargestGang = 8;

// Levels of the term.
constexpr std::int64_t kNeutralLevel = 8;
constexpr std::int64_t kTopLevel = 15;
constexpr std::int64_t kLevelStep = 125 * static_cast<std::int64_t>(kWeightUnit);  // 125 thousandths of a GPU
constexpr std::uint64_t kSubLevels = 15;
constexpr std::uint64_t kEighthMilli = 125;

template <std::size_t kSize>
std::uint32_t largest_not_above(const std::array<std::uint32_t, kSize>& steps, std::uint32_t value) {
  return *std::prev(std::upper_bound(steps.begin(), steps.end(), value));
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::uint64_t free_milli(const Fragmentation::State& state) {
  std::uint64_t sum = 0;
  for (const std::uint16_t milli : state.device_milli) sum += milli;
  return sum;
}

/// What a shape needs free of each of its devices.
std::uint32_t ask_of(const ShapeKey& shape) { return shape.share_milli != 0 ? shape.share_milli : kDeviceMilli; }

std::uint64_t unusable_by(const ShapeKey& shape, const Fragmentation::State& state, std::uint64_t free) {
  const std::uint32_t ask = ask_of(shape);
  std::uint64_t usable = 0;
  std::uint32_t devices = 0;
  for (const std::uint16_t milli : state.device_milli) {
    if (milli < ask) continue;
    usable += milli;
    ++devices;
  }
  return devices < shape.gpus || state.cpu_milli < shape.cpu_milli ? free : free - usable;
}

}  // namespace

Fragmentation::Fragmentation(const std::vector<std::pair<ShapeKey, std::uint64_t>>& demand, std::uint64_t total) {
  std::uint64_t chosen = 0;
  for (const auto& [shape, count] : demand) {
    if (typical_.size() == kTypicalShapesMax || u128{chosen} * 100 >= u128{total} * kTypicalPercent) break;
    typical_.push_back({shape, count});
    chosen += count;
  }
  if (typical_.empty()) typical_.push_back({{1, 0, 0}, chosen = 1});
  std::set<std::uint16_t> levels = {0, kSmallestShareMilli, kSmallShareMilli, kDeviceMilli};
  for (Typical& typical : typical_) {
    typical.weight = *mul_div(typical.weight, 2 * kWeightUnit, chosen, Rounding::Floor);
    typical.weight = (typical.weight + 1) / 2;  // to the nearest
    if (typical.shape.share_milli == 0) continue;
    const auto ask = static_cast<std::uint16_t>(typical.shape.share_milli);
    levels.insert(ask);
    for (std::uint16_t taken = 1; taken <= 2 && taken * ask <= kDeviceMilli; ++taken) {
      levels.insert(static_cast<std::uint16_t>(kDeviceMilli - taken * ask));
    }
  }
  levels_.assign(levels.begin(), levels.end());
  for (std::size_t t = 0; t < typical_.size(); ++t) {
    const ShapeKey& shape = typical_[t].shape;
    columns_.ask_milli[t] = ask_of(shape);
    columns_.gpus[t] = shape.gpus;
    columns_.cpu_milli[t] = shape.cpu_milli;
    columns_.weight[t] = static_cast<std::uint32_t>(typical_[t].weight);
  }
}

std::uint16_t Fragmentation::round_share(std::uint32_t milli) const {
  return *std::prev(std::upper_bound(levels_.begin(), levels_.end(), milli));
}

Fragmentation::State Fragmentation::round(const CapacityRow& free) const {
  State state;
  state.device_milli.reserve(free.device_free_milli.size());
  for (const std::uint16_t milli : free.device_free_milli) state.device_milli.push_back(round_share(milli));
  state.cpu_milli = free.cpu_free_milli / kCpuStepMilli * kCpuStepMilli;
  return state;
}

ShapeKey Fragmentation::stand_in(const ShapeKey& shape) const {
  const auto exact = std::find_if(typical_.begin(), typical_.end(),
                                  [&shape](const Typical& typical) { return typical.shape == shape; });
  if (exact != typical_.end()) return shape;
  if (shape.share_milli != 0) {
    const Typical* best = nullptr;
    for (const Typical& typical : typical_) {
      const std::uint32_t ask = typical.shape.share_milli;
      if (ask == 0 || ask > shape.share_milli || (best != nullptr && ask <= best->shape.share_milli)) continue;
      best = &typical;
    }
    if (best != nullptr) return best->shape;
    return {1, shape.share_milli >= kSmallShareMilli ? kSmallShareMilli : kSmallestShareMilli, 0};
  }
  if (shape.gpus <= 1) return {shape.gpus, 0, largest_not_above(kOneGpuCpu, shape.cpu_milli)};
  if (shape.gpus == 2) return {2, 0, largest_not_above(kTwoGpuCpu, shape.cpu_milli)};
  return {std::min(shape.gpus, kLargestGang), 0, 0};
}

std::vector<ShapeKey> Fragmentation::stand_ins() const {
  std::set<ShapeKey> shapes = {{1, kSmallShareMilli, 0}, {1, kSmallestShareMilli, 0}};
  for (const Typical& typical : typical_) shapes.insert(typical.shape);
  for (const std::uint32_t cpu : kOneGpuCpu) shapes.insert({{0, 0, cpu}, {1, 0, cpu}});
  for (const std::uint32_t cpu : kTwoGpuCpu) shapes.insert({2, 0, cpu});
  for (std::uint32_t gpus = 3; gpus <= kLargestGang; ++gpus) shapes.insert({gpus, 0, 0});
  return {shapes.begin(), shapes.end()};
}

bool Fragmentation::place(State& state, const ShapeKey& shape) const {
  if (shape.share_milli != 0) {
    std::uint16_t* tightest = nullptr;
    for (std::uint16_t& milli : state.device_milli) {
      if (milli >= shape.share_milli && (tightest == nullptr || milli < *tightest)) tightest = &milli;
    }
    if (tightest == nullptr) return false;
    *tightest = round_share(*tightest - shape.share_milli);
  } else {
    std::uint32_t left = shape.gpus;
    for (std::uint16_t& milli : state.device_milli) {
      if (left == 0) break;
      if (milli != kDeviceMilli) continue;
      milli = 0;
      --left;
    }
    if (left > 0) return false;
  }
  // Rounding may leave less CPU than the job really finds; whether it fits is decided by the exact figures elsewhere.
  state.cpu_milli = saturating_sub(state.cpu_milli, shape.cpu_milli) / kCpuStepMilli * kCpuStepMilli;
  return true;
}

std::uint64_t Fragmentation::unusable(const State& state) const {
  const std::uint64_t free = free_milli(state);
  std::uint64_t sum = 0;
  for (const Typical& typical : typical_) sum += typical.weight * unusable_by(typical.shape, state, free);
  return sum;
}

std::uint16_t Fragmentation::fit(const CapacityRow& free, const ShapeKey& shape) const {
  const State state = round(free);
  return fit(state, stand_in(shape), unusable(state));
}

std::uint16_t Fragmentation::level(std::uint64_t before, std::uint64_t after, std::uint64_t free_milli,
                                   std::uint32_t cpu_milli) {
  const auto delta = static_cast<std::int64_t>(before) - static_cast<std::int64_t>(after);
  const auto level = std::clamp<std::int64_t>(kNeutralLevel + floor_div(delta, kLevelStep), 0, kTopLevel);
  const std::uint64_t spare = (4 * (free_milli / kEighthMilli) + cpu_milli / kVcpu / 4) / 20;
  const std::uint64_t best_fit = kSubLevels - 1 - std::min(kSubLevels - 1, spare);
  return static_cast<std::uint16_t>(1 + kSubLevels * static_cast<std::uint64_t>(level) + best_fit);
}

std::uint16_t Fragmentation::fit(State state, const ShapeKey& stand_in, std::uint64_t before) const {
  if (!place(state, stand_in)) return 0;
  return level(before, unusable(state), free_milli(state), state.cpu_milli);
}

void Fragmentation::fits(const State& state, std::span<const ShapeKey> stand_ins, const MatchKernels& kernels,
                         std::span<std::uint8_t> figures) const {
  TypicalFound found;
  std::uint32_t free = 0;
  std::uint32_t whole = 0;
  for (const std::uint32_t milli : state.device_milli) {
    free += milli;
    whole += milli == kDeviceMilli ? 1 : 0;
    for (std::size_t t = 0; t < kTypicalColumns; ++t) {
      const bool holds = milli >= columns_.ask_milli[t];
      found.devices[t] += holds ? 1 : 0;
      found.free_milli[t] += holds ? milli : 0;
    }
  }
  const std::uint64_t before = kernels.unusable(columns_, found, {0, 0, 0, free, state.cpu_milli});
  for (std::size_t i = 0; i < stand_ins.size(); ++i) {
    const ShapeKey& shape = stand_ins[i];
    FitStep step{shape.gpus, kDeviceMilli, 0, 0, 0};
    bool holds = shape.gpus <= whole;
    if (shape.share_milli != 0) {
      // The tightest device that holds the share.
      std::uint32_t tightest = kDeviceMilli + 1U;
      for (const std::uint32_t milli : state.device_milli) {
        if (milli >= shape.share_milli) tightest = std::min(tightest, milli);
      }
      holds = tightest <= kDeviceMilli;
      if (holds) step = {1, tightest, round_share(tightest - shape.share_milli), 0, 0};
    }
    figures[i] = 0;
    if (!holds) continue;
    step.left_milli = free - step.devices * (step.from_milli - step.to_milli);
    step.left_cpu_milli = saturating_sub(state.cpu_milli, shape.cpu_milli) / kCpuStepMilli * kCpuStepMilli;
    const std::uint64_t after = kernels.unusable(columns_, found, step);
    figures[i] = static_cast<std::uint8_t>(level(before, after, step.left_milli, step.left_cpu_milli));
  }
}

}  // namespace starminer::protocol
