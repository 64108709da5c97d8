#include "base/ids.h"

#include <algorithm>

#include "base/bech32m.h"
#include "base/unbonding_id.h"

namespace starminer {
namespace {

template <class AnyId>
AnyId shorten(const Hash32& hash) {
  AnyId id;
  std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

Bytes join(ByteView id, std::uint64_t number) {
  Bytes bytes(id.begin(), id.end());
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  return bytes;
}

}  // namespace

template <class Tag>
std::string Id<Tag>::text() const {
  return bech32m_encode(Tag::kPrefix, bytes);
}

template <class Tag>
std::optional<Id<Tag>> Id<Tag>::parse(std::string_view text) {
  const auto data = bech32m_decode(Tag::kPrefix, text);
  if (!data) return std::nullopt;
  return from_view(*data);
}

template <class Tag>
std::optional<Id<Tag>> Id<Tag>::from_view(ByteView view) {
  Id id;
  if (view.size() != id.bytes.size()) return std::nullopt;
  std::copy(view.begin(), view.end(), id.bytes.begin());
  return id;
}

template struct Id<AccountTag>;
template struct Id<JobTag>;
template struct Id<ContractTag>;
template struct Id<NodeTag>;
template struct Id<UnbondingTag>;

std::optional<PublicKey> PublicKey::from_view(ByteView view) {
  PublicKey key;
  if (view.size() != key.bytes.size()) return std::nullopt;
  std::copy(view.begin(), view.end(), key.bytes.begin());
  return key;
}

AccountId account_of(const PublicKey& key) { return shorten<AccountId>(tagged_hash("starminer/account/1", key.bytes)); }

JobId job_id_of(const AccountId& requester, std::uint64_t sequence) {
  return shorten<JobId>(tagged_hash("starminer/job/1", join(requester.bytes, sequence)));
}

ContractId contract_id_of(const JobId& job, std::uint32_t attempt) {
  return shorten<ContractId>(tagged_hash("starminer/contract/1", join(job.bytes, attempt)));
}

NodeId node_id_of(const AccountId& provider, std::uint64_t sequence) {
  return shorten<NodeId>(tagged_hash("starminer/node/1", join(provider.bytes, sequence)));
}

UnbondingId unbonding_id_of(const AccountId& account, std::uint64_t sequence) {
  return shorten<UnbondingId>(tagged_hash("starminer/unbonding/1", join(account.bytes, sequence)));
}

}  // namespace starminer
