// Regular work beside the market: keeps the artifacts of live and lately ended jobs, removes what has expired, removes
// logs of contracts that ended long ago. One thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "api/parts.h"

namespace starminer::api {

class Upkeep {
 public:
  explicit Upkeep(const Parts& parts);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  void start();
  void stop();
  /// One round; `start` repeats it as often as the options say.
  void round();

 private:
  void run();
  void retain_artifacts();
  void remove_logs();

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace starminer::api
