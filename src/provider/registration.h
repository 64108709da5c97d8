// Makes this machine a node of the market: finds its devices, measures them, registers provider and node, and remembers
// which node it is. Safe to repeat: what is registered already is updated, not doubled.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "provider/chain.h"
#include "provider/devices/inventory.h"
#include "provider/offer.h"
#include "provider/settings.h"

namespace starminer::provider {

/// A registered node of this machine, with what its jobs may see.
struct NodeRecord {
  NodeId id;
  std::string hardware_class;
  std::string model;
  std::vector<std::string> device_files;                          ///< by device index; empty for a processor
  std::map<std::string, std::uint32_t> ratings;                   ///< by kind, CU per device-second x 1000
  bool quick = false;                                             ///< measured shorter, and so it is from then on
  std::map<std::string, std::vector<std::string>> runtime_paths;  ///< runtime tag to read-only host paths
};

/// Nodes registered by an earlier run, empty where there are none.
[[nodiscard]] Result<std::vector<NodeRecord>, std::string> load_nodes(const std::filesystem::path& state_dir);

/// What is wrong with region, country and payout, before anything is measured or sent; empty where nothing is. The
/// error is that the node could not be asked.
[[nodiscard]] Result<std::string, ApiError> fault_of_offer(Chain& chain, const AgentSettings& settings);

/// Registers the provider and every node candidate of the inventory that is not registered yet or has left, and brings
/// the offers of the others up to date. The error is a sentence with what to do.
[[nodiscard]] Result<std::vector<NodeRecord>, std::string> register_machine(Chain& chain, const AgentSettings& settings,
                                                                            const devices::Inventory& inventory,
                                                                            const Say& say);

}  // namespace starminer::provider
