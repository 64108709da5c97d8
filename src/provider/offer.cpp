#include "provider/offer.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "provider/chain.h"
#include "provider/registration.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::provider {
namespace {

using nlohmann::json;

constexpr std::uint32_t kSandboxTier = 1;
constexpr std::uint32_t kPpmPerPercent = 10'000;
constexpr std::uint32_t kPpmPerMilli = 1'000;

/// What the API shows of a node's energy as one line, which changes with any part of it.
std::string energy_text(const json& shown) {
  const json energy = shown.value("energy", json::object());
  const json certificate = energy.value("certificate", json());
  return fmt::format("{} g, {} ppm renewable, PUE {} ppm, certificate {}", energy.value("g_co2_per_kwh", 0U),
                     energy.value("renewable_ppm", 0U), energy.value("pue_ppm", 0U),
                     certificate.is_string() ? certificate.get<std::string>() : "none");
}

std::string energy_text(const v1::Energy& energy) {
  const auto certificate = Hash32::from_view(as_bytes(energy.certificate_hash()));
  return fmt::format("{} g, {} ppm renewable, PUE {} ppm, certificate {}", energy.g_co2_per_kwh(),
                     energy.renewable_ppm(), energy.pue_ppm(), certificate ? certificate->hex() : "none");
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

v1::Offer make_offer(const AgentSettings& settings, const std::vector<devices::Runtime>& runtimes) {
  v1::Offer offer;
  offer.set_region(settings.region);
  offer.set_country(settings.country);
  offer.set_site(settings.site);
  offer.set_site_tier(settings.site_tier);
  offer.set_sandbox_tier(kSandboxTier);
  offer.set_floor_32nds(settings.floor_32nds);
  for (const devices::Runtime& runtime : runtimes) offer.add_runtimes(runtime.tag);
  const auto certificate = Hash32::from_hex(settings.energy_certificate);
  if (settings.g_co2_per_kwh + settings.renewable_percent + settings.pue_milli != 0 || certificate) {
    v1::Energy& energy = *offer.mutable_energy();
    energy.set_g_co2_per_kwh(settings.g_co2_per_kwh);
    energy.set_renewable_ppm(settings.renewable_percent * kPpmPerPercent);
    energy.set_pue_ppm(settings.pue_milli * kPpmPerMilli);
    if (certificate) energy.set_certificate_hash(to_text(certificate->view()));
  }
  return offer;
}

v1::Offer renew_offer(AgentSettings settings, const std::vector<devices::Runtime>& runtimes, const json& shown) {
  const auto keep = [&](const char* option, const char* name, auto& setting) {
    if (!settings.stated.contains(option)) setting = shown.value(name, setting);
  };
  keep("offer.region", "region", settings.region);
  keep("offer.country", "country", settings.country);
  keep("offer.site", "site", settings.site);
  keep("offer.site_tier", "site_tier", settings.site_tier);
  keep("offer.floor", "floor_32nds", settings.floor_32nds);
  v1::Offer offer = make_offer(settings, runtimes);
  const json energy = shown.value("energy", json::object());
  const auto is_stated = [&](const char* option) { return settings.stated.contains(option); };
  if (!is_stated("offer.co2")) offer.mutable_energy()->set_g_co2_per_kwh(energy.value("g_co2_per_kwh", 0U));
  if (!is_stated("offer.renewable_percent")) {
    offer.mutable_energy()->set_renewable_ppm(energy.value("renewable_ppm", 0U));
  }
  if (!is_stated("offer.pue_milli")) offer.mutable_energy()->set_pue_ppm(energy.value("pue_ppm", 0U));
  if (!is_stated("offer.energy_certificate")) {
    const json shown_hash = energy.value("certificate", json());
    const auto certificate = shown_hash.is_string() ? Hash32::from_hex(shown_hash.get<std::string>()) : std::nullopt;
    offer.mutable_energy()->set_certificate_hash(certificate ? to_text(certificate->view()) : std::string());
  }
  if (offer.energy().ByteSizeLong() == 0) offer.clear_energy();
  return offer;
}

std::string describe_change(const json& shown, const v1::Offer& offer) {
  std::vector<std::string> changes;
  const auto compare = [&](const char* name, const auto& before, const auto& now) {
    if (before != now) changes.push_back(fmt::format("{} {} -> {}", name, before, now));
  };
  compare("region", shown.value("region", ""), offer.region());
  compare("country", shown.value("country", ""), offer.country());
  compare("site", shown.value("site", ""), offer.site());
  compare("site tier", shown.value("site_tier", 0U), offer.site_tier());
  compare("sandbox tier", shown.value("sandbox_tier", 0U), offer.sandbox_tier());
  if (const auto floor = shown.value("floor_32nds", 0U); floor != offer.floor_32nds()) {
    changes.push_back(fmt::format("floor {}/32 -> {}/32", floor, offer.floor_32nds()));
  }
  compare("energy", energy_text(shown), energy_text(offer.energy()));
  const auto before = sorted(shown.value("runtimes", std::vector<std::string>{}));
  const auto now = sorted({offer.runtimes().begin(), offer.runtimes().end()});
  if (before != now) {
    changes.push_back(fmt::format("runtimes [{}] -> [{}]", fmt::join(before, ", "), fmt::join(now, ", ")));
  }
  return fmt::format("{}", fmt::join(changes, ", "));
}

Result<void, std::string> update_offers(Chain& chain, const AgentSettings& settings,
                                        const std::vector<devices::Runtime>& runtimes, std::vector<NodeRecord>& nodes,
                                        const Say& say) {
  for (NodeRecord& node : nodes) {
    node.runtime_paths.clear();
    for (const devices::Runtime& runtime : runtimes) node.runtime_paths[runtime.tag] = runtime.read_only_paths;
    const auto shown = chain.get("/v1/nodes/" + node.id.text());
    if (!shown) return fail(client::describe(shown.error()));
    const v1::Offer offer = renew_offer(settings, runtimes, *shown);
    const std::string change = describe_change(*shown, offer);
    if (change.empty() || shown->value("status", "") == "left") continue;
    v1::TransactionBody body;
    body.mutable_node_update()->set_node(to_text(node.id.view()));
    *body.mutable_node_update()->mutable_offer() = offer;
    const auto receipt = chain.send(body);
    say(receipt ? fmt::format("node {} offers now: {}", node.id.text(), change)
                : fmt::format("node {} keeps its offer ({}): {}", node.id.text(), change,
                              client::describe(receipt.error())));
  }
  return {};
}

}  // namespace starminer::provider
