// A small language for scenarios: named actors send real signed transactions to a machine, a virtual clock passes, and
// expectations read like the drawing of protocol section 5. No sockets, no disk. After every block the invariants hold
// and the money, counted a second time by scenario::Money, agrees. One thread.
//
//   Market market;
//   market.provider("aurora").registers(a100());
//   const Job job = market.requester("ada").submits(rendering().max(1h).budget("5 AGPU"));
//   market.provider("aurora").acknowledges(job).starts(job);
//   market.passes(10min);
//   market.provider("aurora").completes(job);
//   market.requester("ada").accepts(job);
//   market.expect(job).is(JobState::Settled).ended(EndReason::Accepted).metered(10min);
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/operation_registry.h"
#include "protocol/test_chain.h"
#include "scenario/money.h"

namespace starminer::scenario {

using protocol::ContractState;
using protocol::EndReason;
using protocol::JobState;
using protocol::Party;
using protocol::RefusalCode;
using Milliseconds = std::chrono::milliseconds;

/// 12_agpu is 12 AGPU.
[[nodiscard]] Agpu operator""_agpu(unsigned long long tokens);

/// What a requester asks for: an hour on one A100 in Standard for at most 10 AGPU, until said otherwise.
class JobRequest {
 public:
  explicit JobRequest(v1::JobKind kind);
  JobRequest& gpus(std::uint32_t count);
  JobRequest& share(std::uint32_t milli);
  /// Its GPUs may lie on hosts of one site, on this many at most; 0: as many as the protocol allows.
  JobRequest& on_one_site(std::uint32_t hosts_max = 0);
  JobRequest& without_gpu(std::uint32_t cpu_threads);
  /// Largest run time; a half of it is expected unless `expected` says otherwise.
  JobRequest& max(std::chrono::seconds time);
  JobRequest& expected(std::chrono::seconds time);
  JobRequest& budget(std::string_view amount);
  JobRequest& max_price(std::string_view amount);
  JobRequest& deadline_in(std::chrono::seconds time);
  JobRequest& input_bytes(std::uint64_t bytes);
  JobRequest& reputation_min(std::uint32_t score);
  /// In Economy, and it may be pre-empted.
  JobRequest& preemptible();
  /// In Premium; it waits where it cannot start.
  JobRequest& premium();
  JobRequest& named(std::string client_id);
  [[nodiscard]] v1::JobSubmit message(TimeMs now) const;

 private:
  v1::JobSubmit submit_;
  std::optional<std::chrono::seconds> deadline_in_;
};

[[nodiscard]] JobRequest rendering();
[[nodiscard]] JobRequest training();

/// A machine with one A100, until said otherwise.
class NodeOffer {
 public:
  NodeOffer();
  NodeOffer& devices(std::uint32_t count);
  NodeOffer& hardware_class(std::string name);
  NodeOffer& rating(std::uint32_t cu_x1000);
  /// Nodes of a provider with the same site are hosts that a job may share.
  NodeOffer& site(std::string name);
  [[nodiscard]] const v1::NodeRegister& message() const { return register_; }

 private:
  v1::NodeRegister register_;
};

[[nodiscard]] NodeOffer a100();

/// A job that a requester submitted.
struct Job {
  JobId id;
};

/// Of the hosts that run a job together: 0 is the lead, which completes it.
using Host = std::size_t;

class Market;

/// Who signs, and whether the next step must be applied or refused.
class Actor {
 public:
  [[nodiscard]] AccountId account() const { return protocol::chain_test::account_of_name(name_); }
  [[nodiscard]] const std::string& name() const { return name_; }

 protected:
  Actor(Market& market, std::string name, RefusalCode expected)
      : market_(&market), name_(std::move(name)), expected_(expected) {}
  /// Sends an operation in a block of its own; fails the test unless its fate is the expected one. Gives the subject.
  std::string does(const protocol::chain_test::Chain::Fill& fill) const;

  Market* market_;
  std::string name_;
  RefusalCode expected_;
};

class Provider : public Actor {
 public:
  Provider(Market& market, std::string name, RefusalCode expected = RefusalCode::None)
      : Actor(market, std::move(name), expected) {}
  /// The same provider, whose next steps must be refused with this code.
  [[nodiscard]] Provider refused(RefusalCode code) const { return {*market_, name_, code}; }

  const Provider& is_paid_at(std::string_view account) const;
  const Provider& registers(const NodeOffer& offer) const;
  const Provider& drains() const;
  const Provider& leaves() const;
  const Provider& acknowledges(const Job& job) const;
  const Provider& declines(const Job& job) const;
  const Provider& starts(const Job& job) const;
  /// Of a job over several hosts: this one is ready. It runs when all are.
  const Provider& starts(const Job& job, Host host) const;
  /// Acknowledges and starts at once, on all hosts.
  const Provider& runs(const Job& job) const;
  const Provider& reports_progress(const Job& job, Milliseconds run_time) const;
  /// With the run time that the chain's clock shows, of all hosts.
  const Provider& reports_progress(const Job& job) const;
  /// The same of these hosts alone.
  const Provider& reports_progress_of(const Job& job, const std::vector<Host>& hosts) const;
  /// The host, not the lead, has ended its part well.
  const Provider& finishes(const Job& job, Host host) const;
  const Provider& completes(const Job& job) const;
  const Provider& fails(const Job& job, EndReason reason) const;

  [[nodiscard]] NodeId node() const;  // the last it registered
};

class Requester : public Actor {
 public:
  Requester(Market& market, std::string name, RefusalCode expected = RefusalCode::None)
      : Actor(market, std::move(name), expected) {}
  [[nodiscard]] Requester refused(RefusalCode code) const { return {*market_, name_, code}; }

  Job submits(const JobRequest& request) const;
  const Requester& cancels(const Job& job) const;
  const Requester& accepts(const Job& job) const;
  [[nodiscard]] Agpu balance() const;
};

/// What must be true of a job now. Every method fails the test at the place of `expect`.
class Expectation {
 public:
  Expectation(const Market& market, const Job& job, const char* file, int line)
      : market_(market), job_(job), file_(file), line_(line) {}

  const Expectation& is(JobState state) const;
  const Expectation& contract_is(ContractState state) const;
  const Expectation& ended(EndReason reason, Party party) const;
  const Expectation& runs_on(std::string_view provider) const;
  /// Over so many hosts of one site; 1: on one node.
  const Expectation& runs_on_hosts(std::size_t count) const;
  const Expectation& attempts(std::uint32_t count) const;
  const Expectation& metered(Milliseconds time) const;
  const Expectation& paid(Agpu amount) const;
  const Expectation& refunded(Agpu amount) const;
  const Expectation& burned(Agpu amount) const;
  /// The bill recomputed from the recorded price inputs, meter and cap is the bill (WRK-4).
  const Expectation& bill_follows_formula() const;

 private:
  [[nodiscard]] const protocol::JobRow& row() const;
  [[nodiscard]] const protocol::ContractRow* contract() const;
  template <class T>
  void equal(const char* what, const T& is, const T& should) const;

  const Market& market_;
  Job job_;
  const char* file_;
  int line_;
};

class Market {
 public:
  explicit Market(protocol::Preset preset = protocol::Preset::Main);
  explicit Market(const protocol::Genesis& genesis);
  Market(const Market&) = delete;
  Market& operator=(const Market&) = delete;

  [[nodiscard]] Provider provider(std::string name) { return {*this, std::move(name)}; }
  [[nodiscard]] Requester requester(std::string name) { return {*this, std::move(name)}; }
  /// An operator reports nodes of providers as silent, or as heard again.
  void operator_hears_nothing_of(const Provider& provider);
  void operator_hears(const Provider& provider);

  /// Time passes; blocks are made whenever a timer is due.
  void passes(Milliseconds time);
  /// Time passes and no block is made until the next transaction.
  void halts(Milliseconds time) { chain_.stand_still({static_cast<std::uint64_t>(time.count())}); }
  /// While the job runs, its provider reports every minute.
  void passes_with_progress(Milliseconds time, const Provider& provider, const Job& job);

  [[nodiscard]] Expectation expect(const Job& job, const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) const {
    return {*this, job, file, line};
  }

  [[nodiscard]] protocol::chain_test::Chain& chain() { return chain_; }
  [[nodiscard]] const protocol::Machine& machine() const { return chain_.machine(); }
  /// The money so far, counted a second time.
  [[nodiscard]] const Money& money() const { return money_; }
  [[nodiscard]] const protocol::JobRow& row(const Job& job) const { return machine().market().jobs().get(job.id); }
  /// The current or last contract of a job. Requires: it was matched.
  [[nodiscard]] const protocol::ContractRow& contract(const Job& job) const;
  /// The contract of the n-th match, from 0.
  [[nodiscard]] const protocol::ContractRow& contract(const Job& job, std::uint32_t attempt) const;
  /// The nodes that run a job, or ran it last, the lead first. Requires: it was matched.
  [[nodiscard]] std::vector<NodeId> hosts(const Job& job) const;
  [[nodiscard]] std::uint8_t reputation_of(const Provider& provider, protocol::JobKind kind) const;
  [[nodiscard]] TimeMs market_time() const;

 private:
  static protocol::Genesis genesis(protocol::Preset preset);

  protocol::chain_test::Chain chain_;
  Money money_;
};

}  // namespace starminer::scenario
