// Who starts which job when, in a replay: the market with its queue, or a simpler rule to compare with. All work on
// nodes of the real registry and under the same constraints. Time only moves forward; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/market/node_list.h"
#include "protocol/pricing/pricing.h"
#include "sim/price_record.h"
#include "sim/trace.h"

namespace starminer::sim {

struct Started {
  std::size_t run = 0;  // position in the trace
  Price unit;           // agreed; 0 where the rule knows no prices
};

class Scheduler {
 public:
  Scheduler() = default;
  virtual ~Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Lets time pass; nothing starts by that alone.
  virtual void advance(TimeMs now) = 0;
  /// A job arrives. Empty where it is taken, else why it never will be.
  [[nodiscard]] virtual std::optional<std::string> submit(std::size_t run) = 0;
  /// Everything that starts now, in order.
  [[nodiscard]] virtual std::vector<Started> start() = 0;
  /// A started job has run its time.
  virtual void finish(std::size_t run) = 0;
  /// When the scheduler acts by itself next, though nothing arrives or ends.
  [[nodiscard]] virtual std::optional<TimeMs> next_event() const { return std::nullopt; }
  /// What prices did until the last arrival; empty where the rule has none or they stand.
  [[nodiscard]] virtual std::vector<PriceCourse> prices() const { return {}; }
  /// The nodes with what is free on them now.
  [[nodiscard]] virtual const std::vector<protocol::NodeView>& nodes() const = 0;
  /// What each run asks for (`asks_of`).
  [[nodiscard]] virtual const std::vector<protocol::JobSpec>& asks() const = 0;
};

/// What each run of a trace asks of a cluster, in Standard, for an hour. A job of more GPUs than any node has that it
/// may have goes to hosts of one site.
[[nodiscard]] std::vector<protocol::JobSpec> asks_of(const std::vector<TraceNode>& nodes,
                                                     const std::vector<TraceRun>& runs);

enum class Rule : std::uint8_t {
  Market = 0,  ///< the market's queue and dispatch, prices at their anchors
  FirstFit,    ///< in order of arrival, each waits for those before it; first node
  BestFit,     ///< the same, fullest node
  Random,      ///< the same, any node
  Backfill,    ///< whoever fits starts, in order of arrival; first node
  Auction,     ///< each job is posted, and the lowest ask takes it when the bids close
  Moving,      ///< the market with prices that follow the load, and jobs that wait for a lower one
};

/// How long an auction takes bids.
inline constexpr DurationMs kBidDelay{30'000};

struct RuleRow {
  Rule rule{};
  std::string_view name;
  std::string_view what;
};
[[nodiscard]] std::span<const RuleRow> rules();
[[nodiscard]] std::optional<Rule> find_rule(std::string_view name);

struct ReplayOptions {
  /// Maximum run time that jobs state, in % of what they will run; 0: nobody knows, all state the longest there is.
  std::uint32_t stated_percent = 200;
  std::uint64_t seed = 42;
};

/// Tier of a job by the quality of service that openb states: BE is Economy, LS and Guaranteed are Premium (and wait),
/// all else is Standard; what runs longer than the two others allow is Premium, too.
[[nodiscard]] protocol::TierId tier_of(const TraceRun& run);

/// The runs must outlive the scheduler. Fails where the registry refuses a node.
[[nodiscard]] Result<std::unique_ptr<Scheduler>, std::string> make_scheduler(Rule rule,
                                                                             const std::vector<TraceNode>& nodes,
                                                                             const std::vector<TraceRun>& runs,
                                                                             const ReplayOptions& options);
/// Its kinds.
[[nodiscard]] Result<std::unique_ptr<Scheduler>, std::string> make_market_scheduler(Rule rule,
                                                                                    const std::vector<TraceNode>& nodes,
                                                                                    const std::vector<TraceRun>& runs,
                                                                                    const ReplayOptions& options);
[[nodiscard]] Result<std::unique_ptr<Scheduler>, std::string> make_peer_scheduler(Rule rule,
                                                                                  const std::vector<TraceNode>& nodes,
                                                                                  const std::vector<TraceRun>& runs,
                                                                                  const ReplayOptions& options);
[[nodiscard]] Result<std::unique_ptr<Scheduler>, std::string> make_auction_scheduler(
    const std::vector<TraceNode>& nodes, const std::vector<TraceRun>& runs, const ReplayOptions& options);

}  // namespace starminer::sim
