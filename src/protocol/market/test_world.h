// A small market for the tests of this folder: accounts, the shipped classes and regions, and builders that read like
// the request. Operations run through all three phases, with the fee taken as in a block.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/market/dispatch.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/market.h"
#include "protocol/market/market_view.h"
#include "protocol/market/score.h"

namespace starminer::protocol::market_test {

inline constexpr AccountId kAda{{0xa1}};
inline constexpr AccountId kBob{{0xb0}};
inline constexpr AccountId kCleo{{0xc1}};
inline constexpr AccountId kPoor{{0xd0}};
inline constexpr AccountId kFarm{{0x01}};
inline constexpr AccountId kBarn{{0x02}};
inline constexpr TimeMs kStart{1'700'000'000'000};
inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kAgpu = kBasePerToken;

/// A job of one whole A100 for an hour, half of it expected, in Standard.
class JobOf {
 public:
  JobOf() {
    spec_.kind = JobKind::Training;
    spec_.manifest_hash = sha256("manifest");
    spec_.resources.classes = {"A100"};
    spec_.expected_s = 1'800;
    spec_.max_s = 3'600;
    spec_.tier = TierChoice::Standard;
    spec_.budget = {10 * kAgpu};
  }
  JobOf& any_class() {
    return set([](JobSpec& s) { s.resources.classes.clear(); });
  }
  JobOf& classes(std::vector<std::string> names) {
    return set([&](JobSpec& s) { s.resources.classes = std::move(names); });
  }
  JobOf& gpus(std::uint32_t n) {
    return set([n](JobSpec& s) { s.resources.gpus = n; });
  }
  JobOf& share(std::uint32_t milli) {
    return set([milli](JobSpec& s) { s.resources.share_milli = milli; });
  }
  JobOf& cpu(std::uint32_t threads) {
    return set([threads](JobSpec& s) { s.resources.cpu_milli = threads * 1000; });
  }
  JobOf& max_s(std::uint64_t s) {
    return set([s](JobSpec& spec) {
      spec.max_s = s;
      spec.expected_s = std::max<std::uint64_t>(s / 2, 1);
    });
  }
  JobOf& tier(TierChoice tier) {
    return set([tier](JobSpec& s) { s.tier = tier; });
  }
  JobOf& max_price(std::uint64_t nagpu) {
    return set([nagpu](JobSpec& s) { s.max_price = {nagpu}; });
  }
  JobOf& budget(std::uint64_t base) {
    return set([base](JobSpec& s) { s.budget = {base}; });
  }
  JobOf& credits(std::uint64_t n) {
    return set([n](JobSpec& s) { s.credits = n; });
  }
  JobOf& preemptible() {
    return set([](JobSpec& s) {
      s.tier = TierChoice::Economy;
      s.preemptible = true;
    });
  }
  /// In Premium, and it waits where it cannot start.
  JobOf& premium() {
    return set([](JobSpec& s) {
      s.tier = TierChoice::Premium;
      s.wait = true;
    });
  }
  JobOf& deadline(TimeMs at) {
    return set([at](JobSpec& s) { s.deadline = at; });
  }
  template <class Change>
  JobOf& set(Change change) {
    change(spec_);
    return *this;
  }
  [[nodiscard]] const JobSpec& spec() const { return spec_; }

 private:
  JobSpec spec_;
};

/// A node with one A100, 64 threads, 256 GiB, in eu-central.
class NodeOf {
 public:
  explicit NodeOf(std::string hardware_class = "A100") {
    op_.hardware_class = std::move(hardware_class);
    op_.hardware = {"test device", 1, 80 * kGiB, 1, 64, 256 * kGiB, 1'000 * kGiB, 1'000, 2'000};
    op_.offer.region = "eu-central";
    op_.offer.offer.country = "DE";
    op_.offer.offer.site_tier = 2;
    op_.offer.offer.sandbox_tier = 1;
    op_.offer.runtimes = {"debian/blender-3.4", "debian/pytorch-1.13"};
    op_.name = "rack";
    rating(op_.hardware_class == "H100" ? 1'840 : op_.hardware_class == "L40S" ? 640 : 1'000);  // the references
  }
  NodeOf& devices(std::uint32_t n) {
    return set([n](NodeRegister& op) { op.hardware.devices = n; });
  }
  NodeOf& region(std::string name) {
    return set([&](NodeRegister& op) { op.offer.region = std::move(name); });
  }
  NodeOf& rating(std::uint32_t cu_x1000) {
    return set([cu_x1000](NodeRegister& op) {
      // Rendering against training as in the references.
      const std::uint32_t rendering = op.hardware_class == "H100"   ? cu_x1000 * 344 / 184
                                      : op.hardware_class == "L40S" ? cu_x1000 * 470 / 64
                                                                    : cu_x1000;
      op.ratings = {{JobKind::Training, {cu_x1000, sha256("report")}},
                    {JobKind::Rendering, {rendering, sha256("report")}}};
    });
  }
  NodeOf& floor(std::uint8_t in_32nds) {
    return set([in_32nds](NodeRegister& op) { op.offer.offer.floor_32nds = in_32nds; });
  }
  template <class Change>
  NodeOf& set(Change change) {
    change(op_);
    return *this;
  }
  [[nodiscard]] const NodeRegister& op() const { return op_; }

 private:
  NodeRegister op_;
};

struct World {
  state::Store store;
  Params params{store};
  Timers timers{store};
  Ledger ledger{store, params};
  Reputation reputation{store, params};
  Registry registry{store, params, ledger, reputation, timers};
  Pricing pricing{store, params, registry};
  Staking staking{store, params, ledger, timers};
  Market market{store, params, ledger, registry, pricing, reputation, staking, timers};
  std::vector<Event> events;
  BlockContext context{
      .height = 1, .epoch = 0, .time = kStart, .halted = {}, .seed = sha256("seed"), .events = &events};
  std::vector<NoticeGiven> notices;  // so far
  std::string detail;                // of the last refusal
  JobId last_job;

  explicit World(Preset preset = Preset::Main) {
    params.write_genesis(preset);
    for (const AccountId& account : {kAda, kBob, kCleo, kFarm, kBarn}) {
      EXPECT_TRUE(ledger.mint_at_genesis(account, Asset::Agpu, 100'000 * kAgpu));
    }
    EXPECT_TRUE(ledger.mint_at_genesis(kPoor, Asset::Agpu, kAgpu));
    registry.write_genesis({});
    pricing.write_genesis(preset);
    store.commit();
  }

  [[nodiscard]] MarketView view() const {
    // The market's own view is private; tests of its parts look through the same tables and an index of their own.
    return {params, ledger,       registry, pricing, reputation, staking, market.jobs(), market.assignments(),
            shares, class_demand, index};
  }

  /// AMAX out of nothing, staked at once.
  void stake(const AccountId& account, std::uint64_t amax) {
    EXPECT_TRUE(ledger.mint_at_genesis(account, Asset::Amax, amax));
    const auto valid = StakeLock::validate({Asset::Amax, amax});
    EXPECT_TRUE(valid.has_value());
    const auto checked = staking.check(*valid, {account, 0});
    EXPECT_TRUE(checked.has_value());
    staking.apply(*checked, {account, 0}, context);
  }
  [[nodiscard]] std::uint64_t credits(const AccountId& account) const {
    return staking.credits_micro(account, context.time) / kPpm;
  }

  NodeId add_node(const NodeOf& node, const AccountId& provider = kFarm) {
    if (!registry.providers().contains(provider)) run_registry(ProviderRegister{"farm", {}}, provider);
    const Sender sender = next_sender(provider);
    const auto valid = NodeRegister::validate(node.op());
    EXPECT_TRUE(valid.has_value()) << valid.error().detail;
    const auto checked = registry.check(*valid, sender);
    EXPECT_TRUE(checked.has_value()) << checked.error().detail;
    const NodeId id = registry.apply(*checked, sender, context);
    registry.set_verified(id, Aspect::SiteTier, true, context);  // as if attestors had confirmed it
    registry.set_verified(id, Aspect::Region, true, context);
    market.trigger();
    return id;
  }
  void set_status(const NodeId& node, NodeChange change) {
    run_registry(NodeSetStatus{node, change}, registry.nodes().get(node).provider);
    market.trigger();
  }

  RefusalCode submit(const JobOf& job, const AccountId& account = kAda, const std::string& client_id = "") {
    const Sender sender = next_sender(account);
    const auto valid = JobSubmit::validate({client_id, job.spec()});
    if (!valid) return note(valid.error());
    const auto checked = market.check(*valid, sender, context);
    if (!checked) return note(checked.error());
    last_job = market.apply(*checked, sender, context);
    return RefusalCode::None;
  }
  /// Submits a job that must be admitted.
  JobId queue(const JobOf& job, const AccountId& account = kAda) {
    EXPECT_EQ(submit(job, account), RefusalCode::None) << detail;
    return last_job;
  }
  RefusalCode cancel(const JobId& job, const AccountId& account = kAda) {
    const Sender sender = next_sender(account);
    const auto valid = JobCancel::validate({job});
    if (!valid) return note(valid.error());
    const auto checked = market.check(*valid, sender);
    if (!checked) return note(checked.error());
    market.apply(*checked, sender, context);
    return RefusalCode::None;
  }

  RefusalCode raise(const JobId& job, std::uint64_t budget, std::uint64_t max_price, const AccountId& account = kAda) {
    const Sender sender = next_sender(account);
    const auto valid = JobRaise::validate({job, {budget}, {max_price}});
    if (!valid) return note(valid.error());
    const auto checked = market.check(*valid, sender, context);
    if (!checked) return note(checked.error());
    market.apply(*checked, sender, context);
    return RefusalCode::None;
  }

  /// All matches that can be made now, each with a contract as the contracts module opens it.
  std::vector<MatchMade> match() {
    std::vector<MatchMade> made;
    for (;;) {
      auto one = market.next_match(context);
      const auto given = market.take_notices();
      notices.insert(notices.end(), given.begin(), given.end());
      if (!one && given.empty()) return made;
      if (!one) continue;
      market.set_contract(one->job, contract_id_of(one->job, job(one->job).attempts));
      made.push_back(std::move(*one));
    }
  }
  /// The node that the job got when everything that can start was started; empty: it waits.
  std::optional<NodeId> match_one(const JobId& id) {
    for (const MatchMade& made : match()) {
      if (made.job == id) return made.winner.node;
    }
    return std::nullopt;
  }
  /// Queues a job, starts what can start and returns where it went.
  std::optional<NodeId> run(const JobOf& job, const AccountId& account = kAda) {
    return match_one(queue(job, account));
  }
  void complete(JobId id) {
    market.release(id, context);
    market.end(id, JobState::Settled, EndReason::Completed, {}, context);
  }
  /// The provider fails the job; it is queued again where that is allowed.
  bool fail_provider(JobId id) {
    const AccountId provider = registry.nodes().get(market.assignments().get(id).node).provider;
    market.release(id, context);
    const bool again = market.can_requeue(id, provider, context);
    if (again) {
      market.requeue(id, provider, context);
    } else {
      market.end(id, JobState::Refunded, EndReason::ProviderError, {}, context);
    }
    return again;
  }

  void start(JobId id) { market.on_started(id, context.time); }
  /// A job that was given notice goes, and what is paid for it, as the contracts module does it.
  void leave(JobId id) {
    const ContractId contract = job(id).contract;
    const Agpu locked{ledger.locked(LockPurpose::Notice, contract.bytes, Asset::Agpu)};
    ledger.pay_from_lock(LockPurpose::Notice, contract.bytes, job(id).requester, locked);
    static_cast<void>(ledger.unlock(LockPurpose::Notice, contract.bytes, Asset::Agpu));
    market.release(id, context);
    if (market.can_queue_preempted(id, context)) {
      market.queue_preempted(id, context);
    } else {
      market.end(id, JobState::Refunded, EndReason::Preempted, {}, context);
    }
  }

  void wait_ms(std::uint64_t ms) { context.time = context.time + DurationMs{ms}; }
  void wait_s(std::uint64_t s) { wait_ms(s * 1000); }
  void next_seed() { context.seed = sha256(context.seed.view()); }
  /// Hands due timers of the market to it.
  void run_timers() {
    while (const auto timer = timers.pop_due(context.time)) {
      JobId id;
      id.bytes = timer->subject;
      if (timer->kind == TimerKind::JobDeadline) market.on_deadline(id, context);
      if (timer->kind == TimerKind::JobArchive) market.archive(id);
    }
  }

  [[nodiscard]] const JobRow& job(const JobId& id) const { return market.jobs().get(id); }
  [[nodiscard]] std::uint64_t escrow(const JobId& id) const {
    return ledger.locked(LockPurpose::Escrow, id.bytes, Asset::Agpu);
  }
  [[nodiscard]] std::uint64_t balance(const AccountId& account) const { return ledger.balance(account, Asset::Agpu); }
  [[nodiscard]] ClassId class_id(const std::string& name) const { return *registry.find_class(name); }
  [[nodiscard]] bool sound() const {
    return market.invariants_hold() && registry.invariants_hold() && ledger.invariants_hold() &&
           staking.invariants_hold();
  }
  /// Price of a plain job of this specification on a node.
  [[nodiscard]] Price unit_on(const JobOf& job, const NodeId& node, TierId tier = kStandard) const {
    const MarketView market_view = view();
    const JobSpec spec = job.spec();
    return Demand(market_view, spec, {tier, {}, {}, nullptr, {}}, context.time)
        .price_on(registry.nodes().get(node), node)
        .unit;
  }

  // Tables of the market that a test of a part may fill itself.
  state::Store part_store;
  state::Table<ShareKey, ShareRow> shares{part_store, state::TableId::Shares};
  state::Table<ClassId, ClassDemandRow> class_demand{part_store, state::TableId::ClassDemand};
  QueueIndex index;

 private:
  Sender next_sender(const AccountId& account) {
    const Sender sender{account, *ledger.next_sequence(account)};
    ledger.charge_fee(account);
    return sender;
  }
  RefusalCode note(const Refusal& refusal) {
    detail = refusal.detail;
    return refusal.code;
  }
  template <class Op>
  void run_registry(const Op& op, const AccountId& account) {
    const Sender sender = next_sender(account);
    const auto valid = Op::validate(op);
    ASSERT_TRUE(valid.has_value());
    const auto checked = registry.check(*valid, sender);
    ASSERT_TRUE(checked.has_value()) << checked.error().detail;
    registry.apply(*checked, sender, context);
  }
};

}  // namespace starminer::protocol::market_test
