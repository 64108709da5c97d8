// A market of strangers who do whatever a seed says: requesters, providers, an operator and a troublemaker send valid,
// invalid and hostile transactions over all operations, time passes, stands still, nodes come and go. The same seed
// gives the same transactions. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scenario/money.h"

namespace starminer::scenario {

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every platform. Given bytes decide first, two for a
/// roll, so that a fuzzer steers.
class Dice {
 public:
  explicit Dice(std::uint64_t seed, ByteView given = {}) : state_(seed), given_(given) {}
  std::uint64_t roll();
  /// 0 .. sides - 1. Requires: sides > 0.
  std::uint64_t below(std::uint64_t sides) { return roll() % sides; }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }
  /// Mostly of the size of `usual`, at times 0, 1, the largest and its neighbours.
  std::uint64_t number(std::uint64_t usual);

 private:
  std::uint64_t state_;
  ByteView given_;
};

/// What happened, for the report and for asking whether rare things did happen.
struct Tally {
  std::uint64_t blocks = 0;
  std::uint64_t sent = 0;
  std::uint64_t not_admitted = 0;  // refused for bytes, envelope or shape: in no block
  std::uint64_t charged = 0;       // refused by check
  std::uint64_t applied = 0;
  std::map<std::string, std::uint64_t> applied_by_operation;
  std::map<std::string, std::uint64_t> refused_by_code;
  std::map<std::string, std::uint64_t> ends;
  std::map<std::string, std::uint64_t> gang_ends;  // of contracts over several hosts

  void add(const Tally& other);
  [[nodiscard]] std::string text() const;
};

class Driver {
 public:
  /// Sees every block when it has been made, with the bytes that were sent for it: included, refused and spoiled ones.
  using Witness = std::function<void(const protocol::chain_test::Block&, const std::vector<Bytes>& sent)>;

  /// `given` steers the dice and must outlive the driver.
  explicit Driver(std::uint64_t seed, ByteView given = {}, Witness witness = {});
  /// The genesis of a seed's market.
  static protocol::Genesis genesis(std::uint64_t seed);

  /// Sends this many transactions, in blocks of up to five.
  void run(std::uint64_t transactions);
  /// The machine stops and starts again from what a disk holds.
  void restart() { chain_.reload(); }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] const protocol::chain_test::Chain& chain() const { return chain_; }
  [[nodiscard]] const std::vector<std::string>& differences() const { return differences_; }
  [[nodiscard]] const Money& money() const { return money_; }
  [[nodiscard]] const std::vector<Hash32>& app_hashes() const { return app_hashes_; }

 private:
  using Fill = protocol::chain_test::Chain::Fill;
  struct Wish {
    std::string sender;
    v1::TransactionBody body;
  };

  void let_time_pass();
  void follow(const protocol::chain_test::Block& block);
  void note_gang(const ContractId& id, std::uint8_t state);
  Wish wish();
  Wish ledger_wish();
  Wish stake_wish();
  Wish parameter_wish();
  Wish registry_wish();
  Wish benchmark_wish();
  Wish aggregate_wish();
  Wish attest_wish();
  Wish reserve_wish();
  Wish submit_wish();
  Wish contract_wish();
  [[nodiscard]] protocol::EndReason reason_to_fail(const protocol::ContractRow& row);
  Wish natural_contract_wish(const ContractId& id, const protocol::ContractRow& row);
  NodeId host_of(const protocol::ContractRow& row, const std::vector<NodeId>& hosts);
  void report_progress(v1::ContractProgress& report, const ContractId& id, const protocol::ContractRow& row,
                       std::uint64_t run_ms);
  v1::JobSpec random_spec();
  v1::NodeRegister random_node(const protocol::NodeRow* neighbour = nullptr);
  const protocol::NodeRow* random_host(const AccountId& provider);
  std::string random_site();
  void spoil(v1::TransactionBody& body);
  [[nodiscard]] std::string name_of(const AccountId& account) const;
  ContractId random_contract();
  JobId random_job();
  NodeId random_node_id();

  bool patient_;  // a week is still to pass
  Dice dice_;
  Witness witness_;
  protocol::chain_test::Chain chain_;
  Money money_;
  Tally tally_;
  std::vector<std::string> differences_;
  std::vector<Hash32> app_hashes_;
  std::map<AccountId, std::string> names_;
  // Within the block that is being made
  std::map<AccountId, std::uint64_t> sequences_;
  std::vector<Bytes> sent_;
  std::set<ContractId> touched_;  // asked for already, so that mostly one step is tried on each
};

}  // namespace starminer::scenario
