#include "sim/price_record.h"

#include <algorithm>
#include <cmath>

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr double kLogUnit = 4294967296.0;

template <class Value>
double mean_of(const std::vector<PriceTick>& ticks, Value value) {
  double sum = 0;
  for (const PriceTick& tick : ticks) sum += value(tick);
  return ticks.empty() ? 0 : sum / static_cast<double>(ticks.size());
}

bool by_price(const PriceTick& a, const PriceTick& b) { return a.price < b.price; }

}  // namespace

double agpu_per_hour(Price price) {
  return static_cast<double>(price.nagpu_per_gpu_hour) / static_cast<double>(kBasePerToken);
}

double PriceCourse::mean() const {
  return mean_of(ticks, [](const PriceTick& tick) { return tick.price; });
}

double PriceCourse::least() const {
  return ticks.empty() ? 0 : std::min_element(ticks.begin(), ticks.end(), by_price)->price;
}

double PriceCourse::most() const {
  return ticks.empty() ? 0 : std::max_element(ticks.begin(), ticks.end(), by_price)->price;
}

double PriceCourse::largest_step() const {
  double largest = 0;
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    const double ratio = ticks[i].price / ticks[i - 1].price;
    largest = std::max(largest, std::max(ratio, 1 / ratio) - 1);
  }
  return largest;
}

double PriceCourse::log_deviation() const {
  const double mean = mean_of(ticks, [](const PriceTick& tick) { return std::log(tick.price); });
  return std::sqrt(mean_of(ticks, [mean](const PriceTick& tick) {
    const double off = std::log(tick.price) - mean;
    return off * off;
  }));
}

double PriceCourse::mean_load() const {
  return mean_of(ticks, [](const PriceTick& tick) { return tick.load; });
}

double PriceCourse::coverage(std::size_t horizon) const {
  return matured[horizon] == 0 ? 0 : static_cast<double>(inside[horizon]) / static_cast<double>(matured[horizon]);
}

void PriceRecord::on_tick(std::uint64_t tick) {
  const Pricing& pricing = chain_.pricing;
  for (const auto& [key, row] : pricing.prices()) {
    if (row.load.online_milli == 0) continue;
    Kept& kept = kept_[key];
    PriceCourse& course = kept.course;
    if (course.ticks.empty()) {
      course.key = key;
      course.name = pricing.tier(key.tier).name + " " + chain_.registry.classes().get(key.hardware_class).name;
    }
    const Envelope band = pricing.band(key.tier, key.hardware_class, kBandCount - 1);
    course.ticks.push_back({tick, agpu_per_hour(row.price), static_cast<double>(load_ppm(row.load)) / kPpm,
                            agpu_per_hour(band.low), agpu_per_hour(band.high)});
    if (const BandRow* learned = pricing.bands().find(key); learned != nullptr) {
      course.matured = learned->matured;
      course.inside = learned->inside;
      for (std::size_t i = 0; i < kBandCount; ++i) {
        course.half_width[i] = std::exp(static_cast<double>(learned->half_width[i]) / kLogUnit) - 1;
      }
    }
    for (std::size_t i = 0; i < kBandCount; ++i) {
      auto& promises = kept.promises[i];
      for (; !promises.empty() && promises.front().due <= tick; promises.pop_front()) {
        if (promises.front().due < tick) continue;  // nothing was online then
        ++course.envelopes;
        const Envelope& said = promises.front().envelope;
        if (row.price < said.low || said.high < row.price) ++course.envelopes_broken;
      }
      promises.push_back({tick + kBandTicks[i], pricing.envelope(key.tier, key.hardware_class, kBandTicks[i])});
    }
  }
}

std::vector<PriceCourse> PriceRecord::courses() const {
  std::vector<PriceCourse> courses;
  for (const auto& [key, kept] : kept_) courses.push_back(kept.course);
  return courses;
}

}  // namespace starminer::sim
