// All orders of steps in a small world: two requesters, two providers, one job. From every state that is reached, every
// step by every party is tried, past contracts included; what the drawing of protocol section 5 does not allow must be
// refused, and whatever has happened, time alone brings the job to an end with its escrow empty. States that differ in
// nothing but times, fees and sequence numbers count as one. STARMINER_SCENARIO_DEPTH sets the number of steps.
#include <cstdlib>
#include <deque>
#include <iostream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::ContractRow;
using protocol::JobRow;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Chain;

constexpr unsigned kDefaultDepth = 5;
constexpr const char* kProviders[] = {"aurora", "borealis"};
constexpr const char* kEverybody[] = {"ada", "bob", "aurora", "borealis"};

enum class Step : std::uint8_t {
  Acknowledge,
  Decline,
  Start,
  StartOther,
  Progress,
  OtherDone,
  Complete,
  FailByJob,
  FailByDevice,
  Accept,
  Cancel,
  Drain,
  Resume,
};
constexpr Step kSteps[] = {Step::Acknowledge, Step::Decline,  Step::Start,     Step::StartOther,   Step::Progress,
                           Step::OtherDone,   Step::Complete, Step::FailByJob, Step::FailByDevice, Step::Accept,
                           Step::Cancel,      Step::Drain,    Step::Resume};

/// A moment that can be returned to.
struct Moment {
  protocol::chain_test::Disk disk;
  TimeMs now;
  JobId job;
  unsigned depth = 0;
};

const JobRow& job_of(const Chain& chain, const JobId& job) { return chain.machine().market().jobs().get(job); }
const ContractRow* contract_of(const Chain& chain, const ContractId& id) {
  return chain.machine().contracts().table().find(id);
}
bool is_live(JobState state) { return state == JobState::Queued || state == JobState::Active; }

NodeId node_of(const Chain& chain, const AccountId& provider) {
  for (const auto& [id, row] : chain.machine().registry().nodes()) {
    if (row.provider == provider) return id;
  }
  return {};
}

/// Of a contract over two hosts the second, else its only node.
NodeId other_host(const ContractRow* row) {
  if (row == nullptr) return {};
  return row->gang.empty() ? row->node : row->gang.back().node;
}

/// All that tells two moments apart besides times, fees and sequence numbers.
std::string describe(const Chain& chain, const JobId& id) {
  const JobRow& job = job_of(chain, id);
  std::string text = fmt::format("{} {}", protocol::job_state_name(job.state), static_cast<int>(job.end_reason));
  for (std::uint32_t attempt = 0; attempt < job.attempts; ++attempt) {
    const ContractRow& row = *contract_of(chain, contract_id_of(id, attempt));
    text += fmt::format(" | {} {} {} ran {} reported {} paid {}", row.provider.text(),
                        protocol::contract_state_name(row.state), static_cast<int>(row.end_reason), row.started.ms != 0,
                        row.progress_run_ms > 0, row.bill.pay.base > 0);
    for (const protocol::GangHost& host : row.gang) {
      text += fmt::format(" host {}{}", host.ready.ms != 0 ? "ready " : "", host.done.ms != 0 ? "done" : "");
    }
  }
  for (const auto& [node, row] : chain.machine().registry().nodes()) {
    text += fmt::format(" | {}", protocol::node_status_name(row.status));
  }
  return text;
}

Chain::Fill operation(const Chain& chain, Step step, const JobId& job, const ContractId& contract,
                      const AccountId& sender) {
  return [&chain, step, job, contract, sender](v1::TransactionBody& body) {
    const std::string id = to_text(contract.view());
    const auto fails = [&](EndReason reason) {
      body.mutable_contract_fail()->set_contract(id);
      body.mutable_contract_fail()->set_reason(static_cast<std::uint32_t>(reason));
      body.mutable_contract_fail()->set_run_ms(7'200'000);
    };
    const auto sets_status = [&](v1::NodeSetStatus::Change change) {
      body.mutable_node_set_status()->set_node(to_text(node_of(chain, sender).view()));
      body.mutable_node_set_status()->set_change(change);
    };
    switch (step) {
      case Step::Acknowledge: body.mutable_contract_acknowledge()->set_contract(id); break;
      case Step::Decline: body.mutable_contract_decline()->set_contract(id); break;
      case Step::Start: body.mutable_contract_start()->set_contract(id); break;
      case Step::StartOther:
        body.mutable_contract_start()->set_contract(id);
        body.mutable_contract_start()->set_node(to_text(other_host(contract_of(chain, contract)).view()));
        break;
      case Step::OtherDone:
        body.mutable_contract_host_done()->set_contract(id);
        body.mutable_contract_host_done()->set_node(to_text(other_host(contract_of(chain, contract)).view()));
        body.mutable_contract_host_done()->set_report_hash(to_text(sha256("report").view()));
        break;
      case Step::Progress: {
        auto& entry = *body.mutable_contract_progress()->add_entries();
        entry.set_contract(id);
        entry.set_run_ms(60'000);
        break;
      }
      case Step::Complete: {
        auto& message = *body.mutable_contract_complete();
        message.set_contract(id);
        message.set_run_ms(7'200'000);
        message.set_result_hash(to_text(sha256("result").view()));
        message.set_proof_hash(to_text(sha256("proof").view()));
        break;
      }
      case Step::FailByJob: fails(EndReason::BadPayload); break;
      case Step::FailByDevice: fails(EndReason::DeviceError); break;
      case Step::Accept: body.mutable_contract_accept()->set_contract(id); break;
      case Step::Cancel: body.mutable_job_cancel()->set_job(to_text(job.view())); break;
      case Step::Drain: sets_status(v1::NodeSetStatus::DRAIN); break;
      case Step::Resume: sets_status(v1::NodeSetStatus::RESUME); break;
    }
  };
}

/// The drawing: whether this step of this party may be applied now.
bool is_drawn(const Chain& chain, Step step, const JobId& job, const ContractRow* contract, const AccountId& sender) {
  const bool requester = job_of(chain, job).requester == sender;
  const bool provider = contract != nullptr && contract->provider == sender;
  const auto in = [contract](std::initializer_list<ContractState> states) {
    return contract != nullptr && std::find(states.begin(), states.end(), contract->state) != states.end();
  };
  const bool one_node = contract == nullptr || contract->gang.empty();
  const NodeId node = node_of(chain, sender);
  const auto* row = chain.machine().registry().nodes().find(node);
  using enum ContractState;
  switch (step) {
    case Step::Acknowledge: return provider && in({Assigned});
    case Step::Decline: return provider && in({Assigned, Preparing});
    case Step::Start: return provider && in({Preparing}) && (one_node || contract->gang.front().ready.ms == 0);
    case Step::StartOther: return provider && in({Preparing}) && (one_node || contract->gang.back().ready.ms == 0);
    case Step::OtherDone: return provider && in({Running}) && !one_node && contract->gang.back().done.ms == 0;
    case Step::Progress: return provider;  // skipped without effect where nothing runs
    case Step::Complete: return provider && in({Running}) && (one_node || contract->gang.back().done.ms != 0);
    case Step::FailByJob:
    case Step::FailByDevice: return provider && in({Preparing, Running});
    case Step::Accept: return requester && in({Delivered});
    case Step::Cancel: return requester && is_live(job_of(chain, job).state);
    case Step::Drain: return row != nullptr && row->status == protocol::NodeStatus::Active;
    case Step::Resume: return row != nullptr && row->status == protocol::NodeStatus::Draining;
  }
  return false;
}

class Explorer {
 public:
  Explorer(unsigned depth, unsigned hosts) : depth_(depth), hosts_(hosts) {}

  void run() {
    Market market;
    for (const char* name : kProviders) {
      for (unsigned host = 0; host < hosts_; ++host) market.provider(name).registers(a100().site("hall"));
    }
    const Job job = market.requester("ada").submits(
        rendering().gpus(hosts_).on_one_site().max(10min).deadline_in(40min).budget("20 AGPU"));
    visit(market.chain(), job.id, 0);
    while (!open_.empty() && !::testing::Test::HasFailure()) {
      const Moment moment = std::move(open_.front());
      open_.pop_front();
      expand(moment);
    }
  }
  [[nodiscard]] std::string summary() const {
    std::string text = fmt::format("{} states within {} steps, {} steps applied, {} refused, {} ends:\n", seen_.size(),
                                   depth_, applied_, refused_, ends_.size());
    for (const std::string& end : ends_) text += "  " + end + "\n";
    return text;
  }
  [[nodiscard]] const std::set<std::string>& ends() const { return ends_; }

 private:
  void visit(const Chain& chain, const JobId& job, unsigned depth) {
    if (!seen_.insert(describe(chain, job)).second) return;
    no_provider_tries_twice(chain, job);
    note_end(job_of(chain, job));
    open_.push_back({chain.disk(), chain.now(), job, depth});
  }

  /// A provider that gave a job back, or lost it, does not get it again.
  static void no_provider_tries_twice(const Chain& chain, const JobId& job) {
    std::set<AccountId> tried;
    for (std::uint32_t attempt = 0; attempt < job_of(chain, job).attempts; ++attempt) {
      const ContractRow& row = *contract_of(chain, contract_id_of(job, attempt));
      EXPECT_TRUE(tried.insert(row.provider).second) << "twice at one provider: " << describe(chain, job);
    }
  }

  void note_end(const JobRow& row) {
    if (is_live(row.state)) return;
    const auto& reason = protocol::end_reason_info(row.end_reason);
    ends_.insert(fmt::format("{} by {}", protocol::job_state_name(row.state), reason.code));
  }

  void expand(const Moment& moment) {
    time_brings_the_end(moment);
    if (moment.depth == depth_) return;
    auto chain = std::make_unique<Chain>(moment.disk, moment.now);
    const std::string before = describe(*chain, moment.job);
    const std::uint32_t attempts = job_of(*chain, moment.job).attempts;
    for (std::uint32_t attempt = 0; attempt < std::max(attempts, 1U); ++attempt) {
      for (const char* name : kEverybody) {
        for (const Step step : kSteps) {
          const bool about_contract = step < Step::Cancel;
          if ((about_contract && attempts == 0) || (!about_contract && attempt > 0)) continue;
          if (try_step(*chain, moment, step, contract_id_of(moment.job, attempt), name)) {
            chain = std::make_unique<Chain>(moment.disk, moment.now);
          } else {
            EXPECT_EQ(describe(*chain, moment.job), before) << "a refused step has changed something";
          }
        }
      }
    }
    for (const bool reporting : {false, true}) {
      let_time_pass(*chain, moment.job, reporting);
      visit(*chain, moment.job, moment.depth + 1);
      chain = std::make_unique<Chain>(moment.disk, moment.now);
    }
  }

  bool try_step(Chain& chain, const Moment& moment, Step step, const ContractId& contract, const char* name) {
    const AccountId sender = account_of_name(name);
    const bool drawn = is_drawn(chain, step, moment.job, contract_of(chain, contract), sender);
    const auto receipt = chain.send(name, operation(chain, step, moment.job, contract, sender));
    const bool applied = receipt && receipt->core.code == 0;
    EXPECT_EQ(applied, drawn) << name << " step " << static_cast<int>(step) << " in " << describe(chain, moment.job)
                              << (receipt ? receipt->detail : receipt.error().detail);
    applied ? ++applied_ : ++refused_;
    if (applied) visit(chain, moment.job, moment.depth + 1);
    return applied;
  }

  /// To the next timer of the job or its contract; `reporting` keeps a running job alive until its longest time.
  static void let_time_pass(Chain& chain, const JobId& job, bool reporting) {
    const ContractRow* contract = contract_of(chain, job_of(chain, job).contract);
    if (contract == nullptr || is_final(contract->state)) {
      chain.pass({60'000});
      return;
    }
    if (!reporting || contract->state != ContractState::Running) {
      chain.pass(elapsed(contract->timer_due, chain.now()));
      return;
    }
    while (contract->state == ContractState::Running) {
      const std::uint64_t run_ms = elapsed(chain.now(), contract->started).ms;
      const auto name = contract->provider == account_of_name("aurora") ? "aurora" : "borealis";
      const ContractId id = job_of(chain, job).contract;
      for (const NodeId& host : {contract->node, other_host(contract)}) {
        static_cast<void>(chain.send(name, [&](v1::TransactionBody& body) {
          auto& entry = *body.mutable_contract_progress()->add_entries();
          entry.set_contract(to_text(id.view()));
          entry.set_run_ms(std::max(run_ms, contract->progress_run_ms));
          entry.set_node(to_text(host.view()));
        }));
      }
      chain.pass({60'000});
    }
  }

  /// REQ: CSC-2
  void time_brings_the_end(const Moment& moment) {
    Chain chain(moment.disk, moment.now);
    for (int minutes = 0; minutes < 24 * 60 && is_live(job_of(chain, moment.job).state); ++minutes) {
      chain.pass({60'000});
    }
    const JobRow& row = job_of(chain, moment.job);
    EXPECT_FALSE(is_live(row.state)) << "stuck: " << describe(chain, moment.job);
    const protocol::LockKey escrow{protocol::LockPurpose::Escrow, moment.job.bytes, Asset::Agpu};
    EXPECT_FALSE(chain.machine().ledger().locks().contains(escrow));
    EXPECT_NE(row.end_reason, EndReason::None);
    note_end(row);
  }

  unsigned depth_;
  unsigned hosts_;
  std::deque<Moment> open_;
  std::set<std::string> seen_;
  std::set<std::string> ends_;
  std::uint64_t applied_ = 0;
  std::uint64_t refused_ = 0;
};

unsigned depth_or(unsigned otherwise) {
  const char* given = std::getenv("STARMINER_SCENARIO_DEPTH");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : otherwise;
}

// REQ: CSC-2, WRK-1
TEST(Orders, AllOfThemFollowTheDrawingAndEnd) {
  const unsigned depth = depth_or(kDefaultDepth);
  Explorer explorer(depth, 1);
  explorer.run();
  std::cout << explorer.summary();
  for (const char* end : {"settled by accepted", "refunded by cancelled_requester", "refunded by provider_refused",
                          "refunded by deadline_passed"}) {
    EXPECT_TRUE(explorer.ends().contains(end) || depth < kDefaultDepth) << end << " was never reached";
  }
}

// REQ: CSC-2. The same over two hosts of a site at each provider.
TEST(Orders, OfHostsFollowTheDrawingAndEnd) {
  Explorer explorer(depth_or(kDefaultDepth), 2);
  explorer.run();
  std::cout << explorer.summary();
}

}  // namespace
}  // namespace starminer::scenario
