// Prices (MTP-1..6, 8, 10): base price per tier and hardware class and how ticks move it, its history and bands, the
// ten multipliers, the automatic tier, the envelope, and the split of a payment. Formulas: design "economics"
// sections 2.3 to
// 3. Pure integer arithmetic. One writer; queries only between writes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "protocol/job/spec.h"
#include "protocol/params/params.h"
#include "protocol/pricing/controller.h"
#include "protocol/registry/registry.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

using TierId = std::uint8_t;
inline constexpr TierId kEconomy = 0;
inline constexpr TierId kStandard = 1;
inline constexpr TierId kPremium = 2;

inline constexpr std::size_t kScoreTermCount = 8;
enum class ScoreTerm : std::uint8_t { Fit = 0, Scarce, Budget, Reputation, Speed, Proximity, Ready, Spread };
[[nodiscard]] constexpr std::uint8_t enum_count(ScoreTerm) { return kScoreTermCount; }
[[nodiscard]] std::string_view term_name(ScoreTerm term);

/// What a tier says of the start of its jobs.
enum class StartRule : std::uint8_t {
  None = 0,
  Queue = 1,  // within a multiple of the p90 that its queue has; else the fee is not charged
  Now = 2     // at once; else a part of the payment is credited
};
[[nodiscard]] constexpr std::uint8_t enum_count(StartRule) { return 3; }

/// A tier is a row (MTP-11).
struct TierRow {
  std::string name;  // "Standard"
  Ppm price_ratio;   // of the class's anchor
  Ppm capacity_share;
  Ppm target_load;
  std::array<std::uint8_t, kScoreTermCount> weights{};  // sum 100
  DurationMs queue_offset;  // Economy 0, Standard 300 s, Premium 900 s, scaled by the preset
  bool preemptible = false;
  StartRule promise{};
};

struct PriceKey {
  TierId tier = 0;
  ClassId hardware_class = 0;

  auto operator<=>(const PriceKey&) const = default;
};

/// State of the price of a (tier, class). A tick puts `next_price` in force and decides the next one.
struct PriceRow {
  Price floor;
  std::uint64_t log_price = 0;       // Q32 above the floor, of `price`
  std::uint64_t slow_log_price = 0;  // Q32, slow reference for the surge part
  Price price;                       // in force
  Price next_price;                  // from the next tick on
  ControllerState controller;        // its log-price gives next_price, before the order of the tiers
  Load load;                         // as last measured; nothing online: the class cannot be had, and all stands still
  std::uint32_t pinned_ticks = 0;    // for how long the controller's log-price has been at an end of its range

  bool operator==(const PriceRow&) const = default;
};

/// What every tier of a class has to do, by the market's measure. Without a row nothing of a class is online.
using Loads = std::map<PriceKey, Load>;

inline constexpr std::size_t kBandCount = 3;
inline constexpr std::array<std::uint32_t, kBandCount> kBandTicks = {5, 15, 60};
inline constexpr std::uint64_t kHistoryTicks = 60;

/// A tick of a (tier, class) in its history: `slot` is the tick modulo kHistoryTicks.
struct PricePointKey {
  TierId tier = 0;
  ClassId hardware_class = 0;
  std::uint8_t slot = 0;

  auto operator<=>(const PricePointKey&) const = default;
};

enum class Factor : std::uint8_t {
  Urgency = 0,
  Flexibility,
  Gang,
  Runtime,
  Memory,
  Region,
  Residency,
  Tee,
  Energy,
  Quality
};
inline constexpr std::size_t kFactorCount = 10;
[[nodiscard]] constexpr std::uint8_t enum_count(Factor) { return kFactorCount; }
[[nodiscard]] std::string_view factor_name(Factor factor);

/// Every multiplier in ppm in the order of application, and their clamped product.
struct Factors {
  std::array<std::uint32_t, kFactorCount> ppm{};
  std::uint32_t product_ppm = 0;
};

/// What the multipliers depend on. Region and node factors are neutral where no node is named.
struct FactorInput {
  TierId tier = 0;
  TimeMs now;
  std::uint64_t class_memory_bytes = 0;
  Ppm region_factor{kPpm};
  std::uint32_t hosts = 1;
  bool energy_verified = false;
  Ppm reliability{800'000};  // 0..1.2
};

enum class TierReason : std::uint8_t {
  Explicit = 0,
  Latency,
  StartWithin,
  Dedicated,
  Slack,
  NothingPresses,
  Downgraded
};
[[nodiscard]] constexpr std::uint8_t enum_count(TierReason) { return 7; }
[[nodiscard]] std::string_view tier_reason_text(TierReason reason);

struct TierDecision {
  TierId tier = 0;
  TierReason reason{};
};

/// Lowest and highest price that a number of ticks can bring, whatever happens (only governance can break it).
struct Envelope {
  Price low;
  Price high;
};

/// What a tick left: the price that came in force, the load that was measured, and the bands published then.
struct PricePointRow {
  std::uint64_t tick = 0;
  TimeMs time;  // market time
  Price price;
  std::uint32_t load_ppm = 0;
  std::array<Envelope, kBandCount> bands{};  // by kBandTicks
};

/// How wide the predicted bands of a (tier, class) are, and how often they held, by kBandTicks.
struct BandRow {
  std::array<std::uint64_t, kBandCount> half_width{};  // Q32
  std::array<std::uint64_t, kBandCount> matured{};     // bands whose tick has come
  std::array<std::uint64_t, kBandCount> inside{};      // of those, how many held the price of that tick
};

/// Who gets what of a payment. The parts sum to `pay` exactly; the provider takes the remainder (economics 2.6).
struct FeeSplit {
  Agpu pay;
  Agpu surge_burn;
  Agpu burn;
  Agpu stakers;
  Agpu treasury;
  Agpu insurance;
  Agpu referrer;  // already moved to treasury where there is none
  Agpu provider;
};

class Pricing {
 public:
  Pricing(state::Store& store, const Params& params, const Registry& registry);

  /// Tiers and the prices of every (tier, class) at their anchors. Called once, after the registry's genesis.
  void write_genesis(Preset preset);
  /// A tick of the chain, the `tick`-th, at this market time: prices, bands, history. The state of a (tier, class) of
  /// which nothing is online stands still.
  void on_tick(const Loads& loads, std::uint64_t tick, TimeMs now);

  [[nodiscard]] const PriceRow& price_row(TierId tier, ClassId hardware_class) const;
  [[nodiscard]] Price price(TierId tier, ClassId hardware_class) const { return price_row(tier, hardware_class).price; }
  [[nodiscard]] const TierRow& tier(TierId id) const;
  [[nodiscard]] std::optional<TierId> find_tier(std::string_view name) const;
  [[nodiscard]] const state::Table<TierId, TierRow>& tiers() const { return tiers_; }
  [[nodiscard]] const state::Table<PriceKey, PriceRow>& prices() const { return prices_; }
  [[nodiscard]] const state::Table<PriceKey, BandRow>& bands() const { return bands_; }
  [[nodiscard]] const state::Table<PricePointKey, PricePointRow>& points() const { return points_; }
  /// The ticks that are kept of a (tier, class), oldest first.
  [[nodiscard]] std::vector<PricePointRow> history(TierId tier, ClassId hardware_class) const;

  /// Rule of economics 2.5, a pure function of the request. `can_start_now` answers for Premium.
  [[nodiscard]] TierDecision tier_of(const JobSpec& spec, TimeMs now, bool can_start_now) const;
  /// The tier below, for a single downgrade; empty below Economy.
  [[nodiscard]] static std::optional<TierId> downgrade(TierId tier);

  /// Seconds that a job can wait and still end in time: deadline - now - max_s, at most max_s for urgency Soon, 0 for
  /// Now. Empty for a job without a deadline that is not urgent. Drives urgency, flexibility and the automatic tier.
  [[nodiscard]] static std::optional<std::uint64_t> slack_s(const JobSpec& spec, TimeMs now);

  [[nodiscard]] Factors factors(const JobSpec& spec, const FactorInput& input) const;
  /// Upper bound of the node's own factors (energy and quality): room that a cap must have, in ppm.
  [[nodiscard]] Ppm node_factor_bound() const;
  /// ceil(base x product), at most the largest amount.
  [[nodiscard]] static Price unit_price(Price base, const Factors& factors);
  /// Reliability of a node, 0 .. 1.2 x 10^6, by economics 7.1 from uptime and outcomes; new nodes start at 0.8. Uptime
  /// and successes never lower it, faults never raise it.
  [[nodiscard]] Ppm reliability(const NodeId& node, const NodeRow& row, const Reputation& reputation, TimeMs now) const;

  /// Cost of holding `gpu_milli` thousandths of a device for `ms`: unit price x gpu_milli x ms / 3.6e9, at most the
  /// largest amount.
  [[nodiscard]] static Agpu cost(Price unit, std::uint64_t gpu_milli, std::uint64_t ms, Rounding rounding);
  /// Within so many ticks, at most ReanchorMs.
  [[nodiscard]] Envelope envelope(TierId tier, ClassId hardware_class, std::uint32_t ticks) const;
  /// The prediction for kBandTicks[horizon] ticks ahead: the share BandCoveragePpm of prices should lie in it. It never
  /// leaves the envelope, and no price depends on it.
  [[nodiscard]] Envelope band(TierId tier, ClassId hardware_class, std::size_t horizon) const;
  /// What a lock of the price for so many ticks costs, as a part of the job's cap in 2^-32: by how much the price is on
  /// its way up, at most what the slew allows, and half of the width of the prediction over 5 ticks, or 15 for longer
  /// ones (protocol section 4). Requires: 1 to kPriceLockTicksMax ticks.
  [[nodiscard]] std::uint64_t lock_rate(TierId tier, ClassId hardware_class, std::uint32_t ticks) const;
  /// Highest price above the present floor.
  [[nodiscard]] Price ceiling(TierId tier, ClassId hardware_class) const;
  /// The highest floor of a node, in 1/32 of the class's anchor, that a price reaches. A price follows from a
  /// log-price, so it may lie a few units below the round figure that the owner meant: less than one in a million below
  /// the floor is on it.
  [[nodiscard]] static std::uint8_t highest_floor(Price price, Price anchor);
  /// Every price lies between floor and the order of the tiers, and every figure in its range.
  [[nodiscard]] bool invariants_hold() const;
  /// Requires: pay is at most the largest amount.
  [[nodiscard]] FeeSplit split(Agpu pay, std::uint64_t log_price, std::uint64_t slow_log_price,
                               bool has_referrer) const;
  /// Unit price of a job without GPUs before its factors: the side vector of CPU and memory per hour, in every tier.
  [[nodiscard]] Price side_price(const Resources& resources) const;

 private:
  /// Price of a tier of a class where every controller's log-price lies `moved` below (or above) what it is, kept
  /// within its bounds, the order of the tiers restored. `reanchoring`: floors may have moved, too.
  [[nodiscard]] Price price_at(TierId tier, ClassId hardware_class, std::uint64_t moved, bool up,
                               bool reanchoring) const;
  // Ticks (price_ticks.cpp)
  /// Requires: something is online.
  void move(PriceRow& row, const TierRow& tier) const;
  void publish(const PriceKey& key, std::uint64_t tick, TimeMs now);
  [[nodiscard]] std::uint64_t reanchor_ticks() const;
  /// The row with its floor a step further, its log-prices rescaled so that the price stays; unchanged where the
  /// log-price is not at an end of its range or the floor has no room.
  [[nodiscard]] PriceRow reanchored(const PriceRow& row) const;
  [[nodiscard]] bool is_pinned(std::uint64_t log_price) const;

  const Params& params_;
  const Registry& registry_;
  state::Table<TierId, TierRow> tiers_;
  state::Table<PriceKey, PriceRow> prices_;
  state::Table<PricePointKey, PricePointRow> points_;
  state::Table<PriceKey, BandRow> bands_;
};

/// floor x exp(log_price), at most the largest amount.
[[nodiscard]] Price price_of(Price floor, std::uint64_t log_price);
/// The price, but at least what a tier costs above the tier below it (economics 2.3).
[[nodiscard]] Price at_least_over(Price price, Price tier_below, TierId tier);

}  // namespace starminer::protocol
