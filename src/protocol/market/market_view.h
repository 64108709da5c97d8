// What a decision of the market may read, as one value: the modules below and the market's own tables. It refers to
// them and owns nothing. A decision looks at the state as it stands; nothing here writes.
#pragma once

#include "protocol/ledger/ledger.h"
#include "protocol/market/queue_index.h"
#include "protocol/market/rows.h"
#include "protocol/params/params.h"
#include "protocol/pricing/pricing.h"
#include "protocol/registry/registry.h"
#include "protocol/reputation/reputation.h"
#include "protocol/staking/staking.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class NodeIndex;

struct MarketView {
  const Params& params;
  const Ledger& ledger;
  const Registry& registry;
  const Pricing& pricing;
  const Reputation& reputation;
  const Staking& staking;
  const state::Table<JobId, JobRow>& jobs;
  const state::Table<JobId, AssignmentRow>& assignments;
  const state::Table<ShareKey, ShareRow>& shares;
  const state::Table<ClassId, ClassDemandRow>& class_demand;
  const QueueIndex& index;
  // For decisions of the block that runs, which is the one writer. Null: a question about the state, of which many may
  // run at once; it looks at all nodes.
  NodeIndex* nodes = nullptr;
  // What says of many nodes at once that they do not matter, for any question. Null: every node is looked at.
  const NodeIndex* known = nullptr;
};

/// Time that a node is given to fetch inputs.
[[nodiscard]] DurationMs fetch_time(const Params& params, std::uint64_t input_bytes);

/// Latest end of a match made now: acknowledgement, preparation with the time to fetch the inputs, and max_s. The real
/// end can only be earlier, so what EASY counts with never moves back.
[[nodiscard]] TimeMs latest_end(const Params& params, const JobSpec& spec, TimeMs now);

/// Whether the account's bonded stake is worth ReserveLevelU, so that its jobs may draw reserves in a surge.
[[nodiscard]] bool reaches_reserve_level(const MarketView& market, const AccountId& account);

/// Whether two jobs stand in a common order: a job that names no class stands in all.
[[nodiscard]] bool share_a_class(const JobSpec& a, const JobSpec& b);

/// The specification with its deadline in market time. A deadline before the market's beginning becomes its first
/// moment, since 0 stands for none.
[[nodiscard]] JobSpec in_market_time(JobSpec spec, const BlockContext& context);

/// Place in the order of a job that enters the queue now: time, less what tier, urgency and credits bring, plus what
/// the flexibility discount is paid with (protocol section 2).
[[nodiscard]] std::uint64_t queue_key(const MarketView& market, const JobSpec& spec, TierId tier, DurationMs boost,
                                      TimeMs now);

}  // namespace starminer::protocol
