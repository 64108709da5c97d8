#include "protocol/market/fit_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace starminer::protocol {
namespace {

void append(std::string& text, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

}  // namespace

FitTable::FitTable(Fragmentation fragmentation)
    : fragmentation_(std::move(fragmentation)), shapes_(fragmentation_.stand_ins()) {
  STARMINER_CHECK(shapes_.size() <= kMatchShapes);
}

std::uint8_t FitTable::shape_number(const ShapeKey& shape) const {
  const auto at = std::lower_bound(shapes_.begin(), shapes_.end(), fragmentation_.stand_in(shape));
  return static_cast<std::uint8_t>(at - shapes_.begin());
}

std::uint32_t FitTable::state_number(const CapacityRow& free, MatchIndex& index) {
  Fragmentation::State state = fragmentation_.round(free);
  // Which device has which share does not matter to the fit.
  std::sort(state.device_milli.begin(), state.device_milli.end());
  std::string key;
  append(key, state.cpu_milli / 1000, 2);
  const auto& levels = fragmentation_.levels();
  for (const std::uint16_t milli : state.device_milli) {
    const auto level = std::lower_bound(levels.begin(), levels.end(), milli) - levels.begin();
    append(key, static_cast<std::uint32_t>(level), 1);
  }
  const auto [at, inserted] = states_.try_emplace(std::move(key));
  if (inserted) at->second = index.add_state(row_of(state));
  return at->second;
}

FitRow FitTable::row_of(const Fragmentation::State& state) const {
  FitRow row;
  const std::uint64_t before = fragmentation_.unusable(state);
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    row.fit[i] = static_cast<std::uint8_t>(fragmentation_.fit(state, shapes_[i], before));
  }
  return row;
}

}  // namespace starminer::protocol
