// The reference of the single-transaction endpoint: a bare Boost.Beast server that checks one ed25519 signature per
// request with libsodium and answers. It decodes nothing, keeps nothing and writes nothing.
#include <array>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <sodium.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

// A signed transaction ends with key (tag, length, 32 bytes) and signature (tag, length, 64 bytes); see
// proto/starminer/v1/transaction.proto. Before them stands the body with its tag and length.
constexpr std::size_t kFieldHead = 2;
constexpr std::size_t kTail = kFieldHead + crypto_sign_PUBLICKEYBYTES + kFieldHead + crypto_sign_BYTES;
constexpr std::string_view kDomain = "starminer/tx/1";

bool signature_holds(const std::string& transaction) {
  // A body below 128 bytes has one byte of length, a longer one two.
  if (transaction.size() < kTail + kFieldHead) return false;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(transaction.data());
  const std::size_t head = (bytes[1] & 0x80U) != 0 ? 3 : 2;
  if (transaction.size() < kTail + head) return false;
  const auto* const key = bytes + transaction.size() - kTail + kFieldHead;
  const auto* const signature = bytes + transaction.size() - crypto_sign_BYTES;
  std::string message;
  message.reserve(1 + kDomain.size() + transaction.size());
  message.push_back(static_cast<char>(kDomain.size()));
  message += kDomain;
  message.append(transaction, head, transaction.size() - kTail - head);
  return crypto_sign_verify_detached(signature, reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                     key) == 0;
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : stream_(std::move(socket)) {
    stream_.socket().set_option(tcp::no_delay(true));
  }

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_, beast::bind_front_handler(&Session::on_read, shared_from_this()));
  }

 private:
  void on_read(beast::error_code error, std::size_t) {
    if (error) return;
    const bool good = signature_holds(request_.body());
    response_ = {good ? http::status::ok : http::status::bad_request, request_.version()};
    response_.set(http::field::content_type, "application/json");
    response_.keep_alive(request_.keep_alive());
    response_.body() = good ? R"({"status":"verified"})" : R"({"status":"wrong signature"})";
    response_.prepare_payload();
    http::async_write(stream_, response_, beast::bind_front_handler(&Session::on_write, shared_from_this()));
  }
  void on_write(beast::error_code error, std::size_t) {
    if (!error && response_.keep_alive()) read();
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

class Listener {
 public:
  Listener(asio::io_context& context, std::uint16_t port)
      : context_(context), acceptor_(context, tcp::endpoint(asio::ip::address_v4::loopback(), port)) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void accept() {
    acceptor_.async_accept(asio::make_strand(context_), [this](beast::error_code error, tcp::socket socket) {
      if (!error) std::make_shared<Session>(std::move(socket))->read();
      if (error != asio::error::operation_aborted) accept();
    });
  }

 private:
  asio::io_context& context_;
  tcp::acceptor acceptor_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Answers each request after one signature check; see bench/README.md"};
  std::uint16_t port = 0;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  app.add_option("--port", port, "Port on loopback; 0 takes a free one, which is printed");
  app.add_option("--threads", threads, "Threads that serve")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (sodium_init() < 0) return 1;
  try {
    asio::io_context context(static_cast<int>(threads));
    Listener listener(context, port);
    listener.accept();
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&context](beast::error_code, int) { context.stop(); });
    std::cout << "http://127.0.0.1:" << listener.port() << std::endl;
    std::vector<std::thread> pool;
    for (unsigned i = 1; i < threads; ++i) pool.emplace_back([&context] { context.run(); });
    context.run();
    for (std::thread& thread : pool) thread.join();
  } catch (const std::exception& error) {
    std::cerr << "verify_echo_server: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
