// What this machine offers, by its owner's settings and the runtimes found, and how the market hears of a change.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "provider/devices/inventory.h"
#include "provider/settings.h"

namespace starminer::v1 {
class Offer;
}

namespace starminer::provider {

class Chain;
struct NodeRecord;

/// Says what is being done, for a person who waits.
using Say = std::function<void(const std::string& line)>;

/// The offer of a new node.
[[nodiscard]] v1::Offer make_offer(const AgentSettings& settings, const std::vector<devices::Runtime>& runtimes);
/// The offer of a node that the API shows as `shown`: what the owner does not state now stays as it is.
[[nodiscard]] v1::Offer renew_offer(AgentSettings settings, const std::vector<devices::Runtime>& runtimes,
                                    const nlohmann::json& shown);

/// How `offer` differs from what the API shows of a node, such as "floor 0/32 -> 8/32, region local -> eu-central";
/// empty where it does not.
[[nodiscard]] std::string describe_change(const nlohmann::json& shown, const v1::Offer& offer);

/// Sends a NodeUpdate for every node whose offer on the market is not that of settings and machine, and notes in the
/// records where the runtimes lie. A refusal (a floor changes once an epoch) is said and leaves the offer as it is. The
/// error is that the market could not be asked.
[[nodiscard]] Result<void, std::string> update_offers(Chain& chain, const AgentSettings& settings,
                                                      const std::vector<devices::Runtime>& runtimes,
                                                      std::vector<NodeRecord>& nodes, const Say& say);

}  // namespace starminer::provider
