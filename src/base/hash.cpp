#include "base/hash.h"

#include <algorithm>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/check.h"

namespace starminer {

std::optional<Hash32> Hash32::from_hex(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  const auto bytes = starminer::from_hex(text);
  if (!bytes) return std::nullopt;
  return from_view(*bytes);
}

std::optional<Hash32> Hash32::from_view(ByteView view) {
  Hash32 hash;
  if (view.size() != hash.bytes.size()) return std::nullopt;
  std::copy(view.begin(), view.end(), hash.bytes.begin());
  return hash;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { STARMINER_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(ByteView bytes) {
  STARMINER_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Hash32 Sha256::finish() {
  Hash32 hash;
  unsigned length = 0;
  STARMINER_CHECK(EVP_DigestFinal_ex(state_->context, hash.bytes.data(), &length) == 1 && length == hash.bytes.size());
  return hash;
}

Hash32 sha256(ByteView bytes) {
  // The low-level call avoids a heap allocation per hash, which is most of the cost for short messages.
  Hash32 hash;
  SHA256(bytes.data(), bytes.size(), hash.bytes.data());
  return hash;
}

Hash32 tagged_hash(std::string_view tag, ByteView bytes) {
  STARMINER_CHECK(tag.size() < 256);
  Bytes message;
  message.reserve(1 + tag.size() + bytes.size());
  message.push_back(static_cast<std::uint8_t>(tag.size()));
  message.insert(message.end(), tag.begin(), tag.end());
  message.insert(message.end(), bytes.begin(), bytes.end());
  return sha256(message);
}

}  // namespace starminer
