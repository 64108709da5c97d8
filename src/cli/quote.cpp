#include "cli/quote.h"

#include <map>

#include <fmt/format.h>

#include "base/signature.h"
#include "cli/json_view.h"
#include "cli/spec_message.h"
#include "signing/request.h"
#include "starminer/v1/job.pb.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using nlohmann::json;

/// Runtimes that are shown where the wanted one is missing.
constexpr std::size_t kOthersShown = 5;

template <class Fixed>
std::optional<Fixed> fixed_from_hex(const std::string& hex) {
  const auto bytes = from_hex(hex);
  return bytes ? Fixed::from_view(*bytes) : std::nullopt;
}

std::string nodes_text(std::uint64_t count) { return fmt::format("{} node{}", count, count == 1 ? " has" : "s have"); }

}  // namespace

bool check_quote_signature(json quote, std::string& signed_by) {
  signed_by.clear();
  const json signature = member(quote, "node_signature");
  if (signature.is_null()) return true;
  quote.erase("node_signature");
  const auto key = fixed_from_hex<PublicKey>(text_of(signature, "key"));
  const auto value = fixed_from_hex<Signature>(text_of(signature, "signature"));
  if (!key || !value) return false;
  if (verify(*key, signing::kQuoteDomain, as_bytes(compact(quote)), *value) != SignatureFault::None) return false;
  signed_by = text_of(signature, "key");
  return true;
}

Outcome<QuotedJob> request_quote(client::Api& api, const PreparedJob& prepared) {
  const auto status = api.get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  protocol::JobSpec spec = prepared.spec(wall_clock(), Agpu{kAmountMax});
  const std::string target = api.key() ? "/v1/quotes?account=" + api.address() : std::string("/v1/quotes");
  auto quote = api.post_bytes(target, make_message(spec).SerializeAsString());
  if (!quote) return fail(trouble_of(quote.error()));
  QuotedJob quoted;
  if (!check_quote_signature(*quote, quoted.signed_by)) {
    return fail(Trouble{ExitCode::Mismatch,
                        {"the quote does not match the node's signature",
                         "",
                         "somebody between you and the node may have changed it",
                         {"ask again, or another node: --api-url"}}});
  }
  // Without a budget of its own the job is held to what was quoted: what the user saw is the most that it costs.
  const std::uint64_t cap = number_of(*quote, "cap");
  if (!prepared.job.budget && cap > 0) spec.budget = Agpu{cap};
  quoted.spec_bytes = make_message(spec).SerializeAsString();
  quoted.quote = std::move(*quote);
  quoted.tick_ms = number_of(*status, "tick_ms");
  quoted.chain_id = text_of(*status, "chain_id");
  return quoted;
}

std::optional<Trouble> refusal_of(const json& quote) {
  const json& refusal = member(quote, "refusal");
  if (!refusal.is_object()) return std::nullopt;
  return Trouble{
      ExitCode::Refused,
      {shown(refusal, "what"), shown(refusal, "code"), shown(refusal, "detail"), {shown(refusal, "advice")}}};
}

Outcome<std::string> describe_runtimes(client::Api& api, const std::string& wanted) {
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t nodes = 0;
  std::string after;
  do {
    const auto page = api.get("/v1/nodes?status=active&limit=500" + (after.empty() ? "" : "&after=" + after));
    if (!page) return fail(trouble_of(page.error()));
    for (const json& node : list_of(*page, "nodes")) {
      ++nodes;
      for (const json& runtime : list_of(node, "runtimes")) {
        if (runtime.is_string()) ++counts[terminal::sanitize_line(runtime.get<std::string>())];
      }
    }
    after = text_of(*page, "next");
  } while (!after.empty());
  std::string text = fmt::format("no node has {}", wanted);
  if (nodes == 0) return text + "; no node is active at all";
  if (counts.empty()) return text + "; no node offers any runtime";
  std::size_t shown_count = 0;
  for (const auto& [name, count] : counts) {
    if (shown_count++ == kOthersShown) return text + fmt::format(" and {} more", counts.size() - kOthersShown);
    text += fmt::format("{}{} {}", shown_count == 1 ? "; " : ", ", nodes_text(count), name);
  }
  return text;
}

}  // namespace starminer::cli
