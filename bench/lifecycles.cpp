#include "lifecycles.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "protocol/machine.h"
#include "ratio.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::bench {
namespace {

using protocol::VerifiedTransaction;

constexpr std::string_view kChainId = "bench-1";
constexpr TimeMs kTime{1'760'000'000'000};
constexpr DurationMs kExpiry{60'000};
constexpr DurationMs kBetweenBlocks{1'000};
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

std::string hash_text(std::string_view what) { return to_text(sha256(what).view()); }

v1::NodeRegister big_node() {
  v1::NodeRegister message;
  auto& hardware = *message.mutable_hardware();
  hardware.set_hardware_class("A100");
  hardware.set_model("bench device");
  hardware.set_devices(LifecycleChain::kDevices);
  hardware.set_device_memory_bytes(80 * kGiB);
  hardware.set_cpu_threads(256);
  hardware.set_ram_bytes(4'096 * kGiB);
  hardware.set_disk_bytes(65'536 * kGiB);
  auto& offer = *message.mutable_offer();
  offer.set_region("eu-central");
  offer.set_country("DE");
  offer.set_site_tier(2);
  offer.set_sandbox_tier(1);
  for (std::uint32_t kind = 0; kind < protocol::kJobKindCount; ++kind) {
    auto& rating = *message.add_ratings();
    rating.set_kind(kind);
    rating.set_cu_per_device_x1000(1'000);
    rating.set_benchmark_digest(hash_text("report"));
  }
  return message;
}

v1::JobSpec small_job() {
  v1::JobSpec spec;
  spec.set_kind(v1::RENDERING);
  spec.set_manifest_hash(hash_text("manifest"));
  spec.mutable_resources()->add_classes("A100");
  spec.mutable_resources()->set_gpus(1);
  spec.set_expected_s(60);
  spec.set_max_s(120);
  spec.set_tier(v1::STANDARD);
  spec.set_budget(kBasePerToken / 10);
  return spec;
}

}  // namespace

struct LifecycleChain::Impl {
  struct Party {
    SigningKey key;
    std::uint64_t sequence = 0;
  };

  Impl() {
    protocol::Genesis genesis;
    genesis.chain_id = kChainId;
    genesis.time = kTime;
    for (std::size_t i = 0; i <= kRequesters; ++i) {
      parties.push_back({SigningKey::from_seed(sha256("party " + std::to_string(i)).bytes), 0});
      genesis.accounts.push_back({parties.back().key.account(), {1'000'000 * kBasePerToken}, {}, {}});
    }
    genesis.operators = {provider().key.account()};
    genesis.proposers = {{proposer.account(), proposer.public_key()}};
    STARMINER_CHECK(machine.start(genesis).has_value());
    std::vector<VerifiedTransaction> setup;
    setup.push_back(sign(provider(), [](auto& body) { body.mutable_provider_register()->set_display_name("bench"); }));
    for (std::size_t i = 0; i < kNodes; ++i) {
      setup.push_back(sign(provider(), [](auto& body) { *body.mutable_node_register() = big_node(); }));
    }
    static_cast<void>(play_block(setup));
  }

  Party& provider() { return parties.front(); }

  template <class Fill>
  VerifiedTransaction sign(Party& party, const Fill& fill) {
    v1::TransactionBody body;
    body.set_chain_id(std::string(kChainId));
    body.set_sequence(party.sequence++);
    body.set_expires_at_ms((now + kExpiry).ms);
    fill(body);
    auto verified = protocol::verify_transaction(protocol::sign_transaction(body, party.key), kChainId);
    STARMINER_CHECK(verified.has_value());
    return std::move(*verified);
  }

  /// The seconds that the block took. As in the engine, the step in the chain of seeds is taken ahead.
  double play_block(const std::vector<VerifiedTransaction>& transactions) {
    now = now + kBetweenBlocks;
    const std::uint64_t height = machine.chain().height + 1;
    const protocol::SeedStep step = proposer.prove(machine.randomness().last().seed, height);
    const double start = thread_seconds();
    machine.begin_block({height, now, machine.app_hash(), protocol::OrderRule::Arrival}, step);
    for (const VerifiedTransaction& transaction : transactions) {
      const auto receipt = machine.execute(transaction);
      STARMINER_CHECK(receipt && receipt->core.code == 0);
    }
    benchmark::DoNotOptimize(machine.finish_block().app_hash);
    return thread_seconds() - start;
  }

  /// One transaction of the provider for each contract.
  template <class Fill>
  double by_provider(const std::vector<std::string>& contracts, const Fill& fill) {
    std::vector<VerifiedTransaction> transactions;
    for (const std::string& contract : contracts) {
      transactions.push_back(sign(provider(), [&](auto& body) { fill(body, contract); }));
    }
    return play_block(transactions);
  }

  double play() {
    std::vector<VerifiedTransaction> submits;
    std::vector<JobId> jobs;
    std::vector<std::string> contracts;
    for (std::size_t i = 0; i < kJobs; ++i) {
      Party& requester = parties[1 + i % kRequesters];
      jobs.push_back(job_id_of(requester.key.account(), requester.sequence));
      contracts.push_back(to_text(contract_id_of(jobs.back(), 0).view()));
      submits.push_back(sign(requester, [](auto& body) { *body.mutable_job_submit()->mutable_spec() = small_job(); }));
    }
    double seconds = play_block(submits);
    seconds += by_provider(contracts, [](auto& body, const std::string& contract) {
      body.mutable_contract_acknowledge()->set_contract(contract);
    });
    seconds += by_provider(contracts, [](auto& body, const std::string& contract) {
      body.mutable_contract_start()->set_contract(contract);
    });
    std::vector<std::string> rising = contracts;
    std::sort(rising.begin(), rising.end());
    seconds += play_block({sign(provider(), [&](auto& body) {
      for (const std::string& contract : rising) {
        auto& entry = *body.mutable_contract_progress()->add_entries();
        entry.set_contract(contract);
        entry.set_run_ms(kBetweenBlocks.ms);
      }
    })});
    seconds += by_provider(contracts, [](auto& body, const std::string& contract) {
      auto& message = *body.mutable_contract_complete();
      message.set_contract(contract);
      message.set_run_ms(kBetweenBlocks.ms);
      message.set_result_hash(hash_text("result"));
      message.set_proof_hash(hash_text("proof"));
    });
    std::vector<VerifiedTransaction> accepts;
    for (std::size_t i = 0; i < kJobs; ++i) {
      accepts.push_back(sign(parties[1 + i % kRequesters],
                             [&](auto& body) { body.mutable_contract_accept()->set_contract(contracts[i]); }));
    }
    seconds += play_block(accepts);
    for (const JobId& job : jobs) {
      STARMINER_CHECK(machine.market().jobs().get(job).state == protocol::JobState::Settled);
    }
    return seconds;
  }

  protocol::Proposer proposer{AccountId{}, attestation::vrf::SecretKey::from_seed(sha256("proposer").bytes)};
  protocol::Machine machine;
  std::vector<Party> parties;  // the provider first
  TimeMs now = kTime;
};

LifecycleChain::LifecycleChain() : impl_(std::make_unique<Impl>()) {}
LifecycleChain::~LifecycleChain() = default;

double LifecycleChain::play() { return impl_->play(); }

}  // namespace starminer::bench
