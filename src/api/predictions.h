// Start and end of jobs as this node predicts them, and how its predictions came out (protocol section 4):
// every job that has to wait gets one when it enters the queue, and is compared with it when it starts and when it
// ends. Kept since the start of the process; advice of a node, no part of the state. Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/start_forecast.h"
#include "base/amount.h"
#include "base/ids.h"

namespace starminer::engine {
class Engine;
}
namespace starminer::protocol {
class Demand;
class Machine;
struct BlockResult;
struct ContractRow;
struct JobRow;
struct JobSpec;
struct Place;
struct Quote;
}  // namespace starminer::protocol

namespace starminer::api {

/// From the moment it was made; by kQuantiles.
struct Prediction {
  std::array<std::uint64_t, kQuantileCount> start_ms{};
  std::array<std::uint64_t, kQuantileCount> end_ms{};
};

class Predictions {
 public:
  explicit Predictions(const engine::Engine& engine);
  ~Predictions() { stop(); }
  Predictions(const Predictions&) = delete;
  Predictions& operator=(const Predictions&) = delete;

  void start();
  void stop();
  /// Listener of the engine; cheap.
  void on_block(const protocol::BlockResult& block);

  /// For a job that was quoted; empty where it would be refused or nothing could hold it. Called while the engine is
  /// read.
  [[nodiscard]] std::optional<Prediction> of_quote(const protocol::Machine& machine, const protocol::JobSpec& spec,
                                                   const protocol::Quote& quote) const;
  /// For a job that waits, from now; empty for one that is parked, or where nothing could hold it. Called while the
  /// engine is read.
  [[nodiscard]] std::optional<Prediction> of_waiting(const protocol::Machine& machine, const JobId& id,
                                                     const protocol::JobRow& row) const;
  /// How well predictions came out, by the size of the jobs.
  [[nodiscard]] nlohmann::json render() const;

 private:
  static constexpr std::size_t kSizeCount = 3;  // one GPU and less, 2 to 7, 8 and more
  enum class Change : std::uint8_t { Queued, Matched, Ended };
  struct Note {
    Change change{};
    JobId job;
  };
  struct Judged {
    std::array<Calibration, kQuantileCount> start{Calibration(kQuantiles[0]), Calibration(kQuantiles[1])};
    std::array<Calibration, kQuantileCount> end{Calibration(kQuantiles[0]), Calibration(kQuantiles[1])};
  };
  struct Open {
    TimeMs made;
    std::size_t size = 0;
    Prediction said;
    bool started = false;
  };

  void run();
  void take(const protocol::Machine& machine, const Note& note);
  void note_queued(const protocol::Machine& machine, const JobId& id);
  void note_ended(const JobId& id, const protocol::ContractRow& contract);
  [[nodiscard]] std::optional<Prediction> predict(const protocol::Machine& machine, const protocol::Demand& demand,
                                                  const protocol::Place& place) const;
  /// Requires: mutex_ is held.
  [[nodiscard]] std::optional<Prediction> corrected(const Pool& pool, const QueuedJob& job, std::size_t size) const;
  [[nodiscard]] static std::size_t size_of(std::uint64_t milli);

  const engine::Engine& engine_;
  mutable std::mutex mutex_;  // never held while the engine is asked
  std::condition_variable wake_;
  std::vector<Note> notes_;
  bool stopping_ = false;
  std::uint64_t since_ms_ = 0;
  std::uint64_t left_out_ = 0;
  RunTimes runs_;
  std::array<Judged, kSizeCount> judged_;
  std::map<JobId, Open> open_;
  std::thread thread_;
};

/// {"start_p50_ms", "start_p90_ms", "end_p50_ms", "end_p90_ms"}, or null.
[[nodiscard]] nlohmann::json render_prediction(const std::optional<Prediction>& prediction);

}  // namespace starminer::api
