// attest, set-attestor: what attestors confirm of nodes, and who they are.
#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/ids.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/prompt.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

constexpr std::array<std::string_view, 3> kAspects = {"energy", "site-tier", "region"};  // by number
constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kDaysMax = 10'000;

struct AttestRequest {
  std::string node;
  std::string aspect;
  std::uint64_t days = 30;
  bool withdraw = false;
};

struct AttestorRequest {
  std::string account;
  bool remove = false;
};

ExitCode wrong_use(const Invocation& call, std::string what, std::string why) {
  return call.fail(ExitCode::Usage, {std::move(what), "", std::move(why), {}});
}

/// What the node states of the aspect, in words, for the question.
std::string claim_in_words(const json& node, const std::string& aspect) {
  if (aspect == "site-tier") return fmt::format("site tier {}", number_of(node, "site_tier"));
  if (aspect == "region") return fmt::format("its place in {}, {}", shown(node, "region"), shown(node, "country"));
  const json& energy = member(node, "energy");
  return fmt::format("{} g CO2 per kWh, {} ppm renewable, PUE {} ppm, certificate {}",
                     number_of(energy, "g_co2_per_kwh"), number_of(energy, "renewable_ppm"),
                     number_of(energy, "pue_ppm"), shown(energy, "certificate"));
}

ExitCode show_done(const Invocation& call, const client::Receipt& receipt, const std::string& what) {
  if (call.json) {
    call.out.line(compact({{"transaction", receipt.transaction}, {"height", receipt.height}}));
    return ExitCode::Ok;
  }
  call.out.line(fmt::format("{} {}", call.out.tick(), what));
  call.out.line(fmt::format("  transaction {} in block {}", receipt.transaction, receipt.height));
  return ExitCode::Ok;
}

ExitCode attest(const Invocation& call, const Settings& settings, const AttestRequest& request) {
  const auto id = NodeId::parse(request.node);
  if (!id) return wrong_use(call, fmt::format("\"{}\" is no node", request.node), "a node id begins with n1");
  const auto aspect = std::find(kAspects.begin(), kAspects.end(), request.aspect);
  if (aspect == kAspects.end()) {
    return wrong_use(call, fmt::format("\"{}\" cannot be attested", request.aspect),
                     "it is energy, site-tier or region");
  }
  if (request.days == 0 || request.days > kDaysMax) {
    return wrong_use(call, fmt::format("--days is {}", request.days), fmt::format("it is 1 to {}", kDaysMax));
  }
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto node = (*api)->get("/v1/nodes/" + request.node);
  if (!node) return report(call, node.error());
  const json& claims = member(*node, "attestations");
  const auto claim =
      Hash32::from_hex(text_of(member(claims, request.aspect == "site-tier" ? "site_tier" : request.aspect), "claim"));
  if (!claim && !request.withdraw) {
    return call.fail(ExitCode::Refused, {fmt::format("{} states nothing that could be attested", request.node),
                                         "",
                                         "energy needs a certificate, a site a tier above 0",
                                         {fmt::format("see it: starminer nodes {}", request.node)}});
  }
  v1::TransactionBody body;
  auto& message = *body.mutable_node_attest();
  message.set_node(to_text(id->view()));
  message.set_aspect(static_cast<std::uint32_t>(std::distance(kAspects.begin(), aspect)));
  if (!request.withdraw) {
    const auto answer = terminal::ask(call.err, {fmt::format("Attest for {} days that {} has {}?", request.days,
                                                             request.node, claim_in_words(*node, request.aspect)),
                                                 false, call.yes});
    if (answer != terminal::Answer::Yes) return ExitCode::NotConfirmed;
    message.set_claim(to_text(claim->view()));
    message.set_valid_ms(request.days * kDayMs);
  }
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  return show_done(call, *receipt,
                   request.withdraw
                       ? fmt::format("{} of {} is no longer attested by this account", request.aspect, request.node)
                       : fmt::format("{} of {} attested for {} days", request.aspect, request.node, request.days));
}

ExitCode set_attestor(const Invocation& call, const Settings& settings, const AttestorRequest& request) {
  const auto account = AccountId::parse(request.account);
  if (!account)
    return wrong_use(call, fmt::format("\"{}\" is no address", request.account), "an address begins with sm1");
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const std::string question =
      request.remove
          ? fmt::format("Remove {} from the attestors? What it attested to will count no more.", request.account)
          : fmt::format("Name {} an attestor of the whole network?", request.account);
  const auto answer = terminal::ask(call.err, {question, false, call.yes});
  if (answer != terminal::Answer::Yes) return ExitCode::NotConfirmed;
  v1::TransactionBody body;
  body.mutable_attestor_set()->set_account(to_text(account->view()));
  body.mutable_attestor_set()->set_present(!request.remove);
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  return show_done(call, *receipt, request.account + (request.remove ? " is no attestor any more" : " is an attestor"));
}

}  // namespace

void add_attest_commands(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<AttestRequest>();
  config::Command& command =
      root.add("attest", "Confirm what a node states of its energy, site or region, with an attestor's key");
  command.describe(
      "A statement of a node counts as verified while as many attestors as the network asks for (AttestorsNeeded) "
      "confirm exactly what it states now. Verified energy earns its premium, a verified site tier counts in searches "
      "and for jobs that ask for one, and a verified region may make the node dearer than others.");
  command.positional("node", request->node, "The node.").required().placeholder("NODE");
  command.positional("aspect", request->aspect, "energy, site-tier or region.").required().placeholder("ASPECT");
  command.option("--days", request->days, "How long the word holds.");
  command.option("--withdraw", request->withdraw, "Take the word back.");
  command.prints().asks();
  command.example("starminer attest n1... energy --days 365 --key-file attestor.key.json", "Confirm an energy profile")
      .returns(ExitCode::Refused, "the key is no attestor's, or the node states something else")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed)
      .run([&settings, request](const Invocation& call) { return attest(call, settings, *request); });
  const auto named = std::make_shared<AttestorRequest>();
  config::Command& set = root.add("set-attestor", "Name an attestor or remove one, with the governance key");
  set.positional("account", named->account, "Its address.").required().placeholder("ADDRESS");
  set.option("--remove", named->remove, "It is an attestor no more.");
  set.prints().asks();
  set.example("starminer set-attestor sm1... --key-file operator.key.json", "Let this account confirm what nodes state")
      .returns(ExitCode::Refused, "the key does not govern, or nothing would change")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed)
      .run([&settings, named](const Invocation& call) { return set_attestor(call, settings, *named); });
}

}  // namespace starminer::cli
