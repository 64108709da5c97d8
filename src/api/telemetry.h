// The operator's observer of beats: reports nodes that went silent and suspect nodes that beat again, and after each
// epoch what it heard of the epoch's window, as transactions of the operator's key. One thread. After a start every
// node gets a fresh time of grace, since who was heard last is not kept.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "api/beat_archive.h"
#include "api/relay.h"
#include "base/signature.h"
#include "engine/engine.h"

namespace starminer::v1 {
class TransactionBody;
}

namespace starminer::api {

/// Node ids of one report at most.
inline constexpr std::size_t kTelemetryBatch = 256;

class TelemetryWatcher {
 public:
  TelemetryWatcher(engine::Engine& engine, const Relay& relay, SigningKey operator_key, BeatArchive& beats);
  ~TelemetryWatcher();
  TelemetryWatcher(const TelemetryWatcher&) = delete;
  TelemetryWatcher& operator=(const TelemetryWatcher&) = delete;

  void start();
  void stop();

 private:
  struct Observation {
    std::vector<NodeId> silent;
    std::vector<NodeId> heard;
  };

  void run();
  [[nodiscard]] Observation observe(Relay::Moment now);
  /// Sends a report and waits for its answer.
  void report(const Observation& observation);
  /// The aggregate of the last epoch's window, counted from the raw beats that are kept, unless it is on the chain.
  void report_window();
  /// Waits for the receipt; false where the transaction was not taken or refused, which the log says.
  bool send(v1::TransactionBody body);

  engine::Engine& engine_;
  const Relay& relay_;
  SigningKey key_;
  BeatArchive& beats_;
  std::map<NodeId, Relay::Moment> first_seen_;  // by this process: the grace of a node counts from here
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace starminer::api
