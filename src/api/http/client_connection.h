// One connection of the client: opens it, sends bytes, reads an answer piece by piece, each step with a deadline.
// Used by one thread at a time. Internal to the client.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "api/http/client.h"
#include "base/bytes.h"

namespace starminer::api::http {

/// Head of an answer; the body follows by read_some().
struct ResponseHead {
  int status = 0;
  Headers headers;

  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// Until when a step may last, and a flag that ends it early from another thread.
struct Patience {
  std::chrono::steady_clock::time_point until;
  const std::atomic<bool>* cancel = nullptr;
};

class ClientConnection {
 public:
  ClientConnection(Endpoint endpoint, std::chrono::milliseconds connect_timeout);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Opens unless an idle connection is there that the server has not closed. Tells whether one was reused.
  [[nodiscard]] Result<bool, ApiError> open(const Patience& patience);
  [[nodiscard]] Result<void, ApiError> write(std::string_view head, std::string_view body, const Patience& patience);
  /// Whether bytes of an answer (or its end) come within the time.
  [[nodiscard]] bool wait_readable(std::chrono::milliseconds time);
  /// Skips interim answers (100). `bodiless` for the answer to HEAD.
  [[nodiscard]] Result<ResponseHead, ApiError> read_head(bool bodiless, const Patience& patience);
  /// The next head whatever it is; empty for an interim answer.
  [[nodiscard]] Result<std::optional<ResponseHead>, ApiError> read_interim(const Patience& patience) {
    return read_one_head(false, patience);
  }
  /// Next bytes of the body, 0 at its end.
  [[nodiscard]] Result<std::size_t, ApiError> read_some(std::span<char> out, const Patience& patience);
  /// After the body was read to its end: keeps the connection if the server does.
  void finish();
  void close();

 private:
  [[nodiscard]] Result<std::optional<ResponseHead>, ApiError> read_one_head(bool bodiless, const Patience& patience);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An error without an answer of the server.
[[nodiscard]] ApiError link_error(std::string code, std::string detail, std::string advice);

}  // namespace starminer::api::http
