// What all connections of one server share, and the I/O threads they live on. Internal to the server.
// ServerCore is thread-safe. A Shard's members belong to its thread, except where said.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/http/metrics.h"
#include "api/http/server.h"
#include "api/http/worker_pool.h"

namespace starminer::api::http {

class Session;

/// The limiters of one class of routes; null = unlimited.
struct RateLimiters {
  std::unique_ptr<RateLimiter> per_address;
  std::unique_ptr<RateLimiter> per_key;
};

class ServerCore {
 public:
  ServerCore(ServerOptions options, Router router);

  /// Null for a class without limits.
  [[nodiscard]] RateLimiters* limiters_of(const Route* route);
  /// Counts a connection of an address; false when a limit is reached, nothing is counted then.
  [[nodiscard]] bool admit(const std::string& address_key);
  void release(const std::string& address_key);

  const ServerOptions options;
  const Router router;
  HttpMetrics metrics;
  WorkerPool pool;
  std::atomic<std::uint64_t> next_request_id;
  std::atomic<std::size_t> event_streams = 0;

 private:
  std::unordered_map<std::string, RateLimiters> limiters_by_class_;
  std::vector<RateLimiters*> limiters_by_route_;
  RateLimiters* default_limiters_ = nullptr;

  std::mutex mutex_;
  std::size_t connections_ = 0;
  std::unordered_map<std::string, std::size_t> connections_by_address_;
};

/// One I/O thread: its loop, its connections and the tick that checks their deadlines.
class Shard : public std::enable_shared_from_this<Shard> {
 public:
  explicit Shard(std::shared_ptr<ServerCore> core);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// Serves until stopped and all connections are gone. Called by the thread that becomes the shard's.
  void run();
  /// Thread-safe. Connections in progress get until `until`.
  void begin_stop(std::chrono::steady_clock::time_point until);

  void add(std::shared_ptr<Session> session);
  void remove(const std::shared_ptr<Session>& session);
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// Value of the Date header.
  [[nodiscard]] const std::string& date() const { return date_; }

  const std::shared_ptr<ServerCore> core;
  boost::asio::io_context io{1};

 private:
  void schedule_tick();
  void tick();
  void finish_when_empty();

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds tick_period_;
  std::unordered_set<std::shared_ptr<Session>> sessions_;
  std::string date_;
  std::int64_t date_second_ = -1;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point stop_at_;
};

}  // namespace starminer::api::http
