// A market at its anchors: what the tests of this folder start from.
#pragma once

#include "protocol/pricing/pricing.h"

namespace starminer::protocol::pricing_test {

inline constexpr TimeMs kNow{1'700'000'000'000};

struct Market {
  state::Store store;
  Params params{store};
  Ledger ledger{store, params};
  Reputation reputation{store, params};
  Timers timers{store};
  Registry registry{store, params, ledger, reputation, timers};
  Pricing pricing{store, params, registry};

  explicit Market(Preset preset = Preset::Main) {
    params.write_genesis(preset);
    registry.write_genesis({});
    pricing.write_genesis(preset);
  }
  [[nodiscard]] ClassId a100() const { return *registry.find_class("A100"); }
};

/// A job of one hour without any wish: every factor but the runtime's is neutral.
inline JobSpec plain_job() {
  JobSpec spec;
  spec.manifest_hash = sha256("manifest");
  spec.expected_s = 1'800;
  spec.max_s = 3'600;
  spec.budget = {kBasePerToken};
  return spec;
}

inline TimeMs in_seconds(std::uint64_t s) { return kNow + seconds(s); }

inline std::uint32_t ppm_of(const Factors& factors, Factor factor) {
  return factors.ppm[static_cast<std::size_t>(factor)];
}

}  // namespace starminer::protocol::pricing_test
