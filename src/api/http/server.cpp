#include "api/http/server.h"

#include <algorithm>
#include <future>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "api/http/server_core.h"
#include "api/http/session.h"
#include "base/check.h"

namespace starminer::api::http {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
constexpr std::chrono::milliseconds kAcceptPause{50};

/// IPv6 hosts own a /64 and may use any address of it.
std::string address_key_of(const asio::ip::address& address) {
  if (!address.is_v6()) return address.to_string();
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  const auto bytes = v6.to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), 8};
}

std::string busy_answer() {
  const std::string body = to_json(
      unavailable("too_many_connections", "The server, or your address on it, has as many connections as it may.", 5),
      "none");
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n"
      "Retry-After: 5\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
}

}  // namespace

struct Server::Impl {
  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<Shard>> shards;
  std::vector<std::thread> threads;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> accept_pause;
  std::size_t next_shard = 0;
  std::uint16_t port = 0;
  const std::string busy = busy_answer();

  Impl(ServerOptions options, Router router)
      : core(std::make_shared<ServerCore>(std::move(options), std::move(router))) {}

  Result<void, std::string> bind();
  void accept();
  void on_accept(const boost::system::error_code& error, tcp::socket socket, const std::shared_ptr<Shard>& shard);
  void close_acceptor();
};

Result<void, std::string> Server::Impl::bind() {
  const ServerOptions& options = core->options;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return fail(fmt::format("'{}' is not an IP address; use for instance 127.0.0.1 or 0.0.0.0", options.address));
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor.emplace(shards.front()->io);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    acceptor.reset();
    return fail(
        fmt::format("cannot listen on {} port {}: {}; choose another address or port, or end the program that "
                    "holds it",
                    options.address, options.port, error.message()));
  }
  port = acceptor->local_endpoint().port();
  return {};
}

void Server::Impl::accept() {
  const std::shared_ptr<Shard> shard = shards[next_shard++ % shards.size()];
  acceptor->async_accept(shard->io, [this, shard](const boost::system::error_code& error, tcp::socket socket) {
    on_accept(error, std::move(socket), shard);
  });
}

void Server::Impl::on_accept(const boost::system::error_code& error, tcp::socket socket,
                             const std::shared_ptr<Shard>& shard) {
  if (!acceptor->is_open()) return;
  if (error) {
    spdlog::warn("http: accept failed: {}", error.message());
    accept_pause->expires_after(kAcceptPause);
    accept_pause->async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) accept();
    });
    return;
  }
  boost::system::error_code failed;
  const auto remote = socket.remote_endpoint(failed);
  if (!failed) {
    const std::string key = address_key_of(remote.address());
    if (core->admit(key)) {
      auto session = std::make_shared<Session>(std::move(socket), shard, remote.address().to_string(), key);
      asio::post(shard->io, [session] { session->start(); });
    } else {
      core->metrics.refusal("too_many_connections");
      // Best effort: a fresh socket has room for it, and nobody waits for one that has not.
      socket.non_blocking(true, failed);
      if (!failed) socket.write_some(asio::buffer(busy), failed);
      socket.shutdown(tcp::socket::shutdown_send, failed);
    }
  }
  accept();
}

void Server::Impl::close_acceptor() {
  std::promise<void> closed;
  asio::post(shards.front()->io, [&] {
    boost::system::error_code ignored;
    acceptor->close(ignored);
    accept_pause->cancel();
    closed.set_value();
  });
  closed.get_future().wait();
}

Server::Server(ServerOptions options, Router router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}

Server::~Server() { stop(); }

Result<void, std::string> Server::start() {
  STARMINER_CHECK(impl_->shards.empty());
  const std::size_t count = std::max<std::size_t>(1, impl_->core->options.io_threads);
  for (std::size_t i = 0; i < count; ++i) impl_->shards.push_back(std::make_shared<Shard>(impl_->core));
  if (auto bound = impl_->bind(); !bound) {
    impl_->shards.clear();
    return bound;
  }
  impl_->accept_pause.emplace(impl_->shards.front()->io);
  impl_->accept();
  for (const auto& shard : impl_->shards) impl_->threads.emplace_back([shard] { shard->run(); });
  return {};
}

void Server::stop() {
  if (!impl_->threads.empty()) {
    // First no new connections, so that no shard gets one after it has ended.
    impl_->close_acceptor();
    const auto until = std::chrono::steady_clock::now() + impl_->core->options.stop_grace;
    for (const auto& shard : impl_->shards) shard->begin_stop(until);
    for (std::thread& thread : impl_->threads) thread.join();
    impl_->threads.clear();
    impl_->acceptor.reset();
    impl_->accept_pause.reset();
  }
  impl_->core->pool.stop();
}

std::uint16_t Server::port() const { return impl_->port; }

const Router& Server::router() const { return impl_->core->router; }

bool Server::try_post(std::function<void()> task) { return impl_->core->pool.try_post(std::move(task)); }

}  // namespace starminer::api::http
