// The operator's observer of beats: reports nodes that went silent and suspect nodes that beat again, as transactions
// of the operator's key. One thread. After a start every node gets a fresh time of grace, since beats are not kept.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "api/relay.h"
#include "base/signature.h"
#include "engine/solo/engine.h"

namespace starminer::api {

/// Node ids of one report at most.
inline constexpr std::size_t kTelemetryBatch = 256;

class TelemetryWatcher {
 public:
  TelemetryWatcher(engine::solo::Engine& engine, const Relay& relay, SigningKey operator_key);
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

  engine::solo::Engine& engine_;
  const Relay& relay_;
  SigningKey key_;
  std::map<NodeId, Relay::Moment> first_seen_;  // by this process: the grace of a node counts from here
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace starminer::api
