// The bounded queue between those who push events and the session that writes them. Internal to the server.
// Thread-safe; `wake` and the close callback run without the lock held.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "api/http/sse.h"

namespace starminer::api::http {

class SseQueue {
 public:
  struct Limits {
    std::size_t events_max;
    std::size_t bytes_max;
  };

  /// `wake` tells the session that take() has news; it must not block.
  SseQueue(Limits limits, std::function<void()> wake) : limits_(limits), wake_(std::move(wake)) {}

  bool push(const SseFrame& frame);
  void close();
  [[nodiscard]] bool is_open() const;
  /// The reader was too slow: cut the connection.
  [[nodiscard]] bool is_dropped() const;
  void on_close(std::function<void()> callback);

  struct Batch {
    std::vector<SseFrame> frames;
    /// No frames follow: end the stream after these.
    bool closing = false;
  };
  /// All queued frames. They count against the limits until the next take().
  [[nodiscard]] Batch take();
  /// The connection is gone.
  void detach();

 private:
  const Limits limits_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<SseFrame> frames_;
  std::size_t queued_bytes_ = 0;
  std::size_t flying_bytes_ = 0;
  bool open_ = true;
  bool dropped_ = false;
  bool woken_ = false;
  bool detached_ = false;
  std::function<void()> on_close_;
};

}  // namespace starminer::api::http
