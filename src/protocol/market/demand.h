// A job as one decision sees it: names resolved, and what it costs where. All figures hold for one moment.
// Prices of one class and region are computed once and kept, so an object belongs to one decision and one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/market/market_view.h"
#include "protocol/market/node_list.h"

namespace starminer::protocol {

struct NodePrice {
  Price base;
  Factors factors;
  Price unit;
};

class Demand {
 public:
  /// A max_price of 0 and a cap of 0 set no limit: admission asks before it has resolved them.
  struct Terms {
    TierId tier = 0;
    Price max_price;
    Agpu cap;
    const std::vector<AccountId>* avoided = nullptr;  // sorted
    // Set for a later attempt, to the time of submission: max_price is then the price of the first match, and what time
    // and a node's own factors add since does not exclude a node, which serves at that price.
    std::optional<TimeMs> price_held_since{};
    // Null, or a lock of the price for the first match; one whose time is over counts no more. Must outlive the object.
    const PriceLock* lock = nullptr;
    // What was pre-empted goes on at its price, whatever the class costs by then.
    bool any_price = false;
    // Whose stake says whether the job may draw a reserve; nobody: it may not.
    std::optional<AccountId> requester{};
    // Of a part of a gang: the whole job, which is what is priced and billed, and the hosts that share it.
    const JobSpec* whole = nullptr;
    std::uint32_t hosts = 1;
  };

  /// `spec` has its deadline in market time and must outlive the object, as must `terms.avoided`.
  Demand(const MarketView& market, const JobSpec& spec, const Terms& terms, TimeMs now);
  Demand(const MarketView& market, const JobRow& row, TimeMs now);

  [[nodiscard]] const MarketView& market() const { return market_; }
  /// What one node has to serve: the job, or the part of it that one host of a gang takes.
  [[nodiscard]] const JobSpec& spec() const { return spec_; }
  /// What is priced and billed.
  [[nodiscard]] const JobSpec& job() const { return terms_.whole != nullptr ? *terms_.whole : spec_; }
  [[nodiscard]] const Terms& terms() const { return terms_; }
  [[nodiscard]] TimeMs now() const { return now_; }
  [[nodiscard]] const ClassSet& classes() const { return classes_; }
  [[nodiscard]] bool names_classes() const { return !spec_.resources.classes.empty(); }
  [[nodiscard]] bool allows_region(RegionId region) const { return spec_.where.allow.empty() || regions_.test(region); }
  /// First preferred, else first allowed region: where the requester is taken to be.
  [[nodiscard]] std::optional<RegionId> home() const { return home_; }
  [[nodiscard]] std::uint64_t runtime_tag() const { return runtime_tag_; }
  [[nodiscard]] std::uint64_t device_memory_needed() const { return device_memory_needed_; }
  /// Largest reference rating among the allowed classes for the job's kind.
  [[nodiscard]] std::uint32_t best_rating() const { return best_rating_; }
  [[nodiscard]] std::uint32_t reference_rating(ClassId hardware_class) const;
  [[nodiscard]] bool avoids(const AccountId& provider) const;
  /// Whether the job prefers nodes that stand by in the reserves of a class: the class is short of GPUs, as of the last
  /// tick, and the requester has the stake for it (protocol section 7). Jobs without a GPU and gangs never do.
  [[nodiscard]] bool may_draw(ClassId hardware_class) const;

  // Prices
  [[nodiscard]] Price base_price(ClassId hardware_class) const;
  /// Price of the job's tier of a class: locked, or of now.
  [[nodiscard]] LockedPrice tier_price(ClassId hardware_class) const;
  /// Null where the price is that of now.
  [[nodiscard]] const PriceLock* lock() const { return lock_; }
  /// With the node's own factors: what a match there would fix. The unit price is never above a held price.
  [[nodiscard]] NodePrice price_on(const NodeRow& node, const NodeId& id) const;
  /// Of class and region, without the factors of a node (design "matching" section 6): for score and cap.
  [[nodiscard]] NodePrice class_price(ClassId hardware_class, RegionId region) const;
  /// Highest price that any node of this class and region can ask until `ticks` ticks from now.
  [[nodiscard]] Price highest_price(ClassId hardware_class, RegionId region, std::uint32_t ticks) const;
  /// The same now: no node there asks more.
  [[nodiscard]] Price highest_price_now(ClassId hardware_class, RegionId region) const;
  /// Whether the node's price is above max_price.
  [[nodiscard]] bool is_over_price(const NodeRow& node, const NodeId& id) const;
  /// Lowest price that any node of this class and region can ask now, or could ask when a held price was first offered:
  /// one whose region is confirmed, or one whose is not, which is never dearer.
  [[nodiscard]] Price lowest_price(ClassId hardware_class, RegionId region, bool confirmed) const;
  /// Expected time on a class: expected_s as stated for the fastest allowed class, longer on slower ones as their
  /// reference ratings say, up to what could be billed.
  [[nodiscard]] std::uint64_t expected_ms(ClassId hardware_class) const;
  /// Cost of the expected time at a unit price, which max_price bounds.
  [[nodiscard]] Agpu expected_cost(ClassId hardware_class, Price unit) const;
  /// expected_cost at class_price.
  [[nodiscard]] Agpu expected_cost_in(ClassId hardware_class, RegionId region) const;
  /// Whether every node of every place that the job allows asks more than max_price, whatever its own factors are.
  [[nodiscard]] bool is_priced_out(const Places& places) const;

 private:
  enum class NodeFigures : std::uint8_t { Neutral, Least, Most };
  [[nodiscard]] FactorInput factor_input(ClassId hardware_class, RegionId region, NodeFigures quality) const;

  struct ClassFigures {
    NodePrice price;
    Agpu expected;
  };
  [[nodiscard]] const ClassFigures& figures(ClassId hardware_class, RegionId region) const;

  const MarketView& market_;
  const JobSpec& spec_;
  Terms terms_;
  TimeMs now_;
  const PriceLock* lock_;
  ClassSet classes_;
  RegionSet regions_;
  std::optional<RegionId> home_;
  std::uint64_t runtime_tag_ = 0;
  std::uint64_t device_memory_needed_ = 0;
  std::uint32_t best_rating_ = 0;
  mutable std::map<std::pair<ClassId, RegionId>, ClassFigures> figures_;
  mutable std::optional<bool> has_level_;  // the requester's stake lets it draw
};

}  // namespace starminer::protocol
