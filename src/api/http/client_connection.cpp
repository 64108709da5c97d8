#include "api/http/client_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

namespace starminer::api::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

/// How soon a cancel flag is seen.
constexpr std::chrono::milliseconds kCancelSlice{100};
constexpr std::size_t kReadBufferBytes = 64U << 10U;
constexpr std::uint32_t kHeadBytesMax = 64U << 10U;

}  // namespace

ApiError link_error(std::string code, std::string detail, std::string advice) {
  ApiError error;
  error.code = std::move(code);
  error.title = "No answer";
  error.detail = std::move(detail);
  error.advice = std::move(advice);
  return error;
}

std::string_view ResponseHead::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

struct ClientConnection::Impl {
  Endpoint endpoint;
  std::chrono::milliseconds connect_timeout;
  asio::io_context io{1};
  tcp::socket socket{io};
  boost::beast::flat_buffer buffer{kReadBufferBytes + kHeadBytesMax};
  std::optional<beast_http::response_parser<beast_http::buffer_body>> parser;

  Impl(Endpoint where, std::chrono::milliseconds timeout) : endpoint(std::move(where)), connect_timeout(timeout) {}

  void close() {
    ErrorCode ignored;
    socket.close(ignored);
    buffer.clear();
    parser.reset();
  }

  /// Runs one asynchronous operation to its end. `start` gets the completion to call with an error code.
  template <class Start, class Cancel>
  Result<ErrorCode, ApiError> run(Start&& start, Cancel&& cancel, const Patience& patience) {
    std::optional<ErrorCode> outcome;
    start([&outcome](const ErrorCode& error, auto&&...) { outcome = error; });
    io.restart();
    while (!outcome) {
      const auto now = std::chrono::steady_clock::now();
      const bool cancelled = patience.cancel != nullptr && patience.cancel->load();
      if (cancelled || now >= patience.until) {
        cancel();
        io.restart();
        io.run();
        close();
        if (cancelled) return fail(link_error("cancelled", "The call was cancelled.", ""));
        return fail(link_error("deadline_exceeded",
                               fmt::format("{} did not answer within the time of the call.", endpoint.authority()),
                               "Try again, allow more time, or use another node."));
      }
      io.run_one_until(patience.cancel == nullptr ? patience.until : std::min(patience.until, now + kCancelSlice));
    }
    return *outcome;
  }

  template <class Start>
  Result<ErrorCode, ApiError> run_on_socket(Start&& start, const Patience& patience) {
    const auto cancel = [this] {
      ErrorCode ignored;
      socket.close(ignored);
    };
    return run(std::forward<Start>(start), cancel, patience);
  }

  ApiError lost(const ErrorCode& error) {
    close();
    return link_error("connection_lost",
                      fmt::format("The connection to {} ended early: {}.", endpoint.authority(), error.message()),
                      "Try again; if it stays, look whether the node is up.");
  }

  [[nodiscard]] bool is_idle_and_open() {
    if (!socket.is_open() || buffer.size() > 0) return false;
    char byte = 0;
    const ssize_t count = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  Result<tcp::resolver::results_type, ApiError> resolve(const Patience& patience);
};

Result<tcp::resolver::results_type, ApiError> ClientConnection::Impl::resolve(const Patience& patience) {
  ErrorCode numeric;
  const auto address = asio::ip::make_address(endpoint.host, numeric);
  if (!numeric) {
    const auto port = static_cast<std::uint16_t>(std::stoul(endpoint.port));
    return tcp::resolver::results_type::create(tcp::endpoint(address, port), endpoint.host, endpoint.port);
  }
  tcp::resolver resolver(io);
  tcp::resolver::results_type results;
  const auto outcome = run(
      [&](auto done) {
        resolver.async_resolve(endpoint.host, endpoint.port,
                               [&results, done](const ErrorCode& error, tcp::resolver::results_type found) {
                                 results = std::move(found);
                                 done(error);
                               });
      },
      [&] { resolver.cancel(); }, patience);
  if (!outcome) return fail(outcome.error());
  if (*outcome) {
    return fail(link_error("connect_failed",
                           fmt::format("The host name '{}' is not known: {}.", endpoint.host, outcome->message()),
                           "Check the address of the node."));
  }
  return results;
}

ClientConnection::ClientConnection(Endpoint endpoint, std::chrono::milliseconds connect_timeout)
    : impl_(std::make_unique<Impl>(std::move(endpoint), connect_timeout)) {}

ClientConnection::~ClientConnection() = default;

Result<bool, ApiError> ClientConnection::open(const Patience& patience) {
  if (impl_->is_idle_and_open()) return true;
  impl_->close();
  Patience limited = patience;
  limited.until = std::min(patience.until, std::chrono::steady_clock::now() + impl_->connect_timeout);
  auto results = impl_->resolve(limited);
  if (!results) return fail(std::move(results.error()));
  const auto outcome = impl_->run_on_socket(
      [&](auto done) {
        asio::async_connect(impl_->socket, *results,
                            [done](const ErrorCode& error, const tcp::endpoint&) { done(error); });
      },
      limited);
  if (!outcome) {
    if (outcome.error().code == "cancelled") return fail(outcome.error());
    return fail(link_error("connect_failed",
                           fmt::format("No connection to {} within the time for it.", impl_->endpoint.authority()),
                           "Check the address and whether the node is up."));
  }
  if (*outcome) {
    impl_->close();
    return fail(link_error("connect_failed",
                           fmt::format("No connection to {}: {}.", impl_->endpoint.authority(), outcome->message()),
                           "Check the address and whether the node is up."));
  }
  ErrorCode ignored;
  impl_->socket.set_option(tcp::no_delay(true), ignored);
  return false;
}

Result<void, ApiError> ClientConnection::write(std::string_view head, std::string_view body, const Patience& patience) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
  const auto outcome =
      impl_->run_on_socket([&](auto done) { asio::async_write(impl_->socket, buffers, done); }, patience);
  if (!outcome) return fail(outcome.error());
  // The connection stays as it is: the server may have answered before it closed.
  if (*outcome) {
    return fail(link_error("connection_lost",
                           fmt::format("The connection to {} ended while the request was sent: {}.",
                                       impl_->endpoint.authority(), outcome->message()),
                           "Try again; if it stays, look whether the node is up."));
  }
  return {};
}

bool ClientConnection::wait_readable(std::chrono::milliseconds time) {
  if (impl_->buffer.size() > 0) return true;
  pollfd entry{impl_->socket.native_handle(), POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(time.count())) > 0;
}

Result<ResponseHead, ApiError> ClientConnection::read_head(bool bodiless, const Patience& patience) {
  for (;;) {
    auto head = read_one_head(bodiless, patience);
    if (!head) return fail(std::move(head.error()));
    if (*head) return std::move(**head);
  }
}

Result<std::optional<ResponseHead>, ApiError> ClientConnection::read_one_head(bool bodiless, const Patience& patience) {
  auto& parser = impl_->parser.emplace();
  parser.header_limit(kHeadBytesMax);
  parser.body_limit(boost::none);
  parser.skip(bodiless);
  const auto outcome = impl_->run_on_socket(
      [&](auto done) { beast_http::async_read_header(impl_->socket, impl_->buffer, parser, done); }, patience);
  if (!outcome) return fail(outcome.error());
  if (*outcome) {
    // Errors of the parser but for a plain end are bytes that are not HTTP.
    const bool garbage = outcome->category() == make_error_code(beast_http::error::bad_version).category() &&
                         *outcome != beast_http::error::end_of_stream && *outcome != beast_http::error::partial_message;
    if (!garbage) return fail(impl_->lost(*outcome));
    impl_->close();
    return fail(link_error("bad_response",
                           fmt::format("{} does not answer as an HTTP server.", impl_->endpoint.authority()),
                           "Check the address of the node."));
  }
  const auto& message = parser.get();
  if (message.result_int() == 100) return std::optional<ResponseHead>();
  ResponseHead head;
  head.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    head.headers.emplace_back(std::string(field.name_string().data(), field.name_string().size()),
                              std::string(field.value().data(), field.value().size()));
  }
  return std::optional<ResponseHead>(std::move(head));
}

Result<std::size_t, ApiError> ClientConnection::read_some(std::span<char> out, const Patience& patience) {
  if (!impl_->parser) return 0;
  auto& parser = *impl_->parser;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = out.data();
    body.size = out.size();
    const auto outcome = impl_->run_on_socket(
        [&](auto done) { beast_http::async_read_some(impl_->socket, impl_->buffer, parser, done); }, patience);
    if (!outcome) return fail(outcome.error());
    if (*outcome && *outcome != beast_http::error::need_buffer) return fail(impl_->lost(*outcome));
    const std::size_t count = out.size() - body.size;
    if (count > 0) return count;
  }
  return 0;
}

void ClientConnection::finish() {
  if (!impl_->parser || !impl_->parser->is_done() || !impl_->parser->keep_alive()) {
    impl_->close();
    return;
  }
  impl_->parser.reset();
}

void ClientConnection::close() { impl_->close(); }

}  // namespace starminer::api::http
