// HTTP/1.1 server for hostile clients: strict parsing, limits on size, count, rate and time in every phase, bounded
// queues. One io_context per I/O thread and a connection stays on its thread; handlers run on a bounded worker pool or,
// where the route says so, inline. Start and stop from one thread; everything else is internal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/http/rate_limiter.h"
#include "api/http/router.h"
#include "base/result.h"

namespace prometheus {
class Registry;
}

namespace starminer::api::http {

/// Rates of one class of routes. The zero rate is unlimited.
struct RateClass {
  Rate per_address{};
  /// For the key that ServerOptions::rate_key gives.
  Rate per_key{};
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  /// 0 = any free port, see Server::port().
  std::uint16_t port = 0;
  std::size_t io_threads = 2;
  std::size_t worker_threads = 2;
  /// Requests that wait for a worker; more are answered 503.
  std::size_t worker_queue_max = 1'024;

  std::size_t target_bytes_max = 8U << 10U;
  std::size_t header_bytes_max = 16U << 10U;
  std::size_t header_count_max = 100;
  std::size_t connections_max = 10'000;
  /// IPv6 addresses count by their /64 network, here and in the rates.
  std::size_t connections_per_address_max = 1'000;
  std::size_t event_streams_max = 2'000;

  /// From the first byte of a request (or the connect) to the end of its header.
  std::chrono::milliseconds header_timeout{15'000};
  /// A body may take this long plus one second for each `body_bytes_per_s_min` bytes received.
  std::chrono::milliseconds body_timeout{15'000};
  std::uint64_t body_bytes_per_s_min = 1'000;
  /// Between two requests.
  std::chrono::milliseconds idle_timeout{60'000};
  /// A response of which the client takes nothing for this long is cut.
  std::chrono::milliseconds write_timeout{15'000};
  /// Reading on after an early refusal, so that the client sees the answer.
  std::chrono::milliseconds linger_timeout{2'000};
  /// What stop() leaves to requests in progress.
  std::chrono::milliseconds stop_grace{5'000};

  std::chrono::milliseconds sse_heartbeat{15'000};
  std::size_t sse_queue_events_max = 1'024;
  std::size_t sse_queue_bytes_max = 256U << 10U;

  /// By RouteOptions::rate_class. A class that is not here has no limit.
  std::map<std::string, RateClass> rates{};
  /// The authenticated key of a request, empty for none. Called on the I/O thread when the request is complete; must
  /// not trust a name that the client only claims, or anyone could use up the rate of others.
  std::function<std::string(const Request&)> rate_key{};

  /// Where counters and histograms go; null = none. Must outlive the server.
  prometheus::Registry* metrics = nullptr;
};

class Server {
 public:
  Server(ServerOptions options, Router router);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and serves. Fails with a sentence (address in use, not permitted) for the operator.
  [[nodiscard]] Result<void, std::string> start();
  /// Accepts nothing more, ends event streams, lets requests in progress finish within the grace, then cuts. Blocks.
  void stop();
  /// The bound port. Requires: started.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const Router& router() const;
  /// Tasks of the same bounded pool that handlers use. False when the queue is full.
  bool try_post(std::function<void()> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::api::http
