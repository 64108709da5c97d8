// Audit bundles: proofs of rows and leaves under one app hash, signed by who exported them, to be checked by a person
// who has nothing but that hash (AUD-1, AUD-2, DEC-2). Nothing in a bundle is a claim: what it says is read out of the
// proven bytes. Format: docs/formats/audit.md. Pure functions; bytes of a stranger give a fault, never an assertion.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "base/signature.h"
#include "protocol/block.h"
#include "protocol/state/table_ids.h"

namespace starminer::client::audit {

inline constexpr std::string_view kBundleFormat = "starminer/audit-bundle/1";
inline constexpr std::string_view kConsistencyFormat = "starminer/consistency/1";
inline constexpr std::size_t kBundleBytesMax = 16U << 20U;

enum class FaultKind : std::uint8_t {
  Malformed,  // no bundle: the text has not the form of one
  Mismatch,   // a bundle that does not hold
};
struct BundleFault {
  FaultKind kind{};
  std::string why;
};

struct RowId {
  protocol::state::TableId table{};
  Bytes key;
};

/// One proven statement.
struct ProvenItem {
  std::string what;      // "account", "settlement", "receipt"
  std::string id;        // address, id, name; empty for the chain
  bool present = true;   // false: there is no such row
  nlohmann::json facts;  // null where absent
  std::string sentence;  // the facts in words
};

struct ProvenBundle {
  protocol::Commitment commitment;
  Hash32 app_hash;
  std::string chain_id;
  TimeMs block_time;
  PublicKey signer;
  std::vector<ProvenItem> items;
};

/// The request for POST /v1/proofs that gives a bundle of these; the row of the chain is added.
[[nodiscard]] nlohmann::json proof_request(const std::vector<RowId>& rows, const std::vector<std::uint64_t>& leaves);
/// A bundle out of the answer, signed. Fails with a sentence where the answer has not the form of one.
[[nodiscard]] Result<nlohmann::json, std::string> make_bundle(const nlohmann::json& answer, const SigningKey& key);

/// Checks everything: form, signature, every proof, the content of every row. `trusted`: an app hash known from
/// elsewhere; without one the result says only that the bundle is consistent in itself.
[[nodiscard]] Result<ProvenBundle, BundleFault> verify_bundle(std::string_view text,
                                                              const std::optional<Hash32>& trusted);

struct ProvenConsistency {
  protocol::Commitment before, after;
};
/// The same for a consistency proof between two heights.
[[nodiscard]] Result<ProvenConsistency, BundleFault> verify_consistency(std::string_view text,
                                                                        const std::optional<Hash32>& trusted_before,
                                                                        const std::optional<Hash32>& trusted_after);
/// A file of the answer of GET /v1/history/consistency.
[[nodiscard]] nlohmann::json make_consistency(const nlohmann::json& answer);

/// The `format` of a JSON text, empty if it has none: which of the verifiers it is for.
[[nodiscard]] std::string format_of(std::string_view text);

}  // namespace starminer::client::audit
