// Signed requests at the server: who sends this request, proven by the Authorization header (src/signing). Accepts a
// header once: its signature covers method, target, time, nonce and the hash of the body; the time must be near ours
// and the nonce new. Thread-safe. Nonces are kept in memory only: what a restart lets through again is a read, a beat
// or an append at a stated offset, none of which does anything twice.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "api/http/message.h"
#include "base/amount.h"
#include "base/ids.h"
#include "base/result.h"

namespace starminer::api {

/// How far the time of a signed request may lie from ours.
inline constexpr DurationMs kRequestTimeSlack{30'000};

struct AuthorizerOptions {
  std::function<TimeMs()> clock;
  /// Requests remembered per minute; beyond it signed requests are refused with 503, never accepted unchecked.
  std::size_t nonces_max = 500'000;
};

class Authorizer {
 public:
  explicit Authorizer(AuthorizerOptions options);
  ~Authorizer();
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;

  /// The account that signed this request; its nonce is used up. Fails with 401 unsigned, bad_signature, stale_request,
  /// replayed_request, or 503 overloaded.
  [[nodiscard]] Result<AccountId, http::Response> check(const http::Request& request);
  /// The same for an upload whose body is still to come: the header must say body=stream.
  [[nodiscard]] Result<AccountId, http::Response> check_streamed(const http::Request& request);

  /// Key for the rate limiter: the account of a valid signature with an unused nonce, else empty. Uses nothing up.
  [[nodiscard]] std::string rate_key(const http::Request& request) const;

 private:
  enum class Body { Buffered, Streamed };
  struct Nonces;

  [[nodiscard]] Result<AccountId, http::Response> check(const http::Request& request, Body body);

  AuthorizerOptions options_;
  std::unique_ptr<Nonces> nonces_;
};

}  // namespace starminer::api
