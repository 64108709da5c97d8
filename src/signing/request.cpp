#include "signing/request.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace starminer::signing {
namespace {

constexpr std::string_view kScheme = "StarMiner ";
constexpr std::string_view kStreamedBody = "stream";
constexpr std::size_t kNonceLength = 32;
constexpr std::size_t kHeaderMax = 1024;

std::string body_text(const BodyHash& body) { return body ? body->hex() : std::string(kStreamedBody); }

std::string signed_text(std::string_view method, std::string_view target, TimeMs time, std::string_view nonce,
                        const BodyHash& body) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", method, target, time.ms, nonce, body_text(body));
}

// Takes `name=value` off the front, with its separator. Fields have one order, so that one signature has one text.
std::optional<std::string_view> take_field(std::string_view& text, std::string_view name, bool last) {
  if (!text.starts_with(name) || text.substr(name.size(), 1) != "=") return std::nullopt;
  text.remove_prefix(name.size() + 1);
  const std::size_t end = last ? text.size() : text.find(", ");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(0, end);
  text.remove_prefix(last ? end : end + 2);
  return value;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string make_authorization(const SigningKey& key, std::string_view method, std::string_view target,
                               const BodyHash& body, TimeMs time, std::string_view nonce) {
  const Signature signature = key.sign(kRequestDomain, as_bytes(signed_text(method, target, time, nonce, body)));
  return fmt::format("{}key={}, time={}, nonce={}, body={}, signature={}", kScheme, to_hex(key.public_key().view()),
                     time.ms, nonce, body_text(body), to_hex(signature.view()));
}

std::optional<RequestSignature> parse_authorization(std::string_view header) {
  if (header.size() > kHeaderMax || !header.starts_with(kScheme)) return std::nullopt;
  header.remove_prefix(kScheme.size());
  const auto key_text = take_field(header, "key", false);
  const auto time_text = key_text ? take_field(header, "time", false) : std::nullopt;
  const auto nonce = time_text ? take_field(header, "nonce", false) : std::nullopt;
  const auto body = nonce ? take_field(header, "body", false) : std::nullopt;
  const auto signature_text = body ? take_field(header, "signature", true) : std::nullopt;
  if (!signature_text) return std::nullopt;
  const auto key_bytes = from_hex(*key_text);
  const auto key = key_bytes ? PublicKey::from_view(*key_bytes) : std::nullopt;
  const auto time = parse_number(*time_text);
  const auto signature_bytes = from_hex(*signature_text);
  const auto signature = signature_bytes ? Signature::from_view(*signature_bytes) : std::nullopt;
  if (!key || !time || !signature || nonce->size() != kNonceLength || !from_hex(*nonce)) return std::nullopt;
  BodyHash body_hash;
  if (*body != kStreamedBody) {
    body_hash = Hash32::from_hex(*body);
    if (!body_hash) return std::nullopt;
  }
  return RequestSignature{*key, {*time}, std::string(*nonce), body_hash, *signature};
}

SignatureFault verify_request(const RequestSignature& request, std::string_view method, std::string_view target) {
  return verify(request.key, kRequestDomain,
                as_bytes(signed_text(method, target, request.time, request.nonce, request.body)), request.signature);
}

}  // namespace starminer::signing
