// The nodes as the match index wants them: kept by observers of the registry, of reputation and of shares, so that a
// rollback or a load leaves it right, and brought up to date just before a decision. What depends on time (reputation)
// is looked at again when it may have changed; what depends on others (medians, typical demand, weights) when they did.
// Invariant: after `prepare` every choice is that of Scorer::choose over all nodes. One writer; a decision writes.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/fit_table.h"
#include "protocol/market/market_view.h"
#include "protocol/market/site_index.h"
#include "protocol/market/supply_index.h"
#include "protocol/matching/match_index.h"
#include "protocol/matching/tag_bits.h"

namespace starminer::protocol {

class NodeIndex final : public state::Observer<NodeId, NodeRow>,
                        public state::Observer<NodeId, CapacityRow>,
                        public state::Observer<JobId, AssignmentRow>,
                        public state::Observer<ReputationKey, ReputationRow>,
                        public state::Observer<ShareKey, ShareRow>,
                        public state::Observer<StakeKey, StakeRow> {
 public:
  struct Policy {
    // A new typical demand makes every row anew, so decisions look at all nodes until it has stood for so many.
    std::uint32_t patience = 16;
    MatchIndex::Layout layout{};
  };
  /// The registry must outlive the object.
  NodeIndex(const Registry& registry, Policy policy);
  explicit NodeIndex(const Registry& registry) : NodeIndex(registry, Policy{}) {}

  void on_change(const NodeId& id, const NodeRow* before, const NodeRow* after) override;
  void on_change(const NodeId& id, const CapacityRow* before, const CapacityRow* after) override;
  void on_change(const JobId& id, const AssignmentRow* before, const AssignmentRow* after) override;
  void on_change(const ReputationKey& key, const ReputationRow* before, const ReputationRow* after) override;
  void on_change(const ShareKey& key, const ShareRow* before, const ShareRow* after) override;
  void on_change(const StakeKey& key, const StakeRow* before, const StakeRow* after) override;

  /// Makes ready for decisions at this time. False where decisions had better look at all nodes.
  [[nodiscard]] bool prepare(const MarketView& market, TimeMs now);

  struct Chosen {
    std::uint32_t dense_id = 0;
    NodeId node;
    std::uint32_t score = 0;
  };
  /// The best node for the job, `withheld` left out. Requires: prepared for the job's time, and nothing changed since.
  [[nodiscard]] std::optional<Chosen> choose(const Demand& demand, std::uint32_t tie_start,
                                             std::span<const std::uint32_t> withheld);

  /// Thousandths of GPUs of Active nodes, free or not.
  [[nodiscard]] std::uint64_t total_milli(ClassId hardware_class) const { return total_milli_[hardware_class]; }
  [[nodiscard]] const Places& places() const { return places_; }
  /// What could ever serve a job, or when. Current without `prepare`, also for questions that run at once.
  [[nodiscard]] const SupplyIndex& supply() const { return supply_; }
  /// Hosts that lie together. Current without `prepare`, also for questions that run at once.
  [[nodiscard]] const SiteIndex& sites() const { return sites_; }
  /// Makes its bounds narrow again; without that its answers are the same.
  void refresh_supply(const MarketView& market) { supply_.refresh(market); }
  /// Another one after every change that the index was told of.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Of the rows in use. Requires: prepared.
  [[nodiscard]] const Fragmentation& fragmentation() const { return fit_->fragmentation(); }
  [[nodiscard]] MatchIndex& matches() { return *index_; }
  [[nodiscard]] std::uint64_t memory_bytes() const;

 private:
  class Judge;
  enum Stale : std::uint8_t { kFresh = 0, kCapacity = 1, kAll = 3 };

  struct Entry {
    NodeId id;
    const NodeRow* row = nullptr;  // null: not there
    std::uint32_t provider = 0;
    Stale stale = kFresh;
    std::uint16_t country = 0;
    RuntimeBits runtimes;
    ImageBits images;
    std::array<TimeMs, kMatchKinds> look_again{};  // when the reputation may have changed; 0: never
  };
  using LookAgain = std::pair<TimeMs, std::pair<std::uint32_t, std::uint8_t>>;  // dense id, kind

  void enter(const NodeId& id, const NodeRow& row);
  void leave(const NodeRow& row);
  void count(const NodeRow& row, bool enters);
  void mark(std::uint32_t dense_id, Stale stale);
  void mark_provider(const ShareKey& key);
  [[nodiscard]] bool fit_is_current(const MarketView& market);
  void rebuild(const MarketView& market);
  void look_at_parameters(const MarketView& market);
  void look_at_time(TimeMs now);
  void look_at_medians(const MarketView& market);
  void refresh(const MarketView& market, std::uint32_t dense_id, TimeMs now);
  [[nodiscard]] NodeRoom room_of(const MarketView& market, const Entry& entry, std::uint32_t dense_id);
  void fill_row(const MarketView& market, Entry& entry, NodeFacts& facts, TimeMs now);
  [[nodiscard]] std::uint8_t reputation_of(const MarketView& market, Entry& entry, std::uint8_t kind, TimeMs now);
  void fill_request(const Demand& demand, MatchRequest& request) const;

  const Registry& registry_;
  Policy policy_;
  std::unique_ptr<FitTable> fit_;
  std::unique_ptr<MatchIndex> index_;
  std::vector<Entry> entries_;  // by dense id
  std::vector<std::uint32_t> stale_;
  Places places_;
  SupplyIndex supply_;
  SiteIndex sites_;
  std::uint64_t version_ = 0;
  std::array<std::uint64_t, 256> total_milli_{};
  std::array<std::uint32_t, 256> standing_by_{};  // nodes in the reserves of a class
  std::array<std::vector<std::uint32_t>, kClassesMax> of_class_;
  std::map<ShareKey, std::vector<std::uint32_t>> of_provider_;
  std::map<AccountId, std::uint32_t> providers_;
  std::map<std::string, std::uint16_t> countries_;
  TagBits<64> runtimes_;
  TagBits<128> images_;
  std::set<LookAgain> look_again_;
  TimeMs prepared_;
  std::bitset<kClassesMax> medians_stale_;
  std::array<std::array<std::uint32_t, kMatchKinds>, kClassesMax> medians_{};
  std::vector<std::array<std::uint8_t, kScoreTermCount>> weights_;  // by tier
  std::array<std::uint64_t, 4> parameters_{};                       // that reputation and medians depend on
  std::uint64_t demand_version_ = 0;                                // that was last looked at
  QueueIndex::ShapeDemand demand_;                                  // as of then
  QueueIndex::ShapeDemand fit_demand_;                              // that the rows are of
  std::uint32_t waited_ = 0;                                        // decisions since it changed
  std::vector<std::uint32_t> excluded_;                             // of the decision that runs
};

}  // namespace starminer::protocol
