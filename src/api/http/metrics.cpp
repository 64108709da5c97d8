#include "api/http/metrics.h"

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "api/http/router.h"

namespace starminer::api::http {
namespace {

constexpr std::size_t kStatusCount = 600;

/// Figures of one route; the last place stands for requests without a route.
struct RouteMetrics {
  std::string pattern;
  std::string method;
  prometheus::Histogram* latency = nullptr;
  /// Found once per status, then read without a lock.
  std::array<std::atomic<prometheus::Counter*>, kStatusCount> by_status{};
};

const prometheus::Histogram::BucketBoundaries& latency_buckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                                   0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
  return kBuckets;
}

}  // namespace

struct HttpMetrics::Impl {
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& refusals;
  prometheus::Gauge& connections;
  prometheus::Gauge& streams;
  prometheus::Counter& dropped;
  std::vector<std::unique_ptr<RouteMetrics>> routes;

  Impl(prometheus::Registry& registry, const Router& router)
      : requests(prometheus::BuildCounter()
                     .Name("starminer_http_requests_total")
                     .Help("Answered requests by route and status")
                     .Register(registry)),
        refusals(prometheus::BuildCounter()
                     .Name("starminer_http_refusals_total")
                     .Help("Problems that the HTTP server itself answered, by code")
                     .Register(registry)),
        connections(prometheus::BuildGauge()
                        .Name("starminer_http_connections")
                        .Help("Open connections")
                        .Register(registry)
                        .Add({})),
        streams(prometheus::BuildGauge()
                    .Name("starminer_http_event_streams")
                    .Help("Open server-sent event streams")
                    .Register(registry)
                    .Add({})),
        dropped(prometheus::BuildCounter()
                    .Name("starminer_http_event_streams_dropped_total")
                    .Help("Event streams closed because the reader was too slow")
                    .Register(registry)
                    .Add({})) {
    auto& latency = prometheus::BuildHistogram()
                        .Name("starminer_http_request_seconds")
                        .Help("Time from the complete request to the end of its answer")
                        .Register(registry);
    const auto append = [&](std::string pattern, std::string method) {
      auto entry = std::make_unique<RouteMetrics>();
      entry->pattern = std::move(pattern);
      entry->method = std::move(method);
      entry->latency = &latency.Add({{"route", entry->pattern}, {"method", entry->method}}, latency_buckets());
      routes.push_back(std::move(entry));
    };
    for (const auto& route : router.routes()) append(route->pattern, std::string(method_name(route->method)));
    append("(none)", "(none)");
  }
};

HttpMetrics::HttpMetrics(prometheus::Registry* registry, const Router& router)
    : impl_(registry == nullptr ? nullptr : std::make_unique<Impl>(*registry, router)) {}

HttpMetrics::~HttpMetrics() = default;

void HttpMetrics::request(std::size_t route, int status, std::chrono::steady_clock::duration latency) {
  if (impl_ == nullptr) return;
  RouteMetrics& entry = route == kNoRoute ? *impl_->routes.back() : *impl_->routes[route];
  const auto slot = static_cast<std::size_t>(status) % kStatusCount;
  prometheus::Counter* counter = entry.by_status[slot].load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter =
        &impl_->requests.Add({{"route", entry.pattern}, {"method", entry.method}, {"status", std::to_string(status)}});
    entry.by_status[slot].store(counter, std::memory_order_release);
  }
  counter->Increment();
  entry.latency->Observe(std::chrono::duration<double>(latency).count());
}

void HttpMetrics::refusal(std::string_view code) {
  if (impl_ != nullptr) impl_->refusals.Add({{"code", std::string(code)}}).Increment();
}

void HttpMetrics::connections(int change) {
  if (impl_ != nullptr) impl_->connections.Increment(change);
}

void HttpMetrics::event_streams(int change) {
  if (impl_ != nullptr) impl_->streams.Increment(change);
}

void HttpMetrics::event_stream_dropped() {
  if (impl_ != nullptr) impl_->dropped.Increment();
}

Response metrics_response(const prometheus::Registry& registry) {
  return Response::bytes(prometheus::TextSerializer().Serialize(registry.Collect()),
                         "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace starminer::api::http
