// Memory of a contract that has ended, with its job: while the state keeps it, and after it has left.
#include <malloc.h>

#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "protocol/machine.h"
#include "protocol/test_chain.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

using protocol::Machine;
using protocol::VerifiedTransaction;
namespace chain_test = protocol::chain_test;

constexpr std::size_t kContracts = 10'000;
constexpr std::size_t kDevices = 8;  // jobs that run at once
constexpr DurationMs kStep{1'000};
constexpr double kSecondsPerByte = 1e-9;  // bytes are compared as nanoseconds are

double heap_bytes() {
  const auto heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

/// A requester whose jobs all run on one machine and are all paid.
class PaidJobs {
 public:
  PaidJobs() {
    STARMINER_CHECK(machine_.start(chain_test::genesis_of(protocol::Preset::Main, {"ada", "farm"})).has_value());
    block({signed_by("farm", chain_test::register_provider("farm"))});
    block({signed_by("farm", [](v1::TransactionBody& body) {
      *body.mutable_node_register() = chain_test::a100_node();
      body.mutable_node_register()->mutable_hardware()->set_devices(kDevices);
    })});
  }

  void run(std::size_t contracts) {
    for (std::size_t done = 0; done < contracts; done += kDevices) run_together();
  }
  /// Time passes as on an idle chain, until the state has let everything go.
  void wait_for_archive() {
    while (!machine_.market().jobs().empty()) {
      now_ = std::max(now_, *machine_.next_due());
      block({});
    }
    STARMINER_CHECK(machine_.contracts().table().empty());
  }
  [[nodiscard]] std::uint64_t leaves() const { return machine_.history().size(); }

 private:
  using Fill = chain_test::Chain::Fill;

  VerifiedTransaction signed_by(std::string_view name, const Fill& fill) {
    v1::TransactionBody body;
    body.set_chain_id(std::string(chain_test::kChainId));
    body.set_sequence(sequences_[name == "farm" ? 1 : 0]++);
    body.set_expires_at_ms((now_ + DurationMs{3'600'000}).ms);
    fill(body);
    auto verified =
        protocol::verify_transaction(protocol::sign_transaction(body, chain_test::key_of(name)), chain_test::kChainId);
    STARMINER_CHECK(verified.has_value());
    return std::move(*verified);
  }

  std::vector<std::string> block(const std::vector<VerifiedTransaction>& transactions) {
    const std::uint64_t height = machine_.chain().height + 1;
    const auto step = chain_test::proposer().prove(machine_.randomness().last().seed, height);
    machine_.begin_block({height, now_, machine_.app_hash(), protocol::OrderRule::Arrival}, step);
    std::vector<std::string> subjects;
    for (const VerifiedTransaction& transaction : transactions) {
      const auto receipt = machine_.execute(transaction);
      STARMINER_CHECK(receipt.has_value() && receipt->core.code == 0);
      subjects.push_back(receipt->core.subject);
    }
    static_cast<void>(machine_.finish_block());
    now_ = now_ + kStep;
    return subjects;
  }

  /// One step of each of these contracts, in a block.
  template <class Step>
  void each(std::string_view name, const std::vector<std::string>& contracts, Step step) {
    std::vector<VerifiedTransaction> transactions;
    for (const std::string& contract : contracts) {
      transactions.push_back(signed_by(name, [&](v1::TransactionBody& body) { step(body, contract); }));
    }
    block(transactions);
  }

  void run_together() {
    std::vector<VerifiedTransaction> submissions;
    for (std::size_t i = 0; i < kDevices; ++i) {
      submissions.push_back(signed_by("ada", [&](v1::TransactionBody& body) {
        *body.mutable_job_submit()->mutable_spec() = chain_test::hour_of_a100();
        body.mutable_job_submit()->set_client_id("job-" + std::to_string(submitted_++));
      }));
    }
    std::vector<std::string> contracts;
    for (const std::string& job : block(submissions)) {
      contracts.push_back(to_text(machine_.market().jobs().get(*JobId::parse(job)).contract.view()));
    }
    each("farm", contracts,
         [](auto& body, const auto& contract) { body.mutable_contract_acknowledge()->set_contract(contract); });
    each("farm", contracts,
         [](auto& body, const auto& contract) { body.mutable_contract_start()->set_contract(contract); });
    each("farm", contracts, [](auto& body, const auto& contract) {
      auto& message = *body.mutable_contract_complete();
      message.set_contract(contract);
      message.set_run_ms(1'000);
      message.set_result_hash(std::string(32, 'r'));
      message.add_outputs(std::string(32, 'o'));
      message.set_proof_hash(std::string(32, 'p'));
    });
    each("ada", contracts,
         [](auto& body, const auto& contract) { body.mutable_contract_accept()->set_contract(contract); });
  }

  Machine machine_;
  TimeMs now_ = chain_test::kGenesisTime;
  std::uint64_t sequences_[2] = {0, 0};
  std::uint64_t submitted_ = 0;
};

struct Memory {
  double in_state = 0;
  double archived = 0;
};

/// Bytes per contract, counted once.
const Memory& memory() {
  static const Memory counted = [] {
    PaidJobs jobs;
    // What is there once, and room that was made for as many before and is used again.
    jobs.run(kContracts);
    jobs.wait_for_archive();
    const double before = heap_bytes();
    jobs.run(kContracts);
    const double ended = heap_bytes();
    jobs.wait_for_archive();
    return Memory{(ended - before) / kContracts, (heap_bytes() - before) / kContracts};
  }();
  return counted;
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using starminer::bench::kSecondsPerByte;
  using starminer::bench::memory;
  starminer::bench::compare({"archived_contract_bytes_over_kept",
                             "the same while the state keeps job, client id, contract and timer",
                             "10,000 jobs that ran and were paid, one contract and five receipts each, after as many "
                             "that have gone before; heap of the process, hashes of the history included",
                             {[](benchmark::State& state) {
                                for (auto unused : state) state.SetIterationTime(memory().archived * kSecondsPerByte);
                              },
                              1, 1},
                             {[](benchmark::State& state) {
                                for (auto unused : state) state.SetIterationTime(memory().in_state * kSecondsPerByte);
                              },
                              1, 1},
                             true,
                             "bytes_per_archived_contract",
                             "B"});
  return starminer::bench::run_comparisons(argc, argv);
}
