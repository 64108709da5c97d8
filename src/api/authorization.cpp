#include "api/authorization.h"

#include <cstring>
#include <mutex>
#include <unordered_set>

#include <fmt/format.h>

#include "base/hash.h"
#include "signing/request.h"

namespace starminer::api {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view kAdvice =
    "Sign the request with the account's key as docs/api.md describes; a client of this project does it by itself.";

// 128 bits of a hash of key and nonce: two requests never share one by chance.
using Mark = std::array<std::uint64_t, 2>;

Mark mark_of(const signing::RequestSignature& signature) {
  const Hash32 hash = Sha256().update(signature.key.view()).update(std::string_view(signature.nonce)).finish();
  Mark mark{};
  std::memcpy(mark.data(), hash.bytes.data(), sizeof(mark));
  return mark;
}

struct MarkHash {
  std::size_t operator()(const Mark& mark) const { return static_cast<std::size_t>(mark[0]); }
};

Response refusal(std::string code, std::string detail) {
  Response response(http::unauthorized(std::move(code), std::move(detail), std::string(kAdvice)));
  return std::move(response.with("WWW-Authenticate", "StarMiner"));
}

bool is_near(TimeMs stated, TimeMs now) {
  return elapsed(stated, now) <= kRequestTimeSlack && elapsed(now, stated) <= kRequestTimeSlack;
}

std::string_view text_of(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::BadKey: return "The key is no canonical ed25519 point of full order.";
    case SignatureFault::BadEncoding: return "The signature is not in canonical encoding.";
    default: return "The signature does not match method, target, time, nonce and body hash of this request.";
  }
}

}  // namespace

/// Marks of used nonces in two generations. A request is valid for at most twice the slack, and a generation lives
/// at least that long after it stopped taking marks.
struct Authorizer::Nonces {
  using Generation = std::unordered_set<Mark, MarkHash>;

  mutable std::mutex mutex;
  Generation young;
  Generation old;
  TimeMs begun;

  [[nodiscard]] bool contains(const Mark& mark) const { return young.contains(mark) || old.contains(mark); }

  void turn(TimeMs now) {
    // A clock that was set back must not keep marks for ever, one set forward drops them no earlier than it outdates
    // their requests.
    const bool over = elapsed(now, begun).ms > 2 * kRequestTimeSlack.ms || elapsed(begun, now) > kRequestTimeSlack;
    if (!over) return;
    old = std::exchange(young, {});
    begun = now;
  }
};

Authorizer::Authorizer(AuthorizerOptions options) : options_(std::move(options)), nonces_(std::make_unique<Nonces>()) {}
Authorizer::~Authorizer() = default;

Result<AccountId, Response> Authorizer::check(const Request& request) { return check(request, Body::Buffered); }
Result<AccountId, Response> Authorizer::check_streamed(const Request& request) {
  return check(request, Body::Streamed);
}

Result<AccountId, Response> Authorizer::check(const Request& request, Body body) {
  const std::string_view header = request.header("authorization");
  if (header.empty()) return fail(refusal("unsigned", "This path takes signed requests only."));
  const auto signature = signing::parse_authorization(header);
  if (!signature) return fail(refusal("bad_signature", "The Authorization header is malformed."));
  const bool streamed = !signature->body.has_value();
  if (streamed != (body == Body::Streamed)) {
    return fail(refusal("bad_signature", body == Body::Streamed
                                             ? "An artifact is signed with body=stream: its address proves its content."
                                             : "Only an uploaded artifact may be signed with body=stream."));
  }
  if (!streamed && *signature->body != sha256(request.body)) {
    return fail(refusal("bad_signature", "The body is not the one that was signed."));
  }
  const SignatureFault fault = verify_request(*signature, http::method_name(request.method), request.target);
  if (fault != SignatureFault::None) return fail(refusal("bad_signature", std::string(text_of(fault))));
  const TimeMs now = options_.clock();
  if (!is_near(signature->time, now)) {
    return fail(refusal("stale_request", fmt::format("The request was signed at {}, it is {} now; at most {} s may lie "
                                                     "between. Set this machine's clock.",
                                                     signature->time.ms, now.ms, kRequestTimeSlack.ms / 1000)));
  }
  const std::lock_guard lock(nonces_->mutex);
  nonces_->turn(now);
  const Mark mark = mark_of(*signature);
  if (nonces_->contains(mark)) return fail(refusal("replayed_request", "This very request was answered before."));
  if (nonces_->young.size() >= options_.nonces_max) {
    return fail(
        Response(http::unavailable("overloaded", "The server remembers as many signed requests as it can.", 30)));
  }
  nonces_->young.insert(mark);
  return signature->account();
}

std::string Authorizer::rate_key(const Request& request) const {
  const std::string_view header = request.header("authorization");
  if (header.empty()) return {};
  const auto signature = signing::parse_authorization(header);
  if (!signature || !is_near(signature->time, options_.clock())) return {};
  if (verify_request(*signature, http::method_name(request.method), request.target) != SignatureFault::None) return {};
  {
    // Somebody who repeats another's request must not use up that one's rate.
    const std::lock_guard lock(nonces_->mutex);
    if (nonces_->contains(mark_of(*signature))) return {};
  }
  return signature->account().text();
}

}  // namespace starminer::api
