// What the price controller is told (economics section 2.3): GPUs online, busy and waited for, by tier and class.
// Online and busy are kept by observers, so that a rollback or a load leaves them right; who waits is looked at when
// measured. A waiting job that few nodes could ever serve is no sign of a short class: a sample of the class's nodes,
// drawn by the block's seed, tells. One writer; queries only between writes.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "protocol/market/market_view.h"
#include "protocol/operation/context.h"

namespace starminer::protocol {

struct MeasuredLoad {
  std::map<ClassId, std::uint32_t> class_ppm;  // busy and waiting of all tiers over all that is active, floors aside
  Loads loads;                                 // of every (tier, class) of which something is online at its price
  std::vector<JobId> weighing;                 // waiting jobs that count in them, in the order of the queues
};

class LoadIndex final : public state::Observer<NodeId, NodeRow>, public state::Observer<JobId, AssignmentRow> {
 public:
  void on_change(const NodeId& id, const NodeRow* before, const NodeRow* after) override;
  void on_change(const JobId& id, const AssignmentRow* before, const AssignmentRow* after) override;

  /// The rules are those of README.md.
  [[nodiscard]] MeasuredLoad measure(const MarketView& market, const BlockContext& context) const;

 private:
  using Counts = std::map<std::uint64_t, std::uint64_t>;  // value and how many nodes have it

  /// Active nodes of a class.
  struct Nodes {
    Counts milli_by_floor;  // thousandths of GPUs by the owner's floor
    Counts devices;
    Counts device_memory;
    std::vector<std::uint32_t> dense_ids;  // sorted
  };
  class Sample;

  void count(const NodeRow& row, bool enters);
  /// Thousandths of GPUs whose owners serve at this price.
  [[nodiscard]] std::uint64_t online_milli(ClassId hardware_class, std::uint8_t highest_floor) const;
  /// False only where no Active node is large enough, free or not.
  [[nodiscard]] bool may_ever_fit(ClassId hardware_class, const JobSpec& spec) const;
  using Sums = std::map<PriceKey, std::uint64_t>;
  /// What the jobs of all tiers hold and wait for over all that is active, in ppm.
  [[nodiscard]] std::map<ClassId, std::uint32_t> class_loads(const MarketView& market, const Sums& waiting) const;
  /// What waits, of each tier and class with something online; jobs that count are added to `weighing`.
  [[nodiscard]] Sums queued(const MarketView& market, const BlockContext& context, const Sums& online,
                            std::vector<JobId>& weighing) const;

  std::map<ClassId, Nodes> nodes_;
  std::map<PriceKey, std::uint64_t> busy_milli_;
};

}  // namespace starminer::protocol
