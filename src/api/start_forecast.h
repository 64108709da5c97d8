// When a job that waits will start and end, as the past says: a simulation of those before it on the machines that
// could take it, with run times as they came out lately, and a correction that learns from its own errors. Advice, no
// part of the state: figures are floating point here. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace starminer::api {

/// Half of all jobs, and nine of ten, should start (and end) no later than predicted.
inline constexpr std::size_t kQuantileCount = 2;
inline constexpr std::array<double, kQuantileCount> kQuantiles = {0.5, 0.9};

/// What jobs really ran, as a part of what they had stated: of the newest ones.
class RunTimes {
 public:
  static constexpr std::size_t kKept = 256;

  void add(std::uint64_t ran_ms, std::uint64_t expected_ms);
  /// How long a job goes on that has run `elapsed_ms`, in the share `quantile` of the cases that got so far; at most
  /// `longest_ms`. Until jobs have ended, as if a few had run for about what they stated.
  [[nodiscard]] std::uint64_t remaining_ms(double quantile, std::uint64_t elapsed_ms, std::uint64_t expected_ms,
                                           std::uint64_t longest_ms) const;

 private:
  std::deque<double> newest_;
  std::vector<double> sorted_;
};

struct RunningJob {
  std::uint64_t milli = 0;  // thousandths of a GPU that come free with its end
  std::uint64_t elapsed_ms = 0;
  std::uint64_t expected_ms = 0;
  std::uint64_t longest_ms = 0;  // it ends within this time from now
};

struct QueuedJob {
  std::uint64_t milli = 0;
  std::uint64_t expected_ms = 0;
  std::uint64_t max_ms = 0;
};

/// The machines that could take a job: what is free on them, what runs there, and who is served before it.
struct Pool {
  std::uint64_t free_milli = 0;
  std::vector<RunningJob> running;
  std::vector<QueuedJob> ahead;  // in order
};

/// Time until all before the job and then the job itself have found room, one after the other, where every run time
/// comes out at its `quantile`. Empty where the pool could never hold it.
[[nodiscard]] std::optional<std::uint64_t> simulated_wait_ms(const Pool& pool, const QueuedJob& job,
                                                             const RunTimes& runs, double quantile);

/// Learns by how much predictions of a quantile must be stretched or shortened to come true as often as they say
/// (quantile tracking), and remembers how well they did.
class Calibration {
 public:
  explicit Calibration(double quantile) : quantile_(quantile) {}
  [[nodiscard]] std::uint64_t corrected(std::uint64_t predicted_ms) const;
  /// `predicted_ms` as it was said, corrected.
  void learn(std::uint64_t predicted_ms, std::uint64_t actual_ms);
  [[nodiscard]] std::uint64_t judged() const { return judged_; }
  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  /// Median of |actual - predicted| / actual of the newest 256, in ppm; empty before the first.
  [[nodiscard]] std::optional<std::uint64_t> median_error_ppm() const;

 private:
  double quantile_;
  double log_stretch_ = 0;
  std::uint64_t judged_ = 0;
  std::uint64_t kept_ = 0;
  std::deque<double> errors_;
};

}  // namespace starminer::api
