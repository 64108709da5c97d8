// A fixed number of threads and a bounded queue of tasks. New work is refused when the queue is full; the continuation
// of accepted work is always taken, its number is bounded by the connections.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace starminer::api::http {

class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_max);
  /// Ends the running tasks, drops the waiting ones.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full or the pool stopped; the task is then left as it was.
  [[nodiscard]] bool try_post(std::function<void()>&& task);
  /// Continuation of accepted work; dropped when the pool stopped.
  void post(std::function<void()> task);
  void stop();

 private:
  void work();

  std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace starminer::api::http
