#include "engine/cometbft/server.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <set>
#include <thread>
#include <variant>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/cometbft/connection.h"

namespace starminer::engine::cometbft {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;

// Where descriptors are short, accepting is tried again so much later.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr std::size_t kUnixPathMax = 107;
constexpr mode_t kOwnerAndGroup = 0660;

struct Address {
  bool local = false;
  std::string path;  // of a unix socket
  std::string host;
  std::uint16_t port = 0;
};

Result<Address, std::string> parse_address(const std::string& text) {
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kTcp = "tcp://";
  Address address;
  if (text.starts_with(kUnix)) {
    address.local = true;
    address.path = text.substr(kUnix.size());
    if (address.path.empty() || address.path.size() > kUnixPathMax) {
      return fail(fmt::format("{}: the path of a unix socket has 1 to {} bytes", text, kUnixPathMax));
    }
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (text.starts_with(kTcp) && colon != std::string::npos && colon > kTcp.size()) {
    address.host = text.substr(kTcp.size(), colon - kTcp.size());
    if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, address.port);
    if (parsed.ec == std::errc{} && parsed.ptr == end) return address;
  }
  return fail(fmt::format("{}: expected unix://PATH or tcp://ADDRESS:PORT", text));
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions server_options, Handler& handler)
      : options(std::move(server_options)),
        address(options.address),
        lanes(handler, [this](std::vector<Done> done) { deliver(std::move(done)); }),
        shared{options, lanes, counters,
               [this](const std::shared_ptr<Connection>& connection) { connections.erase(connection); }} {}

  ServerOptions options;
  std::string address;
  std::string socket_file;  // that is to be removed
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  std::variant<std::monostate, Local::acceptor, tcp::acceptor> acceptor;
  asio::steady_timer pause{io};
  ConnectionCounters counters;
  Lanes lanes;
  Connection::Shared shared;
  std::set<std::shared_ptr<Connection>> connections;
  std::thread thread;
  bool stopping = false;  // of the thread of the sockets: an accept that has succeeded already finds no acceptor

  void deliver(std::vector<Done> done) {
    asio::post(io, [done = std::move(done)]() mutable {
      for (Done& one : done) one.connection->settle(one);
      const Connection* last = nullptr;
      for (const Done& one : done) {
        if (one.connection.get() != last) one.connection->send();
        last = one.connection.get();
      }
    });
  }

  void add(Connection::Socket socket) {
    if (connections.size() >= options.connections_max) {
      spdlog::warn("an ABCI connection is refused: {} are open", connections.size());
      return;
    }
    auto connection = std::make_shared<Connection>(std::move(socket), shared);
    connections.insert(connection);
    connection->start();
  }

  template <class Protocol>
  void accept(typename Protocol::acceptor& from) {
    from.async_accept([this, &from](const boost::system::error_code& error, typename Protocol::socket socket) {
      if (stopping || error == asio::error::operation_aborted) return;
      if (!error) {
        if constexpr (std::is_same_v<Protocol, tcp>) {
          boost::system::error_code ignored;
          socket.set_option(tcp::no_delay(true), ignored);
        }
        add(Connection::Socket(std::move(socket)));
        return accept<Protocol>(from);
      }
      pause.expires_after(kAcceptPause);
      pause.async_wait([this, &from](const boost::system::error_code& stopped) {
        if (!stopped && !stopping) accept<Protocol>(from);
      });
    });
  }

  Result<void, std::string> listen_local(const std::string& path) {
    const Local::endpoint endpoint(path);
    boost::system::error_code error;
    std::error_code missing;
    if (std::filesystem::is_socket(path, missing)) {
      // The file outlives its server; somebody who answers is another matter.
      Local::socket probe(io);
      probe.connect(endpoint, error);
      if (!error) return fail(fmt::format("{}: another process listens there", address));
      std::filesystem::remove(path, missing);
    }
    auto& local = acceptor.emplace<Local::acceptor>(io);
    error.clear();
    local.open(endpoint.protocol(), error);
    if (!error) local.bind(endpoint, error);
    if (!error) socket_file = path;
    if (!error && ::chmod(path.c_str(), kOwnerAndGroup) != 0) {
      error.assign(errno, boost::system::system_category());
    }
    if (!error) local.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(fmt::format("{}: {}", address, error.message()));
    accept<Local>(local);
    return {};
  }

  Result<void, std::string> listen_tcp(const Address& where) {
    boost::system::error_code error;
    const auto host = asio::ip::make_address(where.host, error);
    if (error) return fail(fmt::format("{}: {} is no address of a machine", address, where.host));
    if (!host.is_loopback()) {
      return fail(fmt::format("{}: whoever reaches this socket decides blocks; use a unix socket or a loopback address",
                              address));
    }
    const tcp::endpoint endpoint(host, where.port);
    auto& listener = acceptor.emplace<tcp::acceptor>(io);
    listener.open(endpoint.protocol(), error);
    if (!error) listener.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) listener.bind(endpoint, error);
    if (!error) listener.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(fmt::format("{}: {}", address, error.message()));
    const std::uint16_t port = listener.local_endpoint(error).port();
    const std::string name = host.to_string();
    address = host.is_v6() ? fmt::format("tcp://[{}]:{}", name, port) : fmt::format("tcp://{}:{}", name, port);
    accept<tcp>(listener);
    return {};
  }
};

Server::Server(ServerOptions options, Handler& handler) : impl_(std::make_unique<Impl>(std::move(options), handler)) {}

Server::~Server() { stop(); }

Result<void, std::string> Server::start() {
  const auto where = parse_address(impl_->options.address);
  if (!where) return fail(where.error());
  auto listening = where->local ? impl_->listen_local(where->path) : impl_->listen_tcp(*where);
  if (!listening) return listening;
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "abci-sockets");
    impl->io.run();
  });
  return {};
}

void Server::stop() {
  impl_->lanes.stop();
  if (impl_->thread.joinable()) {
    asio::post(impl_->io, [impl = impl_.get()] {
      impl->stopping = true;
      impl->acceptor = std::monostate{};
      impl->pause.cancel();
      const auto open = impl->connections;
      for (const auto& connection : open) connection->close();
      impl->work.reset();
    });
    impl_->thread.join();
  }
  if (!impl_->socket_file.empty()) ::unlink(impl_->socket_file.c_str());
  impl_->socket_file.clear();
}

const std::string& Server::address() const { return impl_->address; }

ServerCounters Server::counters() const {
  const ConnectionCounters& counters = impl_->counters;
  return {counters.connections, counters.open, counters.requests, counters.flushes, counters.faults};
}

}  // namespace starminer::engine::cometbft
