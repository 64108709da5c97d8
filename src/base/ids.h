// Identifiers: accounts, jobs, contracts, nodes. Ids derive from content and sequence, so every replica finds the same.
// Text forms are bech32m with a prefix per kind ("sm1..." account, "j1..." job, "c1..." contract, "n1..." node).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer {

/// 20 bytes that name a thing of one kind; the tag keeps kinds apart at compile time.
template <class Tag>
struct Id {
  std::array<std::uint8_t, 20> bytes{};

  auto operator<=>(const Id&) const = default;
  [[nodiscard]] bool is_zero() const { return *this == Id{}; }
  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] std::string text() const;
  /// The whole bech32m text. Empty on a wrong prefix, length or checksum.
  [[nodiscard]] static std::optional<Id> parse(std::string_view text);
  [[nodiscard]] static std::optional<Id> from_view(ByteView view);
};

struct AccountTag {
  static constexpr std::string_view kPrefix = "sm";
};
struct JobTag {
  static constexpr std::string_view kPrefix = "j";
};
struct ContractTag {
  static constexpr std::string_view kPrefix = "c";
};
struct NodeTag {
  static constexpr std::string_view kPrefix = "n";
};

using AccountId = Id<AccountTag>;
using JobId = Id<JobTag>;
using ContractId = Id<ContractTag>;
using NodeId = Id<NodeTag>;

extern template struct Id<AccountTag>;
extern template struct Id<JobTag>;
extern template struct Id<ContractTag>;
extern template struct Id<NodeTag>;

/// An ed25519 public key as it stands on the wire.
struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const PublicKey&) const = default;
  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] static std::optional<PublicKey> from_view(ByteView view);
};

/// The account of a key: the first 20 bytes of the tagged hash of the public key.
[[nodiscard]] AccountId account_of(const PublicKey& key);
/// Job number `sequence` of an account: derived from the account and the sequence of the submitting transaction.
[[nodiscard]] JobId job_id_of(const AccountId& requester, std::uint64_t sequence);
/// The contract of a job's n-th match (0, 1, 2: a job is matched again after a provider's fault).
[[nodiscard]] ContractId contract_id_of(const JobId& job, std::uint32_t attempt);
/// Node registered by an account with the transaction of this sequence.
[[nodiscard]] NodeId node_id_of(const AccountId& provider, std::uint64_t sequence);

}  // namespace starminer
