#include "client/evidence/receipt.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "attestation/json/json.h"

namespace starminer::client::evidence {
namespace {

using attestation::json::Kind;
using attestation::json::Value;
using attestation::zk::Risc0Release;
using attestation::zk::Selector;

/// risc0-ethereum, contracts/src/groth16/ControlID.sol of each release.
struct KnownRisc0Release {
  std::string_view name;
  std::string_view control_root;
  std::string_view control_id;
};

constexpr std::string_view kRisc0KeyDigest = "21c5fdd9b4d576b17581f50b755482ba7a2134a3b5186e8e454acfa1f69511ab";
constexpr std::array kRisc0Releases = {
    KnownRisc0Release{"RISC Zero 2.2", "ce52bf56033842021af3cf6db8a50d1b7535c125a34f1a22c6fdcf002c5a1529",
                      "04446e66d300eb7fb45c9726bb53c793dda407a62e9601618bb43c5c14657ac0"},
    KnownRisc0Release{"RISC Zero 3.0", "a54dc85ac99f851c92d7c96d7318af41dbe7c0194edfcc37eb4d422a998c1f56",
                      "04446e66d300eb7fb45c9726bb53c793dda407a62e9601618bb43c5c14657ac0"},
    KnownRisc0Release{"RISC Zero 5.0.0-rc.1", "b1f64013f70bbb386a8b3a3d63552c5cb5ea4a549ec7fb1ecc2a031dbf488167",
                      "04446e66d300eb7fb45c9726bb53c793dda407a62e9601618bb43c5c14657ac0"},
};

/// sp1-contracts, contracts/src of each release.
constexpr std::array kSp1Releases = {
    KnownSp1Release{"SP1 v4.0.0-rc.3",
                    "271e3f2624f5e430d68db58c9e815ab70e67671723e5e6c2de0e8d858b5aab90",
                    {{0x11, 0xb6, 0xa0, 0x9d}, attestation::zk::Sp1Form::Plain, {}}},
};

std::optional<Bytes> bytes_of(const Value& object, std::string_view name) {
  const auto text = object.text_of(name);
  return text && text->starts_with("0x") ? from_hex(std::string_view(*text).substr(2)) : std::nullopt;
}

/// Reads members of an object and keeps the first complaint.
class Members {
 public:
  explicit Members(const Value& object) : object_(&object) {}

  Bytes bytes(std::string_view name) {
    auto value = bytes_of(*object_, name);
    if (!value) complain(name, "lower-case hex after 0x");
    return value.value_or(Bytes());
  }

  template <std::size_t N>
  std::array<std::uint8_t, N> array(std::string_view name) {
    const auto value = bytes_of(*object_, name);
    std::array<std::uint8_t, N> result{};
    if (value && value->size() == N) {
      std::copy(value->begin(), value->end(), result.begin());
    } else {
      complain(name, std::to_string(N) + " bytes of lower-case hex after 0x");
    }
    return result;
  }

  Hash32 hash(std::string_view name) { return {array<32>(name)}; }

  std::optional<Hash32> find_hash(std::string_view name) {
    if (object_->find(name) == nullptr) return std::nullopt;
    return hash(name);
  }

  void only(std::initializer_list<std::string_view> known) {
    for (const auto& member : object_->members) {
      if (std::find(known.begin(), known.end(), member.name) == known.end() && fault_.empty()) {
        fault_ = "the receipt has an unknown member \"" + member.name + "\"";
      }
    }
  }

  [[nodiscard]] bool has(std::string_view name) const { return object_->find(name) != nullptr; }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  void complain(std::string_view name, const std::string& form) {
    if (fault_.empty()) fault_ = "\"" + std::string(name) + "\" of the receipt is not " + form;
  }

  const Value* object_;
  std::string fault_;
};

Risc0File risc0_of(Members& members) {
  members.only({"zkvm", "selector", "seal", "journal", "image_id", "control_root", "bn254_control_id", "claim_digest",
                "verifying_key_digest"});
  Risc0File file;
  file.receipt = {members.bytes("seal"), members.bytes("journal"), members.hash("image_id")};
  file.release = {members.hash("control_root"), members.hash("bn254_control_id")};
  file.stated.claim = members.find_hash("claim_digest");
  file.stated.key = members.find_hash("verifying_key_digest");
  if (members.has("selector")) file.stated.selector = members.array<4>("selector");
  return file;
}

Sp1File sp1_of(Members& members) {
  members.only({"version", "program_vkey", "public_values", "proof_bytes", "vk_root"});
  return {{members.hash("program_vkey"), members.bytes("public_values"), members.bytes("proof_bytes")},
          members.find_hash("vk_root")};
}

}  // namespace

Result<ReceiptFile, std::string> parse_receipt(std::string_view text) {
  const auto object = attestation::json::parse(text);
  if (!object || object->kind != Kind::Object) return fail(std::string("the receipt is no JSON object"));
  Members members(*object);
  ReceiptFile file = members.has("seal") ? ReceiptFile(risc0_of(members)) : ReceiptFile(sp1_of(members));
  if (!members.fault().empty()) return fail(members.fault());
  return file;
}

std::string_view name_of_release(const Risc0Release& release, const Hash32& key_digest) {
  if (key_digest.hex() != kRisc0KeyDigest) return {};
  const auto* const found =
      std::find_if(kRisc0Releases.begin(), kRisc0Releases.end(), [&](const KnownRisc0Release& known) {
        return known.control_root == release.control_root.hex() && known.control_id == release.control_id.hex();
      });
  return found == kRisc0Releases.end() ? std::string_view() : found->name;
}

const KnownSp1Release* find_sp1_release(const Hash32& key_digest) {
  const std::string hex = key_digest.hex();
  const auto* const found = std::find_if(kSp1Releases.begin(), kSp1Releases.end(),
                                         [&](const KnownSp1Release& known) { return known.key_digest == hex; });
  return found == kSp1Releases.end() ? nullptr : found;
}

}  // namespace starminer::client::evidence
