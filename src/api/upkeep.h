// Regular work beside the market: keeps the artifacts of live and lately ended jobs, removes what has expired, removes
// logs of contracts that ended long ago. What lives is found by indexes, and what ends is heard of block by block: no
// round looks at all that ever was. One thread; blocks come from another.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "api/parts.h"
#include "protocol/machine.h"

namespace starminer::api {

class Upkeep {
 public:
  explicit Upkeep(const Parts& parts);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  void start();
  void stop();
  /// Notes what ended in a block.
  void on_block(const protocol::BlockResult& block);
  /// One round; `start` repeats it as often as the options say.
  void round();

 private:
  /// What is promised of a job's or contract's artifacts, and its result manifest, which names more.
  struct Promise {
    std::vector<Hash32> artifacts;
    Hash32 manifest;  // zero: none
    std::uint64_t until_ms = 0;
    unsigned rounds_left = 0;  // of an ended one: an upload may come late
  };

  void run();
  static Promise promise_of(const protocol::JobRow& row, std::uint64_t until_ms);
  static Promise promise_of(const protocol::ContractRow& row, std::uint64_t until_ms);
  /// Of all rows of the state, once: what ended before this process began to listen.
  void note_state();
  [[nodiscard]] std::vector<Promise> live_promises(std::uint64_t until_ms) const;
  void note_ended();
  void retain_artifacts();
  void keep(const Promise& promise, bool renew_late);
  void remove_logs();
  [[nodiscard]] std::optional<std::uint64_t> ended_ms(const ContractId& contract) const;

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::uint64_t> ended_leaves_;  // of blocks since the last round
  // The thread's own
  bool began_ = false;
  std::vector<Promise> ended_;
  std::map<ContractId, std::uint64_t> log_ends_;  // when contracts with logs ended, Unix time
  std::thread thread_;
};

}  // namespace starminer::api
