#include "client/key_file.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/bytes.h"
#include "client/secret_file.h"

namespace starminer::client {
namespace {

using Seed = std::array<std::uint8_t, 32>;

struct Sealed {
  std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
  std::array<std::uint8_t, crypto_secretbox_NONCEBYTES> nonce{};
  std::array<std::uint8_t, sizeof(Seed) + crypto_secretbox_MACBYTES> box{};
};

bool derive(std::array<std::uint8_t, crypto_secretbox_KEYBYTES>& key, const std::string& passphrase,
            const std::array<std::uint8_t, crypto_pwhash_SALTBYTES>& salt) {
  return crypto_pwhash(key.data(), key.size(), passphrase.data(), passphrase.size(), salt.data(),
                       crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                       crypto_pwhash_ALG_ARGON2ID13) == 0;
}

template <std::size_t kSize>
bool read_hex(const nlohmann::json& document, const char* name, std::array<std::uint8_t, kSize>& out) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_string()) return false;
  const auto bytes = from_hex(found->get_ref<const std::string&>());
  if (!bytes || bytes->size() != kSize) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return true;
}

Result<nlohmann::json, std::string> seal(const Seed& seed, const SigningKey& key,
                                         const std::optional<std::string>& passphrase) {
  nlohmann::json document = {
      {"version", 1}, {"address", key.account().text()}, {"public_key", to_hex(key.public_key().view())}};
  if (!passphrase) {
    document["seed"] = to_hex(seed);
    return document;
  }
  Sealed sealed;
  randombytes_buf(sealed.salt.data(), sealed.salt.size());
  randombytes_buf(sealed.nonce.data(), sealed.nonce.size());
  std::array<std::uint8_t, crypto_secretbox_KEYBYTES> box_key{};
  if (!derive(box_key, *passphrase, sealed.salt))
    return fail(std::string("not enough memory to derive the file's key"));
  crypto_secretbox_easy(sealed.box.data(), seed.data(), seed.size(), sealed.nonce.data(), box_key.data());
  sodium_memzero(box_key.data(), box_key.size());
  document["sealed"] = {{"kdf", "argon2id-interactive"},
                        {"salt", to_hex(sealed.salt)},
                        {"nonce", to_hex(sealed.nonce)},
                        {"box", to_hex(sealed.box)}};
  return document;
}

Result<SigningKey, std::string> write_key(const std::filesystem::path& file, Seed seed,
                                          const std::optional<std::string>& passphrase) {
  const SigningKey key = SigningKey::from_seed(seed);
  const auto document = seal(seed, key, passphrase);
  sodium_memzero(seed.data(), seed.size());
  if (!document) return fail(document.error());
  if (const auto written = write_secret_file(file, document->dump(2) + "\n"); !written) return fail(written.error());
  return key;
}

Result<Seed, std::string> open_seed(const nlohmann::json& document, const std::string& name,
                                    const std::optional<std::string>& passphrase) {
  Seed seed{};
  if (read_hex(document, "seed", seed)) return seed;
  const auto found = document.find("sealed");
  Sealed sealed;
  if (found == document.end() || !read_hex(*found, "salt", sealed.salt) || !read_hex(*found, "nonce", sealed.nonce) ||
      !read_hex(*found, "box", sealed.box)) {
    return fail(fmt::format("{} is damaged: restore it from your backup", name));
  }
  if (!passphrase) {
    return fail(
        fmt::format("{} is sealed with a passphrase: set STARMINER_KEY_PASSPHRASE or enter it when asked", name));
  }
  std::array<std::uint8_t, crypto_secretbox_KEYBYTES> box_key{};
  if (!derive(box_key, *passphrase, sealed.salt))
    return fail(std::string("not enough memory to derive the file's key"));
  const int opened = crypto_secretbox_open_easy(seed.data(), sealed.box.data(), sealed.box.size(), sealed.nonce.data(),
                                                box_key.data());
  sodium_memzero(box_key.data(), box_key.size());
  if (opened != 0) return fail(fmt::format("{}: the passphrase is wrong", name));
  return seed;
}

}  // namespace

SigningKey make_key() {
  Seed seed{};
  randombytes_buf(seed.data(), seed.size());
  SigningKey key = SigningKey::from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

Result<SigningKey, std::string> create_key_file(const std::filesystem::path& file,
                                                const std::optional<std::string>& passphrase) {
  Seed seed{};
  randombytes_buf(seed.data(), seed.size());
  return write_key(file, seed, passphrase);
}

Result<SigningKey, std::string> import_key_file(const std::filesystem::path& file, std::string_view seed_hex,
                                                const std::optional<std::string>& passphrase) {
  const auto bytes = from_hex(seed_hex);
  Seed seed{};
  if (!bytes || bytes->size() != seed.size()) {
    return fail(std::string("a seed is 64 lower-case hexadecimal characters"));
  }
  std::copy(bytes->begin(), bytes->end(), seed.begin());
  return write_key(file, seed, passphrase);
}

Result<SigningKey, std::string> load_key_file(const std::filesystem::path& file,
                                              const std::optional<std::string>& passphrase) {
  const std::string name = file.string();
  const auto text = read_secret_file(file, "starminer login");
  if (!text) return fail(text.error());
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object() || document.value("version", 0) != 1) return fail(fmt::format("{} is no key file", name));
  const auto seed = open_seed(document, name, passphrase);
  if (!seed) return fail(seed.error());
  const SigningKey key = SigningKey::from_seed(*seed);
  if (document.value("address", std::string()) != key.account().text()) {
    return fail(fmt::format("{} is damaged: seed and address disagree; restore it from your backup", name));
  }
  return key;
}

}  // namespace starminer::client
