// Runtimes that jobs may name and that this host can serve: found by looking at what is installed, never assumed.
// A tag carries the version found, so a node never promises another one. Programs are asked with a deadline.
#pragma once

#include <string>
#include <vector>

#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

struct RuntimeReport {
  std::vector<Runtime> present;
  std::vector<MissingRuntime> missing;
};

/// `root` is put before every path looked at ("" on a real machine).
[[nodiscard]] RuntimeReport probe_runtimes(const std::string& root);

}  // namespace starminer::provider::devices
