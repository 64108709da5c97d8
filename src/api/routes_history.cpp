// What an auditor asks: genesis, the block log, how the history grew between two heights, and proofs of rows and leaves
// under one app hash. All public: it says nothing that the chain does not.
#include <nlohmann/json.hpp>

#include "api/http/json.h"
#include "api/old_history.h"
#include "api/parts.h"
#include "api/reply.h"
#include "api/route_options.h"
#include "base/codec.h"
#include "engine/engine.h"

namespace starminer::api {
namespace {

using http::Method;
using http::Problem;
using http::Request;
using http::Response;
using nlohmann::json;
using protocol::Commitment;
using protocol::Machine;

constexpr std::uint64_t kLogBlocksMax = 10'000;
constexpr std::size_t kLogBytes = 8U << 20U;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kProofsMax = 256;
constexpr std::uint64_t kProofsBodyMax = 256U << 10U;
constexpr std::size_t kKeyBytesMax = 1024;

json hashes_of(const std::vector<Hash32>& hashes) {
  json list = json::array();
  for (const Hash32& hash : hashes) list.push_back(hash.hex());
  return list;
}

json render_commitment(const Commitment& commitment) {
  return {{"height", commitment.height},
          {"state_root", commitment.state_root.hex()},
          {"history_root", commitment.history_root.hex()},
          {"history_size", commitment.history_size},
          {"app_hash", make_app_hash(commitment).hex()}};
}

Response genesis(const Parts& parts) {
  if (parts.options.genesis.empty()) {
    return http::not_found("not_found", "This node does not hand its genesis out.",
                           "Ask another node, or its operator.");
  }
  return Response::json(parts.options.genesis);
}

/// Blocks from a height on, each with its length, until a megabyte or so is full. Empty behind the tip.
Response log(const Parts& parts, const Request& request) {
  const auto from = http::query_number(request, "from", 0, 0, UINT64_MAX);
  if (!from) return from.error();
  const auto limit = http::query_number(request, "limit", kLogBlocksMax, 1, kLogBlocksMax);
  if (!limit) return limit.error();
  std::string body;
  for (std::uint64_t i = 0; i < *limit && body.size() < kLogBytes; ++i) {
    const auto block = parts.engine.store().find_block(*from + i);
    if (!block) return damaged(block.error());
    if (!*block) break;
    const Bytes bytes = encode(**block);
    for (std::size_t at = kLengthBytes; at-- > 0;) body.push_back(static_cast<char>(bytes.size() >> (8 * at)));
    body += as_text(bytes);
  }
  return Response::bytes(std::move(body), std::string(kOctets));
}

/// Fails with 404 where there is no such block.
Result<Commitment, Problem> commitment_at(const Parts& parts, std::uint64_t height) {
  const auto block = parts.engine.store().find_block(height);
  if (!block) return fail(damaged(block.error()));
  if (!*block) return fail(no_such("block", fmt::format("{}", height)));
  return Commitment{(*block)->height, (*block)->state_root, (*block)->history_root, (*block)->history_size};
}

Response consistency(const Parts& parts, const Request& request) {
  if (request.find_query("old") == nullptr) return bad_parameter("old", "the height of the earlier history");
  const auto old_height = http::query_number(request, "old", 0, 0, UINT64_MAX);
  if (!old_height) return old_height.error();
  const std::uint64_t tip = parts.engine.read([](const Machine& machine) { return machine.chain().height; });
  const auto new_height = http::query_number(request, "new", tip, 0, UINT64_MAX);
  if (!new_height) return new_height.error();
  if (*old_height > *new_height) return bad_parameter("new", fmt::format("a height of at least {}", *old_height));
  const auto before = commitment_at(parts, *old_height);
  if (!before) return before.error();
  const auto after = commitment_at(parts, *new_height);
  if (!after) return after.error();
  const auto path = prove_with_history(
      parts.engine, {before->history_size, after->history_size}, [&](const Machine& machine, const auto& old) {
        return machine.history().consistency_proof(before->history_size, after->history_size, old);
      });
  if (!path) return damaged(path.error());
  return json_response(
      {{"old", render_commitment(*before)}, {"new", render_commitment(*after)}, {"path", hashes_of(*path)}});
}

struct ProofRequest {
  std::vector<std::pair<protocol::state::TableId, Bytes>> rows;
  std::vector<std::uint64_t> leaves;
};

Result<ProofRequest, Problem> parse_proof_request(const Request& request) {
  const auto refuse = [](const std::string& what) {
    return fail(http::bad_request("bad_body", what,
                                  R"(Send {"rows":[{"table":3,"key":"00ff..."}],"leaves":[0]}, at most 256 of both.)"));
  };
  const auto body = http::parse_json(request.body);
  if (!body) return fail(body.error());
  if (!body->is_object()) return refuse("The body is no object.");
  ProofRequest asked;
  for (const auto& [name, list] : body->items()) {
    if ((name != "rows" && name != "leaves") || !list.is_array()) {
      return refuse("The body has another member than the lists 'rows' and 'leaves'.");
    }
  }
  for (const json& row : body->value("rows", json::array())) {
    const bool shaped = row.is_object() && row.size() == 2 && row.contains("table") && row.contains("key") &&
                        row["table"].is_number_unsigned() && row["table"].get<std::uint64_t>() <= UINT8_MAX &&
                        row["key"].is_string();
    auto key = shaped ? from_hex(row["key"].get_ref<const std::string&>()) : std::nullopt;
    if (!key || key->size() > kKeyBytesMax)
      return refuse("A row has not the members 'table' (number) and 'key' (hex).");
    asked.rows.emplace_back(static_cast<protocol::state::TableId>(row["table"].get<std::uint8_t>()), std::move(*key));
  }
  for (const json& leaf : body->value("leaves", json::array())) {
    if (!leaf.is_number_unsigned()) return refuse("A leaf is no index.");
    asked.leaves.push_back(leaf.get<std::uint64_t>());
  }
  if (asked.rows.size() + asked.leaves.size() > kProofsMax) return refuse("These are more than 256 proofs.");
  return asked;
}

/// The leaves with these indexes, in their order. Fails with 404 where there is none.
Result<std::vector<Bytes>, Problem> read_leaves(const Parts& parts, const std::vector<std::uint64_t>& indexes) {
  std::vector<Bytes> leaves;
  for (const std::uint64_t index : indexes) {
    auto leaf = parts.engine.store().find_leaf(index);
    if (!leaf) return fail(damaged(leaf.error()));
    if (!*leaf) return fail(no_such("history leaf", fmt::format("{}", index)));
    leaves.push_back(std::move(**leaf));
  }
  return leaves;
}

/// All at one height, so that one app hash covers all.
Response proofs(const Parts& parts, const Request& request) {
  const auto asked = parse_proof_request(request);
  if (!asked) return asked.error();
  const auto read = read_leaves(parts, asked->leaves);
  if (!read) return read.error();
  const auto proven = prove_with_history(
      parts.engine, asked->leaves, [&](const Machine& machine, const auto& old) -> std::optional<json> {
        const Commitment commitment = machine.commitment();
        json rows = json::array();
        for (const auto& [table, key] : asked->rows) {
          const auto row = machine.store().find_encoded(table, key);
          rows.push_back({{"table", static_cast<unsigned>(table)},
                          {"key", to_hex(key)},
                          {"row", row ? json(to_hex(*row)) : json()},
                          {"proof", to_hex(encode(machine.store().prove(table, key)))}});
        }
        json leaves = json::array();
        for (std::size_t i = 0; i < asked->leaves.size(); ++i) {
          const std::uint64_t index = asked->leaves[i];
          const auto path = machine.history().inclusion_proof(index, commitment.history_size, old);
          if (!path) return std::nullopt;
          leaves.push_back({{"leaf_index", index}, {"leaf", to_hex((*read)[i])}, {"path", hashes_of(*path)}});
        }
        json answer = render_commitment(commitment);
        answer["rows"] = std::move(rows);
        answer["leaves"] = std::move(leaves);
        return answer;
      });
  if (!proven) return damaged(proven.error());
  return json_response(*proven);
}

}  // namespace

void add_history_routes(http::Router& router, const Parts& parts) {
  router.add(
      Method::Get, "/v1/genesis", [&parts](const Request&) { return genesis(parts); },
      reads("The genesis of the chain"));
  router.add(
      Method::Get, "/v1/log", [&parts](const Request& request) { return log(parts, request); },
      reads("Blocks with their transactions, to replay them"));
  router.add(
      Method::Get, "/v1/history/consistency", [&parts](const Request& request) { return consistency(parts, request); },
      reads("Proof that the history only grew between two heights"));
  router.add(
      Method::Post, "/v1/proofs", [&parts](const Request& request) { return proofs(parts, request); },
      takes("application/json", kProofsBodyMax, "Proofs of rows, present or absent, and of history leaves"));
}

}  // namespace starminer::api
