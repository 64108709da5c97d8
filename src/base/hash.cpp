// SHA256_Init and its kin are deprecated in OpenSSL 3 in favour of EVP, whose look-up of the algorithm costs several
// times the hash of a short message. They stay in the library for all of its version 3.
#define OPENSSL_SUPPRESS_DEPRECATED

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

namespace {

/// A hash on the stack, for messages that are at hand at once.
class ShortHash {
 public:
  ShortHash() { STARMINER_CHECK(SHA256_Init(&context_) == 1); }
  void update(const void* bytes, std::size_t size) { STARMINER_CHECK(SHA256_Update(&context_, bytes, size) == 1); }
  Hash32 finish() {
    Hash32 hash;
    STARMINER_CHECK(SHA256_Final(hash.bytes.data(), &context_) == 1);
    return hash;
  }

 private:
  SHA256_CTX context_;
};

}  // namespace

Hash32 sha256(ByteView bytes) {
  ShortHash hash;
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

Hash32 sha256_after(std::uint8_t first, ByteView bytes) {
  ShortHash hash;
  hash.update(&first, 1);
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

Hash32 tagged_hash(std::string_view tag, ByteView bytes) {
  STARMINER_CHECK(tag.size() < 256);
  const auto length = static_cast<std::uint8_t>(tag.size());
  ShortHash hash;
  hash.update(&length, 1);
  hash.update(tag.data(), tag.size());
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

}  // namespace starminer
