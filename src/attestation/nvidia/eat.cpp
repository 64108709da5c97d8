#include "attestation/nvidia/eat.h"

#include <algorithm>

#include "attestation/json/json.h"
#include "attestation/x509/public_key.h"
#include "base/hash.h"

namespace starminer::attestation::nvidia {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using json::Kind;
using json::Value;

constexpr std::size_t kCoordinate = 48;

struct Token {
  std::string text;
  /// Header and claims with the dot between.
  std::string signed_part;
  std::string key_id;
  std::string algorithm;
  std::string claims;
  Bytes signature;
};

std::optional<Token> parse_token(const std::string& text) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string::npos ? first : text.find('.', first + 1);
  if (second == std::string::npos || text.find('.', second + 1) != std::string::npos) return std::nullopt;
  const auto header_bytes = from_base64url(std::string_view(text).substr(0, first));
  const auto claims = from_base64url(std::string_view(text).substr(first + 1, second - first - 1));
  auto signature = from_base64url(std::string_view(text).substr(second + 1));
  if (!header_bytes || !claims || !signature || signature->size() != 2 * kCoordinate) return std::nullopt;
  const auto header = json::parse(as_text(*header_bytes));
  if (!header) return std::nullopt;
  const auto key_id = header->text_of("kid");
  const auto algorithm = header->text_of("alg");
  if (!key_id || algorithm != "ES384" || header->members.size() != 2) return std::nullopt;
  return Token{text, text.substr(0, second), *key_id, *algorithm, to_text(*claims), std::move(*signature)};
}

struct Detached {
  Token overall;
  std::map<std::string, Token> submodules;
};

std::optional<Detached> parse_detached(std::string_view text) {
  const auto document = json::parse(text);
  if (!document || document->kind != Kind::Array || document->items.size() != 2) return std::nullopt;
  const Value& head = document->items[0];
  const Value& tail = document->items[1];
  if (head.items.size() != 2 || head.items[0].kind != Kind::String || head.items[0].string != "JWT" ||
      head.items[1].kind != Kind::String || tail.kind != Kind::Object) {
    return std::nullopt;
  }
  auto overall = parse_token(head.items[1].string);
  if (!overall) return std::nullopt;
  Detached detached{std::move(*overall), {}};
  for (const json::Member& member : tail.members) {
    auto token = member.value.kind == Kind::String ? parse_token(member.value.string) : std::nullopt;
    if (!token) return std::nullopt;
    detached.submodules.emplace(member.name, std::move(*token));
  }
  return detached;
}

std::optional<OverallClaims> read_claims(const Value& claims) {
  OverallClaims overall;
  const Value* result = claims.find("x-nvidia-overall-att-result", Kind::Boolean);
  const auto issued = claims.number_of("iat");
  const auto not_before = claims.number_of("nbf");
  const auto expires = claims.number_of("exp");
  if (result == nullptr || !issued || !not_before || !expires) return std::nullopt;
  overall.issuer = claims.text_of("iss").value_or("");
  overall.subject = claims.text_of("sub").value_or("");
  overall.version = claims.text_of("x-nvidia-ver").value_or("");
  overall.nonce = claims.text_of("eat_nonce").value_or("");
  overall.result = result->boolean;
  overall.issued = *issued;
  overall.not_before = *not_before;
  overall.expires = *expires;
  return overall;
}

/// ["DIGEST", ["SHA-256", hex of the submodule's token]].
bool digest_is_of(const Value& row, const Token& token) {
  return row.items.size() == 2 && row.items[0].string == "DIGEST" && row.items[1].items.size() == 2 &&
         row.items[1].items[0].string == "SHA-256" && row.items[1].items[1].string == sha256(token.text).hex();
}

/// Whether overall and submodules name each other, each with its digest.
std::string digests_fault(const Value& claims, const Detached& detached, std::map<std::string, bool>& digests) {
  const Value* submodules = claims.find("submods", Kind::Object);
  if (submodules == nullptr || submodules->members.empty()) return "the overall token names no submodule";
  for (const json::Member& member : submodules->members) {
    const auto found = detached.submodules.find(member.name);
    digests[member.name] = found != detached.submodules.end() && digest_is_of(member.value, found->second);
  }
  for (const auto& [name, right] : digests) {
    if (!right) return "the token of " + name + " is missing or another";
  }
  return digests.size() == detached.submodules.size() ? "" : "there is a token that the overall token does not name";
}

/// Skipped where a key is not at hand.
void judge_signatures(evidence::Steps& steps, const Detached& detached, const TokenKeys& keys) {
  std::vector<const Token*> tokens = {&detached.overall};
  for (const auto& [name, token] : detached.submodules) tokens.push_back(&token);
  bool known = true;
  for (const Token* token : tokens) {
    const auto key = keys.find(token->key_id);
    if (key == keys.end()) {
      known = false;
      continue;
    }
    x509::PublicKey point;
    point.type = x509::KeyType::EcP384;
    point.point = key->second;
    if (!x509::verify_ecdsa(point, x509::Digest::Sha384, as_bytes(token->signed_part),
                            x509::split_ecdsa_signature(token->signature))) {
      steps.fail(StepId::EatSignature, "the key has not signed a token");
      return;
    }
  }
  if (known) {
    steps.pass(StepId::EatSignature);
  } else {
    steps.skip(StepId::EatSignature, "the key of the service is not at hand");
  }
}

std::string time_fault(const TokenCheck& token, x509::UnixTime time) {
  if (time.seconds < 0) return "the token is not valid yet";
  const auto now = static_cast<std::uint64_t>(time.seconds);
  if (now < token.overall.not_before || now < token.overall.issued) return "the token is not valid yet";
  if (now > token.overall.expires) return "the token has run out";
  for (const auto& [name, device] : token.devices) {
    if (device.not_before && now < *device.not_before) return "the token of " + name + " is not valid yet";
    if (device.expires && now > *device.expires) return "the token of " + name + " has run out";
  }
  return {};
}

std::optional<DeviceClaims> read_device(const Token& token) {
  const auto claims = json::parse(token.claims);
  if (!claims || claims->kind != Kind::Object) return std::nullopt;
  return DeviceClaims{claims->text_of("iss").value_or(""), claims->text_of("eat_nonce").value_or(""),
                      claims->text_of("ueid").value_or(""), claims->number_of("nbf"), claims->number_of("exp")};
}

/// The overall token has the digest of each device's, so one that contradicts it is of another request.
std::string submodules_fault(const TokenCheck& token) {
  for (const auto& [name, device] : token.devices) {
    if (!device.issuer.empty() && device.issuer != token.overall.issuer)
      return "the token of " + name + " has another issuer";
    if (!device.nonce.empty() && device.nonce != token.overall.nonce)
      return "the token of " + name + " answers another nonce";
  }
  return {};
}

/// A big-endian number in decimal, without leading zeros.
std::string decimal_of(ByteView number) {
  std::string digits = "0";  // the last first
  for (const std::uint8_t byte : number) {
    unsigned carry = byte;
    for (char& digit : digits) {
      carry += static_cast<unsigned>(digit - '0') * 256;
      digit = static_cast<char>('0' + carry % 10);
      carry /= 10;
    }
    for (; carry > 0; carry /= 10) digits += static_cast<char>('0' + carry % 10);
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  return {digits.rbegin(), digits.rend()};
}

}  // namespace

std::optional<Bytes> from_base64url(std::string_view text) {
  std::string standard(text);
  for (char& c : standard) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  standard.append((4 - standard.size() % 4) % 4, '=');
  return from_base64(standard);
}

std::optional<TokenKeys> parse_token_keys(std::string_view text) {
  const auto document = json::parse(text);
  const Value* list = document ? document->find("keys", Kind::Array) : nullptr;
  if (list == nullptr) return std::nullopt;
  TokenKeys keys;
  for (const Value& row : list->items) {
    const auto name = row.text_of("kid");
    const auto x = from_base64url(row.text_of("x").value_or(""));
    const auto y = from_base64url(row.text_of("y").value_or(""));
    if (!name || row.text_of("kty") != "EC" || row.text_of("crv") != "P-384" || !x || !y || x->size() != kCoordinate ||
        y->size() != kCoordinate) {
      return std::nullopt;
    }
    Bytes point = *x;
    point.insert(point.end(), y->begin(), y->end());
    if (!keys.emplace(*name, std::move(point)).second) return std::nullopt;
  }
  return keys;
}

TokenCheck check_token(const TokenInput& input) {
  TokenCheck check;
  evidence::Steps& steps = check.steps;
  const auto detached = parse_detached(input.text);
  const auto claims = detached ? json::parse(detached->overall.claims) : std::nullopt;
  const auto overall = claims ? read_claims(*claims) : std::nullopt;
  bool whole = overall.has_value();
  if (whole) {
    for (const auto& [name, token] : detached->submodules) {
      auto device = read_device(token);
      whole = whole && device;
      if (device) check.devices.emplace(name, std::move(*device));
    }
  }
  if (!whole) {
    check.devices.clear();
    steps.fail(StepId::EatForm, "it is no detached token of NVIDIA's service");
    steps.skip(StepId::EatSignature, "there is no token");
    return check;
  }
  steps.pass(StepId::EatForm);
  check.key_id = detached->overall.key_id;
  check.algorithm = detached->overall.algorithm;
  check.overall = *overall;
  judge_signatures(steps, *detached, input.keys);
  steps.judge(StepId::EatDigests, digests_fault(*claims, *detached, check.digests));
  if (input.time) steps.judge(StepId::EatTime, time_fault(check, *input.time));
  if (input.expected_nonce) {
    steps.check(StepId::EatNonce, overall->nonce == *input.expected_nonce, "the token answers another nonce");
  }
  steps.check(StepId::EatResult, overall->result, "the service did not accept the evidence");
  steps.check(StepId::EatIssuer, overall->issuer == kTokenIssuer && overall->subject == kTokenSubject,
              "the token is not of NVIDIA's service");
  steps.judge(StepId::EatSubmodules, submodules_fault(check));
  return check;
}

evidence::Steps judge(const TokenCheck& token, bool nonce_given, const Policy& policy) {
  evidence::Steps steps;
  steps.check(StepId::NvNonceGiven, nonce_given || !policy.nonce_needed,
              "no nonce is expected, so the token may be an old one");
  const bool gpus = std::all_of(token.devices.begin(), token.devices.end(),
                                [](const auto& device) { return device.first.starts_with("GPU-"); });
  steps.check(StepId::EatDevices, gpus || policy.switches_allowed, "the token is about other devices than GPUs");
  const bool denied = std::any_of(policy.denied_devices.begin(), policy.denied_devices.end(), [&](const Bytes& serial) {
    const std::string ueid = decimal_of(serial);
    return std::any_of(token.devices.begin(), token.devices.end(),
                       [&](const auto& device) { return device.second.ueid == ueid; });
  });
  steps.check(StepId::NvDeviceAllowed, !denied, "this device is denied");
  return steps;
}

}  // namespace starminer::attestation::nvidia
