#include "api/start_forecast.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>

namespace starminer::api {
namespace {

// Before jobs have ended: half run no longer than stated, few much longer.
constexpr std::array<double, 8> kPriorRatios = {0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.25, 2.0};
constexpr double kLearningRate = 0.05;
constexpr double kLogStretchMost = 4.0;
constexpr std::size_t kErrorsKept = 256;
constexpr double kLeastActualMs = 1000;  // below this an error is no error to anybody
constexpr double kPpm = 1e6;

}  // namespace

void RunTimes::add(std::uint64_t ran_ms, std::uint64_t expected_ms) {
  if (expected_ms == 0) return;
  const double ratio = static_cast<double>(ran_ms) / static_cast<double>(expected_ms);
  newest_.push_back(ratio);
  sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), ratio), ratio);
  if (newest_.size() <= kKept) return;
  sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), newest_.front()));
  newest_.pop_front();
}

std::uint64_t RunTimes::remaining_ms(double quantile, std::uint64_t elapsed_ms, std::uint64_t expected_ms,
                                     std::uint64_t longest_ms) const {
  const bool told = sorted_.size() >= kPriorRatios.size();
  const double* const begin = told ? sorted_.data() : kPriorRatios.data();
  const double* const end = begin + (told ? sorted_.size() : kPriorRatios.size());
  const auto expected = static_cast<double>(expected_ms);
  const auto elapsed = static_cast<double>(elapsed_ms);
  const double* const alive = expected_ms == 0 ? end : std::upper_bound(begin, end, elapsed / expected);
  if (alive == end) return longest_ms;  // none of them has run so long
  const auto place = static_cast<std::ptrdiff_t>(std::ceil(quantile * static_cast<double>(end - alive))) - 1;
  const double left = alive[std::max<std::ptrdiff_t>(place, 0)] * expected - elapsed;
  return std::min(longest_ms, static_cast<std::uint64_t>(std::max(left, 0.0)));
}

std::optional<std::uint64_t> simulated_wait_ms(const Pool& pool, const QueuedJob& job, const RunTimes& runs,
                                               double quantile) {
  using Release = std::pair<std::uint64_t, std::uint64_t>;  // when, how much
  std::priority_queue<Release, std::vector<Release>, std::greater<>> releases;
  for (const RunningJob& running : pool.running) {
    const std::uint64_t left = runs.remaining_ms(quantile, running.elapsed_ms, running.expected_ms, running.longest_ms);
    releases.emplace(left, running.milli);
  }
  std::uint64_t now = 0;
  std::uint64_t free = pool.free_milli;
  const auto wait_for = [&](std::uint64_t milli) {
    while (free < milli) {
      if (releases.empty()) return false;
      now = std::max(now, releases.top().first);
      free += releases.top().second;
      releases.pop();
    }
    return true;
  };
  for (const QueuedJob& before : pool.ahead) {
    if (!wait_for(before.milli)) continue;  // it is served elsewhere, or never: nobody waits for it here
    free -= before.milli;
    releases.emplace(now + runs.remaining_ms(quantile, 0, before.expected_ms, before.max_ms), before.milli);
  }
  if (!wait_for(job.milli)) return std::nullopt;
  return now;
}

std::uint64_t Calibration::corrected(std::uint64_t predicted_ms) const {
  return static_cast<std::uint64_t>(static_cast<double>(predicted_ms) * std::exp(log_stretch_));
}

void Calibration::learn(std::uint64_t predicted_ms, std::uint64_t actual_ms) {
  const bool late = actual_ms > predicted_ms;
  log_stretch_ += kLearningRate * (late ? quantile_ : quantile_ - 1);
  log_stretch_ = std::clamp(log_stretch_, -kLogStretchMost, kLogStretchMost);
  ++judged_;
  if (!late) ++kept_;
  const auto actual = std::max(static_cast<double>(actual_ms), kLeastActualMs);
  errors_.push_back(std::abs(static_cast<double>(actual_ms) - static_cast<double>(predicted_ms)) / actual);
  if (errors_.size() > kErrorsKept) errors_.pop_front();
}

std::optional<std::uint64_t> Calibration::median_error_ppm() const {
  if (errors_.empty()) return std::nullopt;
  std::vector<double> errors(errors_.begin(), errors_.end());
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return static_cast<std::uint64_t>(std::min(*middle, kPpm) * kPpm);
}

}  // namespace starminer::api
