#include "client/vrf_key_file.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/bytes.h"
#include "client/secret_file.h"

namespace starminer::client {

namespace vrf = attestation::vrf;

namespace {

constexpr std::string_view kKind = "vrf";

/// Empty where it is missing or no text: the file is foreign until it has proven to be ours.
std::string text_of(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<vrf::SecretKey, std::string> create_vrf_key_file(const std::filesystem::path& file) {
  vrf::Seed seed{};
  randombytes_buf(seed.data(), seed.size());
  const vrf::SecretKey key = vrf::SecretKey::from_seed(seed);
  const nlohmann::ordered_json document = {
      {"version", 1}, {"kind", kKind}, {"public_key", to_hex(key.public_key().view())}, {"seed", to_hex(seed)}};
  sodium_memzero(seed.data(), seed.size());
  if (auto written = write_secret_file(file, document.dump(2) + "\n"); !written) return fail(written.error());
  return key;
}

Result<vrf::SecretKey, std::string> load_vrf_key_file(const std::filesystem::path& file) {
  const auto text = read_secret_file(file, "starminerd init, for a new chain; a chain goes on only with its own key");
  if (!text) return fail(text.error());
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object() || document.find("version") == document.end() || document["version"] != 1 ||
      text_of(document, "kind") != kKind) {
    return fail(fmt::format("{} is no VRF key file", file.string()));
  }
  const auto bytes = from_hex(text_of(document, "seed"));
  vrf::Seed seed{};
  if (bytes && bytes->size() == seed.size()) {
    std::copy(bytes->begin(), bytes->end(), seed.begin());
    const vrf::SecretKey key = vrf::SecretKey::from_seed(seed);
    sodium_memzero(seed.data(), seed.size());
    if (text_of(document, "public_key") == to_hex(key.public_key().view())) return key;
  }
  return fail(fmt::format("{} is damaged: seed and public key disagree; restore it from your backup", file.string()));
}

}  // namespace starminer::client
