// The money of a chain counted a second time, by other means: from the transactions, receipts and settlements of its
// blocks, in plain 128-bit maps. It knows the fee table of economics 2.6 and the meter of protocol 5 as formulas of its
// own and shares no code that moves money with the ledger. It reads figures that only the market decides: the cap and
// max_price of a job when it is admitted, and what its notices cost.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/test_chain.h"

namespace starminer::scenario {

class Money {
 public:
  explicit Money(const protocol::Genesis& genesis);

  /// Follows one block and compares every balance, pool and total with the ledger. Returns what differs.
  [[nodiscard]] std::vector<std::string> follow(const protocol::chain_test::Block& block,
                                                const protocol::Machine& machine);
  /// Sums of what providers' contracts were paid and what requesters' jobs paid, fees included: they must be equal.
  [[nodiscard]] i128 paid_by_requesters() const { return paid_by_requesters_; }
  [[nodiscard]] i128 paid_for_contracts() const { return paid_for_contracts_; }

 private:
  struct OpenJob {
    AccountId requester;
    i128 cap = 0;
    i128 billing_milli = 0;
    std::uint64_t submitted = 0;  // market time
    i128 lock_fee = 0;            // for a lock of the price; what is not paid of it burns at the end
    i128 lock_paid = 0;
    i128 compensation = 0;  // taken out of the cap for notices, as the market says
  };
  struct NodeLock {
    AccountId provider;
    i128 amount = 0;
    std::uint64_t until = 0;  // market time
    bool left = false;
  };

  struct Unbonding {
    AccountId account;
    i128 amount = 0;
    std::uint64_t until = 0;  // market time
  };

  /// Of a requester's Premium jobs.
  struct PremiumSum {
    i128 settled = 0;
    i128 insured = 0;
  };

  /// Credits of a stake in millionths, as of a market time (economics 8.2).
  struct Credits {
    i128 micro = 0;
    std::uint64_t at = 0;
  };

  /// What a node has staked in the reserve, and how often it was charged in an epoch.
  struct Committed {
    AccountId provider;
    i128 stake = 0;
    std::uint64_t joined = 0;  // market time
    std::uint64_t epoch = 0;
    std::uint64_t charges = 0;
  };

  void apply(const protocol::VerifiedTransaction& transaction, const protocol::ReceiptCore& receipt,
             const protocol::Machine& machine);
  [[nodiscard]] static i128 burned_for_leaving(const OpenJob& job, const protocol::JobRow& row);
  void end_unsettled(const JobId& id, const protocol::Machine& machine);
  void settle(const protocol::Settlement& settlement, const protocol::Machine& machine);
  /// What a job's notices took out of its cap since it was last looked at.
  void follow_notices(const JobId& id, OpenJob& job, const protocol::Machine& machine);
  void pay_notice(const ContractId& id, const protocol::ContractRow& row, const protocol::Machine& machine);
  [[nodiscard]] bool started_late(const protocol::ContractRow& row, const protocol::Machine& machine);
  /// What the insurance fund pays for a late start, taken from it.
  [[nodiscard]] i128 insured(const protocol::ContractRow& row, i128 credit, i128 due, const protocol::Machine& machine);
  void pay(const protocol::ContractRow& row, const protocol::FeeSplit& bill, i128 at_most,
           const protocol::Machine& machine, bool late);
  void return_node_locks(std::uint64_t market_time);
  /// False where the transaction is about something else than the reserve.
  bool apply_reserve(const protocol::VerifiedTransaction& transaction);
  /// What a node of the reserve pays for a job that it did not begin.
  void charge_decline(const ContractId& id, const protocol::ContractRow& row, const protocol::Machine& machine);
  /// Adds what is staked in the reserve to the locks.
  void compare_reserve(const protocol::Machine& machine, i128& locked) const;
  void return_stakes(std::uint64_t market_time);
  void bring_credits(const AccountId& account, const protocol::Machine& machine);
  void hold_credits(const AccountId& account, const protocol::Machine& machine);
  /// False where the transaction is about something else than stake.
  bool apply_stake(const protocol::VerifiedTransaction& transaction, const protocol::Machine& machine);
  void compare(const protocol::Machine& machine) const;
  void differ(std::string_view what, i128 counted, i128 there) const;
  template <class Id>
  void differ_of(const Id& id, std::string_view what, i128 counted, i128 there) const;

  std::map<AccountId, std::map<Asset, i128>> balances_;
  std::map<AccountId, i128> open_accounts_;  // with their deposits
  std::map<AccountId, i128> stakes_;         // of AMAX
  std::map<AccountId, Credits> credits_;
  std::vector<Unbonding> unbondings_;
  std::map<protocol::Pool, i128> pools_;
  std::map<AccountId, PremiumSum> premium_;
  std::map<JobId, OpenJob> jobs_;
  std::map<ContractId, protocol::ContractRow> contracts_;  // settled before
  std::map<NodeId, NodeLock> node_locks_;
  std::map<NodeId, Committed> committed_;
  std::uint64_t epoch_ = 0;           // before the block
  std::set<ContractId> compensated_;  // whose notice was paid
  i128 noticed_ = 0;                  // locked for notices
  i128 burned_ = 0;
  i128 paid_by_requesters_ = 0;
  i128 paid_for_contracts_ = 0;
  std::uint64_t market_time_ = 0;
  mutable std::vector<std::string> differences_;
};

}  // namespace starminer::scenario
