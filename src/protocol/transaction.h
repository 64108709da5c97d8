// Transactions as they travel, and the one place where bytes become a transaction: canonical encoding, signature by the
// one acceptance rule. What passed is a VerifiedTransaction; nothing else enters a block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/signature.h"
#include "protocol/operation/limits.h"
#include "protocol/operation/refusal.h"

namespace starminer::v1 {
class TransactionBody;
}

namespace starminer::protocol {

inline constexpr std::string_view kTransactionDomain = "starminer/tx/1";

class VerifiedTransaction {
 public:
  [[nodiscard]] const Hash32& hash() const { return hash_; }  // SHA-256 of the signed bytes
  [[nodiscard]] const AccountId& account() const { return account_; }
  [[nodiscard]] const v1::TransactionBody& body() const { return *body_; }
  [[nodiscard]] const Bytes& bytes() const { return *bytes_; }  // of the SignedTransaction

 private:
  friend Result<VerifiedTransaction, Refusal> verify_transaction(ByteView bytes, std::string_view chain_id);
  VerifiedTransaction() = default;
  Hash32 hash_;
  AccountId account_;
  std::shared_ptr<const v1::TransactionBody> body_;
  std::shared_ptr<const Bytes> bytes_;
};

/// Decodes, checks canonical form, chain id and signature. Pure; runs on any thread.
/// Fails, in this order, with TransactionTooLarge, MalformedTransaction, WrongChain, UnknownOperation, ProposerOnly,
/// BadPublicKey, BadSignatureEncoding, WrongSignature.
[[nodiscard]] Result<VerifiedTransaction, Refusal> verify_transaction(ByteView bytes, std::string_view chain_id);

/// Signs a body: the bytes to send.
[[nodiscard]] Bytes sign_transaction(const v1::TransactionBody& body, const SigningKey& key);

}  // namespace starminer::protocol
