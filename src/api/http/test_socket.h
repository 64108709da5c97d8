// A bare TCP client for tests: sends any bytes and reads what comes, with generous waits. For tests only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace starminer::api::http::testing {

constexpr std::chrono::seconds kPatience{20};

class TestSocket {
 public:
  /// `receive_buffer` > 0 makes the receive window small, for readers that do not read.
  explicit TestSocket(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  TestSocket(TestSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;
  TestSocket& operator=(TestSocket&&) = delete;
  ~TestSocket() { close(); }

  [[nodiscard]] bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  /// False when the server closed before all was taken.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// Appends what comes next to buffer(); false at the end of the connection or when nothing comes for long.
  bool receive() {
    pollfd entry{fd_, POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) {
      timed_out_ = true;
      return false;
    }
    char bytes[16'384];
    const ssize_t count = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  /// Whether bytes or the end of the connection are there now.
  [[nodiscard]] bool readable() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
  }

  /// All bytes until the server closes. closed() tells whether it did.
  std::string read_to_end() {
    while (receive()) {
    }
    closed_ = !timed_out_;
    return std::exchange(buffer_, {});
  }
  [[nodiscard]] bool closed() const { return closed_; }

  /// Reads until the text occurs; true when it did.
  bool read_until(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }

  /// One answer with Content-Length: head and body. Empty when the connection ended first.
  std::string read_answer() {
    if (!read_until("\r\n\r\n")) return {};
    const std::size_t head = buffer_.find("\r\n\r\n") + 4;
    std::size_t length = 0;
    const std::size_t field = buffer_.find("Content-Length: ");
    if (field < head) length = std::stoul(buffer_.substr(field + 16));
    while (buffer_.size() < head + length) {
      if (!receive()) return {};
    }
    std::string answer = buffer_.substr(0, head + length);
    buffer_.erase(0, head + length);
    return answer;
  }

  [[nodiscard]] const std::string& buffer() const { return buffer_; }

 private:
  int fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  bool closed_ = false;
  std::string buffer_;
};

/// The status code of an answer; 0 when it is none.
inline int status_of(std::string_view answer) {
  if (answer.size() < 12 || answer.substr(0, 9) != "HTTP/1.1 ") return 0;
  return std::stoi(std::string(answer.substr(9, 3)));
}

inline std::string body_of(std::string_view answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  return head == std::string_view::npos ? std::string() : std::string(answer.substr(head + 4));
}

/// Waits until the condition holds; false when it does not for long.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::usleep(2'000);
  }
  return true;
}

}  // namespace starminer::api::http::testing
