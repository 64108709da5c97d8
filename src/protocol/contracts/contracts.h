// Compute Service Contracts: from match to payment (CSC-1..4, protocol section 5) with policy `accept`.
// Every live state has at least one timer; every path ends in Settled, Refunded or Requeued; final states never change
// and keep no timer; the escrow of an ended job is empty. This module drives matching: it opens a contract for every
// match that the market makes.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "protocol/contracts/contract_index.h"
#include "protocol/contracts/rows.h"
#include "protocol/market/market.h"
#include "protocol/operation/limits.h"
#include "protocol/reserve/reserve.h"

namespace starminer::protocol {

class Contracts;

struct ContractAcknowledge {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  static Result<Valid<ContractAcknowledge>, Refusal> validate(ContractAcknowledge op);
};

struct ContractDecline {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  static Result<Valid<ContractDecline>, Refusal> validate(ContractDecline op);
};

/// Of a gang, each host says so, and the run begins with the last of them.
struct ContractStart {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  NodeId node{};  // zero: the contract's own
  static Result<Valid<ContractStart>, Refusal> validate(ContractStart op);
};

/// A host of a gang, but for the lead, ended its part well.
struct ContractHostDone {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  NodeId node;
  Hash32 report_hash;
  static Result<Valid<ContractHostDone>, Refusal> validate(ContractHostDone op);
};

/// Run time so far of each named contract. Entries that no longer run, or are archived, are skipped, not refused: the
/// report of a tick must not fail because one of its jobs has ended meanwhile.
struct ContractProgress {
  using Module = Contracts;
  struct Entry {
    ContractId contract;
    std::uint64_t run_ms = 0;
    NodeId node{};  // host of a gang; zero: the contract's own. Only the contract's own counts for the meter

    auto operator<=>(const Entry&) const = default;
  };
  struct Evidence {
    std::vector<Entry> live;
  };
  std::vector<Entry> entries;
  static Result<Valid<ContractProgress>, Refusal> validate(ContractProgress op);
};

struct ContractComplete {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  std::uint64_t run_ms = 0;
  Hash32 result_hash;
  std::vector<Hash32> outputs;
  Hash32 proof_hash;
  static Result<Valid<ContractComplete>, Refusal> validate(ContractComplete op);
};

struct ContractFail {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  std::uint64_t run_ms = 0;
  EndReason reason{};
  Hash32 report_hash;
  static Result<Valid<ContractFail>, Refusal> validate(ContractFail op);
};

struct ContractAccept {
  using Module = Contracts;
  struct Evidence {};
  ContractId contract;
  static Result<Valid<ContractAccept>, Refusal> validate(ContractAccept op);
};

/// A contract that reached a final state, for the history tree.
struct Settlement {
  ContractId contract;
  ContractRow row;
};

class Contracts {
 public:
  Contracts(state::Store& store, const Params& params, Ledger& ledger, Registry& registry, const Pricing& pricing,
            Reputation& reputation, Market& market, Reserve& reserve, Timers& timers);

  // Operations; refusals in order: README.md
  [[nodiscard]] Result<Checked<ContractAcknowledge>, Refusal> check(const Valid<ContractAcknowledge>&,
                                                                    const Sender&) const;
  void apply(const Checked<ContractAcknowledge>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractDecline>, Refusal> check(const Valid<ContractDecline>&, const Sender&) const;
  void apply(const Checked<ContractDecline>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractStart>, Refusal> check(const Valid<ContractStart>&, const Sender&) const;
  void apply(const Checked<ContractStart>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractHostDone>, Refusal> check(const Valid<ContractHostDone>&, const Sender&) const;
  void apply(const Checked<ContractHostDone>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractProgress>, Refusal> check(const Valid<ContractProgress>&, const Sender&) const;
  void apply(const Checked<ContractProgress>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractComplete>, Refusal> check(const Valid<ContractComplete>&, const Sender&) const;
  void apply(const Checked<ContractComplete>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractFail>, Refusal> check(const Valid<ContractFail>&, const Sender&) const;
  void apply(const Checked<ContractFail>&, const Sender&, const BlockContext&);
  [[nodiscard]] Result<Checked<ContractAccept>, Refusal> check(const Valid<ContractAccept>&, const Sender&) const;
  void apply(const Checked<ContractAccept>&, const Sender&, const BlockContext&);

  /// JobCancel of a job with a live contract.
  void cancel(const JobId& job, const BlockContext& context);
  /// Opens a contract for every match that can be made now.
  void dispatch(const BlockContext& context);
  /// JobArchive: the job and all its contracts leave the state. Their final rows stay in the history.
  void archive(const JobId& job);
  /// AckDue, StartDue, SilenceDue, RunEnd, AcceptDue, NoticeEnd.
  void on_timer(const TimerKey& timer, const BlockContext& context);

  /// Contracts that became final since the last call, in order.
  [[nodiscard]] std::vector<Settlement> take_settlements();

  [[nodiscard]] const state::Table<ContractId, ContractRow>& table() const { return contracts_; }
  [[nodiscard]] const ContractIndex& index() const { return index_; }
  [[nodiscard]] const state::Table<AccountId, PremiumFeesRow>& premium_fees() const { return premium_fees_; }
  [[nodiscard]] bool invariants_hold() const;

 private:
  template <class Op>
  [[nodiscard]] Result<Checked<Op>, Refusal> check_provider_op(const Valid<Op>& op, const Sender& sender,
                                                               std::initializer_list<ContractState> states) const;
  void open(const MatchMade& made, const BlockContext& context);
  /// A sign of life of a host; all of them together are the contract's.
  void hear(const ContractId& id, ContractRow& row, const NodeId& node, TimeMs now);
  /// Contracts that run get a timer; the others have nothing to save and end at once.
  void give_notice(const NoticeGiven& given, const BlockContext& context);
  void set_timer(const ContractId& id, ContractRow& row, TimerKind kind, TimeMs due);
  void drop_timers(const ContractId& id, const ContractRow& row);
  void store(const ContractId& id, const ContractRow& row, const BlockContext& context);
  [[nodiscard]] std::uint64_t metered_ms(const ContractRow& row, TimeMs stop) const;
  void stop_meter(ContractRow& row, TimeMs stop) const;

  // Ends: settlement by responsible party (settlement.cpp)
  void settle(const ContractId& id, ContractRow row, EndReason reason, const BlockContext& context);
  void fail_by_provider(const ContractId& id, ContractRow row, EndReason reason, const BlockContext& context);
  void claim_requester_fault(const ContractId& id, ContractRow row, EndReason reason, const BlockContext& context);
  /// It gives way to another job: costs nothing, and the job is matched again where that is possible.
  void preempt(const ContractId& id, ContractRow row, const BlockContext& context);
  /// Pays what stands locked for a notice: to the provider what it ran for nothing, the rest to the requester.
  void pay_notice(const ContractId& id, ContractRow& row, bool preempted);
  [[nodiscard]] FeeSplit bill_of(const ContractRow& row, Agpu at_most) const;
  void pay(const ContractRow& row, const FeeSplit& bill);
  /// What a start that came too late takes off the bill, and what the insurance fund pays for it (README.md).
  void make_good(ContractRow& row, const JobRow& job, FeeSplit& bill);
  [[nodiscard]] Agpu from_insurance(const AccountId& requester, Agpu credit, Agpu paid);
  void count_premium(const ContractRow& row);
  void finish(const ContractId& id, ContractRow row, ContractState state, EndReason reason,
              const BlockContext& context);
  /// What a node of the reserve pays where it had not begun to run the job.
  void charge_decline(const ContractId& id, ContractRow& row, const BlockContext& context);
  void record_outcome(const ContractRow& row, Outcome outcome, const BlockContext& context);
  /// An earlier contract of the same job that ended for this reason at a provider without a link to this one.
  [[nodiscard]] std::optional<ContractId> equal_claim(const ContractRow& row, EndReason reason) const;
  [[nodiscard]] bool notice_is_sound(const ContractId& id, const ContractRow& row) const;
  [[nodiscard]] bool live_is_sound(const ContractId& id, const ContractRow& row) const;
  [[nodiscard]] bool index_is_sound() const;
  [[nodiscard]] bool gang_is_sound(const ContractRow& row) const;
  [[nodiscard]] bool final_is_sound(const ContractId& id, const ContractRow& row) const;

  const Params& params_;
  Ledger& ledger_;
  Registry& registry_;
  const Pricing& pricing_;
  Reputation& reputation_;
  Market& market_;
  Reserve& reserve_;
  Timers& timers_;
  ContractIndex index_;
  state::Table<ContractId, ContractRow> contracts_;
  state::Table<AccountId, PremiumFeesRow> premium_fees_;
  std::vector<Settlement> settlements_;
};

}  // namespace starminer::protocol
