#include "api/http/server_core.h"

#include <algorithm>
#include <ctime>
#include <random>

#include <boost/asio/post.hpp>

#include "api/http/session.h"

namespace starminer::api::http {
namespace {

std::uint64_t random_start() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) ^ device();
}

RateLimiters make_limiters(const RateClass& rates) {
  RateLimiters limiters;
  if (rates.per_address.per_second > 0) limiters.per_address = std::make_unique<RateLimiter>(rates.per_address);
  if (rates.per_key.per_second > 0) limiters.per_key = std::make_unique<RateLimiter>(rates.per_key);
  return limiters;
}

/// A quarter of the shortest limit keeps every deadline accurate to that.
std::chrono::milliseconds tick_period_of(const ServerOptions& options) {
  const auto shortest = std::min({options.header_timeout, options.body_timeout, options.idle_timeout,
                                  options.write_timeout, options.linger_timeout, options.sse_heartbeat});
  return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}

std::string format_date(std::time_t now) {
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, size};
}

}  // namespace

ServerCore::ServerCore(ServerOptions server_options, Router server_router)
    : options(std::move(server_options)),
      router(std::move(server_router)),
      metrics(options.metrics, router),
      pool(options.worker_threads, options.worker_queue_max),
      next_request_id(random_start()) {
  for (const auto& [name, rates] : options.rates) limiters_by_class_.emplace(name, make_limiters(rates));
  const auto find = [&](const std::string& name) {
    const auto found = limiters_by_class_.find(name);
    return found == limiters_by_class_.end() ? nullptr : &found->second;
  };
  for (const auto& route : router.routes()) limiters_by_route_.push_back(find(route->options.rate_class));
  default_limiters_ = find("default");
}

RateLimiters* ServerCore::limiters_of(const Route* route) {
  return route == nullptr ? default_limiters_ : limiters_by_route_[route->index];
}

bool ServerCore::admit(const std::string& address_key) {
  const std::lock_guard lock(mutex_);
  if (connections_ >= options.connections_max) return false;
  const auto found = connections_by_address_.find(address_key);
  if (found != connections_by_address_.end() && found->second >= options.connections_per_address_max) return false;
  if (options.connections_per_address_max == 0) return false;
  ++connections_;
  ++connections_by_address_[address_key];
  return true;
}

void ServerCore::release(const std::string& address_key) {
  const std::lock_guard lock(mutex_);
  --connections_;
  const auto found = connections_by_address_.find(address_key);
  if (--found->second == 0) connections_by_address_.erase(found);
}

Shard::Shard(std::shared_ptr<ServerCore> server_core)
    : core(std::move(server_core)),
      work_(boost::asio::make_work_guard(io)),
      timer_(io),
      tick_period_(tick_period_of(core->options)) {}

Shard::~Shard() = default;

void Shard::run() {
  tick();
  io.run();
}

void Shard::begin_stop(std::chrono::steady_clock::time_point until) {
  boost::asio::post(io, [this, until] {
    stopping_ = true;
    stop_at_ = until;
    const std::vector<std::shared_ptr<Session>> all(sessions_.begin(), sessions_.end());
    for (const auto& session : all) session->begin_stop();
    finish_when_empty();
  });
}

void Shard::add(std::shared_ptr<Session> session) { sessions_.insert(std::move(session)); }

void Shard::remove(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  finish_when_empty();
}

void Shard::finish_when_empty() {
  if (!stopping_ || !sessions_.empty()) return;
  timer_.cancel();
  work_.reset();
}

void Shard::schedule_tick() {
  timer_.expires_after(tick_period_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void Shard::tick() {
  const std::time_t second = std::time(nullptr);
  if (second != date_second_) {
    date_second_ = second;
    date_ = format_date(second);
  }
  const auto now = std::chrono::steady_clock::now();
  const std::vector<std::shared_ptr<Session>> all(sessions_.begin(), sessions_.end());
  for (const auto& session : all) {
    if (stopping_ && now >= stop_at_) {
      session->close();
    } else {
      session->tick(now);
    }
  }
  if (!stopping_ || !sessions_.empty()) schedule_tick();
}

}  // namespace starminer::api::http
