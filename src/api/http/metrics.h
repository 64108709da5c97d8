// Counters of the server in a prometheus registry: requests by route and status, latency by route, refusals by code,
// open connections and event streams, dropped event streams. Without a registry every call does nothing.
// Thread-safe; the hot path takes no lock but the histogram's.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

#include "api/http/message.h"

namespace prometheus {
class Registry;
}

namespace starminer::api::http {

class Router;

class HttpMetrics {
 public:
  HttpMetrics(prometheus::Registry* registry, const Router& router);
  ~HttpMetrics();
  HttpMetrics(const HttpMetrics&) = delete;
  HttpMetrics& operator=(const HttpMetrics&) = delete;

  /// Index for requests that met no route.
  static constexpr std::size_t kNoRoute = static_cast<std::size_t>(-1);

  void request(std::size_t route, int status, std::chrono::steady_clock::duration latency);
  void refusal(std::string_view code);
  void connections(int change);
  void event_streams(int change);
  void event_stream_dropped();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The registry in the text format that Prometheus reads.
[[nodiscard]] Response metrics_response(const prometheus::Registry& registry);

}  // namespace starminer::api::http
