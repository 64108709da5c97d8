#include "client/audit/bundle.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/http/json.h"
#include "base/codec.h"
#include "client/audit/facts.h"
#include "protocol/audit/history.h"
#include "protocol/machine.h"
#include "protocol/state/merkle.h"

namespace starminer::client::audit {
namespace {

using nlohmann::json;
using protocol::Commitment;
using protocol::audit::HistoryTree;
using protocol::state::TableId;

constexpr std::size_t kPathMax = 64;
const Bytes kChainKey = {0};

using Status = Result<void, BundleFault>;

auto malformed(std::string why) { return fail(BundleFault{FaultKind::Malformed, std::move(why)}); }
auto mismatch(std::string why) { return fail(BundleFault{FaultKind::Mismatch, std::move(why)}); }

/// Exactly these members, so that nothing stands in a bundle that nobody checked.
Status expect_members(const json& object, const std::string& where, std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return malformed(fmt::format("{} is no object", where));
  for (const std::string_view name : names) {
    if (!object.contains(name)) return malformed(fmt::format("{} lacks the member \"{}\"", where, name));
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return malformed(fmt::format("{} has the member \"{}\", which no bundle has", where, name.substr(0, 40)));
    }
  }
  return {};
}

Result<Hash32, BundleFault> hash_at(const json& object, const std::string& where, const char* name) {
  const json& value = object.at(name);
  const auto hash = value.is_string() ? Hash32::from_hex(value.get_ref<const std::string&>()) : std::nullopt;
  if (!hash) return malformed(fmt::format("{}.{} is no hash", where, name));
  return *hash;
}

Result<Bytes, BundleFault> bytes_at(const json& object, const std::string& where, const char* name) {
  const json& value = object.at(name);
  auto bytes = value.is_string() ? from_hex(value.get_ref<const std::string&>()) : std::nullopt;
  if (!bytes) return malformed(fmt::format("{}.{} is no hexadecimal text", where, name));
  return std::move(*bytes);
}

Result<std::uint64_t, BundleFault> number_at(const json& object, const std::string& where, const char* name) {
  const json& value = object.at(name);
  if (!value.is_number_unsigned()) return malformed(fmt::format("{}.{} is no number", where, name));
  return value.get<std::uint64_t>();
}

Result<HistoryTree::Proof, BundleFault> path_at(const json& object, const std::string& where) {
  const json& list = object.at("path");
  if (!list.is_array() || list.size() > kPathMax) return malformed(fmt::format("{}.path is no path", where));
  HistoryTree::Proof path;
  for (const json& step : list) {
    const auto hash = step.is_string() ? Hash32::from_hex(step.get_ref<const std::string&>()) : std::nullopt;
    if (!hash) return malformed(fmt::format("{}.path has an entry that is no hash", where));
    path.push_back(*hash);
  }
  return path;
}

Result<Commitment, BundleFault> parse_commitment(const json& object, const std::string& where) {
  if (auto shaped = expect_members(object, where, {"height", "state_root", "history_root", "history_size"}); !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto height = number_at(object, where, "height");
  if (!height) return fail(height.error());
  const auto state_root = hash_at(object, where, "state_root");
  if (!state_root) return fail(state_root.error());
  const auto history_root = hash_at(object, where, "history_root");
  if (!history_root) return fail(history_root.error());
  const auto size = number_at(object, where, "history_size");
  if (!size) return fail(size.error());
  return Commitment{*height, *state_root, *history_root, *size};
}

json commitment_json(const json& answer) {
  return {{"height", answer.value("height", json())},
          {"state_root", answer.value("state_root", json())},
          {"history_root", answer.value("history_root", json())},
          {"history_size", answer.value("history_size", json())}};
}

Result<json, BundleFault> parse_document(std::string_view text, std::string_view format) {
  auto document = api::http::parse_json(text, {kBundleBytesMax, 8, 1'000'000});
  if (!document) return malformed(document.error().detail);
  if (!document->is_object() || document->value("format", json()) != format) {
    return malformed(fmt::format("its member \"format\" is not \"{}\"", format));
  }
  return std::move(*document);
}

/// What the signature covers: the bundle without its signer, members sorted, no white space.
std::string signed_text(json bundle) {
  bundle.erase("signer");
  return bundle.dump();
}

Result<PublicKey, BundleFault> check_signer(const json& bundle) {
  const json& signer = bundle.at("signer");
  if (auto shaped = expect_members(signer, "signer", {"key", "signature"}); !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto key_bytes = bytes_at(signer, "signer", "key");
  if (!key_bytes) return fail(key_bytes.error());
  const auto signature_bytes = bytes_at(signer, "signer", "signature");
  if (!signature_bytes) return fail(signature_bytes.error());
  const auto key = PublicKey::from_view(*key_bytes);
  const auto signature = Signature::from_view(*signature_bytes);
  if (!key || !signature) return malformed("signer has not a key of 32 and a signature of 64 bytes");
  if (verify(*key, kBundleFormat, as_bytes(signed_text(bundle)), *signature) != SignatureFault::None) {
    return mismatch(fmt::format(
        "the signature of key {} is not one of this bundle: something was changed after signing", to_hex(key->view())));
  }
  return *key;
}

Result<ProvenItem, BundleFault> prove_row(const json& object, const std::string& where, const Hash32& state_root) {
  if (auto shaped = expect_members(object, where, {"table", "key", "row", "proof"}); !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto number = number_at(object, where, "table");
  if (!number) return fail(number.error());
  if (*number > UINT8_MAX) return malformed(fmt::format("{}.table is no number of a table", where));
  const auto table = static_cast<TableId>(*number);
  const auto key = bytes_at(object, where, "key");
  if (!key) return fail(key.error());
  const auto proof_bytes = bytes_at(object, where, "proof");
  if (!proof_bytes) return fail(proof_bytes.error());
  const auto proof = decode<protocol::state::MerkleProof>(*proof_bytes);
  if (!proof) return malformed(fmt::format("{}.proof is no proof in canonical encoding", where));
  ProvenItem item;
  item.what = table_word(table);
  item.id = key_text(table, *key);
  item.present = !object.at("row").is_null();
  std::optional<Hash32> value;
  Bytes row;
  if (item.present) {
    auto bytes = bytes_at(object, where, "row");
    if (!bytes) return fail(bytes.error());
    row = std::move(*bytes);
    value = protocol::state::row_value(row);
  }
  const std::string name = item.id.empty() ? item.what : fmt::format("{} {}", item.what, item.id);
  if (!verify_merkle_proof(state_root, protocol::state::row_path(table, *key), value, *proof)) {
    return mismatch(fmt::format("the proof does not lead from {} {} to the state root {}", name,
                                item.present ? "with this content" : "being absent", state_root.hex()));
  }
  if (!item.present) {
    item.sentence = "does not exist";
    return item;
  }
  auto facts = row_facts(table, row);
  if (!facts) return mismatch(fmt::format("{} is proven, but {}", name, facts.error()));
  item.facts = std::move(*facts);
  item.sentence = row_sentence(table, item.facts);
  return item;
}

Result<ProvenItem, BundleFault> prove_leaf(const json& object, const std::string& where, const Commitment& commitment) {
  if (auto shaped = expect_members(object, where, {"leaf_index", "leaf", "path"}); !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto index = number_at(object, where, "leaf_index");
  if (!index) return fail(index.error());
  const auto leaf = bytes_at(object, where, "leaf");
  if (!leaf) return fail(leaf.error());
  const auto path = path_at(object, where);
  if (!path) return fail(path.error());
  if (!HistoryTree::verify_inclusion(commitment.history_root, commitment.history_size, *index,
                                     HistoryTree::leaf_hash(*leaf), *path)) {
    return mismatch(fmt::format("leaf {} is not in the history with {} leaves and root {}", *index,
                                commitment.history_size, commitment.history_root.hex()));
  }
  auto facts = leaf_facts(*leaf);
  if (!facts) return mismatch(fmt::format("leaf {} is in the history, but {}", *index, facts.error()));
  ProvenItem item;
  item.what = facts->at("leaf_kind");
  item.id = facts->at(item.what == "receipt" ? "transaction" : item.what == "job_end" ? "job" : "contract");
  item.sentence = fmt::format("{} (leaf {} of {})", leaf_sentence(*facts), *index, commitment.history_size);
  (*facts)["leaf_index"] = *index;
  item.facts = std::move(*facts);
  return item;
}

/// The first row is the chain's own: it names the chain and repeats the height.
Status check_chain(const json& bundle, ProvenBundle& proven) {
  const json& rows = bundle.at("rows");
  const bool first = !rows.empty() && proven.items.front().what == "chain" && proven.items.front().present &&
                     rows.front().at("key") == to_hex(kChainKey);
  if (!first) return malformed("its first row is not that of the chain");
  const json& facts = proven.items.front().facts;
  if (facts.at("height") != proven.commitment.height) {
    return mismatch(fmt::format("the proven row of the chain has height {}, the bundle says {}",
                                facts.at("height").dump(), proven.commitment.height));
  }
  proven.chain_id = facts.at("chain_id");
  proven.block_time = {facts.at("block_time_ms").get<std::uint64_t>()};
  return {};
}

Status compare_root(const Commitment& commitment, const std::optional<Hash32>& trusted, std::string_view which) {
  const Hash32 app_hash = make_app_hash(commitment);
  if (!trusted || *trusted == app_hash) return {};
  return mismatch(fmt::format("{} is app hash {} (height {}), not the trusted {}", which, app_hash.hex(),
                              commitment.height, trusted->hex()));
}

}  // namespace

json proof_request(const std::vector<RowId>& rows, const std::vector<std::uint64_t>& leaves) {
  json list = json::array();
  list.push_back({{"table", static_cast<unsigned>(TableId::Chain)}, {"key", to_hex(kChainKey)}});
  for (const RowId& row : rows) list.push_back({{"table", static_cast<unsigned>(row.table)}, {"key", to_hex(row.key)}});
  return {{"rows", std::move(list)}, {"leaves", leaves}};
}

Result<json, std::string> make_bundle(const json& answer, const SigningKey& key) {
  if (!answer.is_object() || !answer.contains("rows") || !answer.contains("leaves")) {
    return fail(std::string("the node's answer has no proofs"));
  }
  json bundle = {{"format", kBundleFormat},
                 {"commitment", commitment_json(answer)},
                 {"rows", answer.at("rows")},
                 {"leaves", answer.at("leaves")}};
  const Signature signature =
      key.sign(kBundleFormat, as_bytes(bundle.dump(-1, ' ', false, json::error_handler_t::replace)));
  bundle["signer"] = {{"key", to_hex(key.public_key().view())}, {"signature", to_hex(signature.view())}};
  return bundle;
}

Result<ProvenBundle, BundleFault> verify_bundle(std::string_view text, const std::optional<Hash32>& trusted) {
  const auto bundle = parse_document(text, kBundleFormat);
  if (!bundle) return fail(bundle.error());
  if (auto shaped = expect_members(*bundle, "the bundle", {"format", "commitment", "rows", "leaves", "signer"});
      !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto commitment = parse_commitment(bundle->at("commitment"), "commitment");
  if (!commitment) return fail(commitment.error());
  const json& rows = bundle->at("rows");
  const json& leaves = bundle->at("leaves");
  if (!rows.is_array() || !leaves.is_array()) return malformed("rows and leaves are no lists");
  const auto signer = check_signer(*bundle);
  if (!signer) return fail(signer.error());
  if (auto same = compare_root(*commitment, trusted, "the bundle"); !same) return fail(std::move(same.error()));
  ProvenBundle proven;
  proven.commitment = *commitment;
  proven.app_hash = make_app_hash(*commitment);
  proven.signer = *signer;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto item = prove_row(rows[i], fmt::format("rows[{}]", i), commitment->state_root);
    if (!item) return fail(std::move(item.error()));
    proven.items.push_back(std::move(*item));
  }
  if (auto named = check_chain(*bundle, proven); !named) return fail(std::move(named.error()));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    auto item = prove_leaf(leaves[i], fmt::format("leaves[{}]", i), *commitment);
    if (!item) return fail(std::move(item.error()));
    proven.items.push_back(std::move(*item));
  }
  return proven;
}

json make_consistency(const json& answer) {
  return {{"format", kConsistencyFormat},
          {"old", commitment_json(answer.value("old", json::object()))},
          {"new", commitment_json(answer.value("new", json::object()))},
          {"path", answer.value("path", json())}};
}

Result<ProvenConsistency, BundleFault> verify_consistency(std::string_view text,
                                                          const std::optional<Hash32>& trusted_before,
                                                          const std::optional<Hash32>& trusted_after) {
  const auto document = parse_document(text, kConsistencyFormat);
  if (!document) return fail(document.error());
  if (auto shaped = expect_members(*document, "the proof", {"format", "old", "new", "path"}); !shaped) {
    return fail(std::move(shaped.error()));
  }
  const auto before = parse_commitment(document->at("old"), "old");
  if (!before) return fail(before.error());
  const auto after = parse_commitment(document->at("new"), "new");
  if (!after) return fail(after.error());
  const auto path = path_at(*document, "the proof");
  if (!path) return fail(path.error());
  if (auto same = compare_root(*before, trusted_before, "the earlier history"); !same) {
    return fail(std::move(same.error()));
  }
  if (auto same = compare_root(*after, trusted_after, "the later history"); !same) return fail(std::move(same.error()));
  if (before->height > after->height) return mismatch("the earlier height is not the smaller one");
  if (!HistoryTree::verify_consistency(before->history_root, before->history_size, after->history_root,
                                       after->history_size, *path)) {
    return mismatch(
        fmt::format("the history of height {} with {} leaves is not the beginning of that of height {} "
                    "with {}: it was rewritten, or the proof was changed",
                    before->height, before->history_size, after->height, after->history_size));
  }
  return ProvenConsistency{*before, *after};
}

std::string format_of(std::string_view text) {
  const auto document = api::http::parse_json(text, {kBundleBytesMax, 32, 1'000'000});
  if (!document || !document->is_object()) return {};
  const json format = document->value("format", json());
  return format.is_string() ? format.get<std::string>() : std::string();
}

}  // namespace starminer::client::audit
