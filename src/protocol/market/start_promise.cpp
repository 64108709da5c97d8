#include "protocol/market/start_promise.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace starminer::protocol {
namespace {

constexpr std::uint32_t kWeight = 16;  // of a new wait
constexpr std::uint32_t kFadesByOneIn = 8;
constexpr std::uint64_t kUnitsPerTick = 60;
constexpr std::uint64_t kStepsPerOctave = 4;
constexpr unsigned kStepBits = 2;

std::uint64_t step_begin(std::uint64_t step) {
  if (step < kStepsPerOctave) return step;
  return (kStepsPerOctave + step % kStepsPerOctave) << (step / kStepsPerOctave - 1);
}

}  // namespace

std::size_t wait_step(DurationMs wait, std::uint64_t unit_ms) {
  const std::uint64_t units = wait.ms / unit_ms;
  if (units < kStepsPerOctave) return units;
  const auto octave = static_cast<unsigned>(std::bit_width(units)) - 1 - kStepBits;
  const std::uint64_t step = kStepsPerOctave * (octave + 1) + (units >> octave) % kStepsPerOctave;
  return std::min<std::size_t>(step, kWaitSteps - 1);
}

DurationMs wait_step_end(std::size_t step, std::uint64_t unit_ms) { return {step_begin(step + 1) * unit_ms}; }

std::uint64_t wait_unit_ms(const Params& params) {
  return std::max<std::uint64_t>(params.get(Parameter::TickMs) / kUnitsPerTick, 1);
}

void count_wait(StartWaitsRow& row, DurationMs wait, std::uint64_t unit_ms) {
  std::uint32_t& count = row.counts[wait_step(wait, unit_ms)];
  if (count <= ~std::uint32_t{0} - kWeight) count += kWeight;
}

void publish_waits(StartWaitsRow& row, std::uint64_t samples_min, std::uint64_t unit_ms) {
  const std::uint64_t sum = std::accumulate(row.counts.begin(), row.counts.end(), std::uint64_t{0});
  row.p90 = {};
  if (sum >= samples_min * kWeight && sum != 0) {
    std::uint64_t below = 0;
    std::size_t step = 0;
    while ((below += row.counts[step]) * 10 < sum * 9) ++step;
    row.p90 = wait_step_end(step, unit_ms);
  }
  for (std::uint32_t& count : row.counts) count -= count / kFadesByOneIn + (count % kFadesByOneIn != 0 ? 1 : 0);
}

DurationMs premium_allowance(const Params& params, std::uint64_t input_bytes) {
  return {params.get(Parameter::AckMs) + params.get(Parameter::PremiumStartMs) + fetch_time(params, input_bytes).ms};
}

std::optional<DurationMs> promised_start(const Demand& demand, const state::Table<PriceKey, StartWaitsRow>& waits) {
  const MarketView& market = demand.market();
  switch (market.pricing.tier(demand.terms().tier).promise) {
    case StartRule::None: return std::nullopt;
    case StartRule::Now:
      if (demand.spec().wait) return std::nullopt;  // its time counts from the notice or the match
      return premium_allowance(market.params, demand.spec().input_bytes);
    case StartRule::Queue: break;
  }
  DurationMs longest;
  const ClassSet classes = demand.classes();
  for (const auto& [id, row] : market.registry.classes()) {
    if (!classes.test(id)) continue;
    const StartWaitsRow* row_of_class = waits.find({demand.terms().tier, id});
    if (row_of_class != nullptr) longest = std::max(longest, row_of_class->p90);
  }
  if (longest.ms == 0) return std::nullopt;
  const std::uint64_t multiple = market.params.get(Parameter::StartPromiseMultiple);
  return DurationMs{std::max(longest.ms * multiple, market.params.get(Parameter::StartPromiseMinMs))};
}

}  // namespace starminer::protocol
