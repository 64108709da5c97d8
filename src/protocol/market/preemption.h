// Pre-emption (protocol section 3): which work gives way to a Premium job that fits nowhere, and what that costs.
// Only work of a tier whose row says so, and whose own specification does: the fewest jobs on one node, the newest
// first. Work that was pre-empted before is left alone until it has run for ShieldMs. All figures hold for one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

/// Whether a job that holds something may be given notice now.
[[nodiscard]] bool may_be_preempted(const MarketView& market, const JobId& job, TimeMs now);

/// The jobs of one node that give way, newest first. One, the newest that suffices, where one does; else they are taken
/// newest first until the job fits, and spared again where it fits without them, the oldest first. Empty where the job
/// fits as it is, or not even so.
[[nodiscard]] std::vector<JobId> find_victims(const Demand& demand, const NodeView& node);

/// The node that the job gets when the fewest jobs leave it: among equal numbers the one whose oldest is the newest,
/// then the first from `tie_start`. Nodes may be shown in any order. None, where the cap has no room for the
/// compensation beside what the job itself may cost until it starts.
class PreemptionSearch {
 public:
  /// `demand` must outlive the object.
  PreemptionSearch(const Demand& demand, std::uint32_t tie_start) : demand_(demand), tie_start_(tie_start) {}

  /// False where the job's tier pre-empts nobody, and where its deadline leaves no time for a notice.
  [[nodiscard]] bool is_allowed() const;
  /// Requires: the node is held for nobody, and fails no constraint but that it is busy.
  void look_at(const NodeView& node);
  /// Whether a node all of whose holders were matched this long ago or longer could not be better than the best.
  [[nodiscard]] bool beats(DurationMs age) const;
  [[nodiscard]] const std::optional<Preemption>& best() const { return best_; }
  /// Whether a node could have been emptied, but not for this cap.
  [[nodiscard]] bool was_too_dear() const { return too_dear_; }

 private:
  using Rank = std::tuple<std::size_t, std::uint64_t, std::uint32_t>;  // jobs, age of the oldest, way from tie_start

  const Demand& demand_;
  std::uint32_t tie_start_;
  Rank rank_{};
  std::optional<Preemption> best_;
  bool too_dear_ = false;
};

}  // namespace starminer::protocol
