// A chain for tests: a machine, a clock that only the test moves, keys by name, and what a disk would hold of it.
// Transactions are real: signed bytes that pass verify_transaction. Every block is checked against the invariants.
// One thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/machine.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol::chain_test {

inline constexpr TimeMs kGenesisTime{1'760'000'000'000};
inline constexpr std::string_view kChainId = "test-1";
inline constexpr std::uint64_t kAgpu = kBasePerToken;
inline constexpr std::uint64_t kStartBalance = 10'000 * kAgpu;
inline constexpr DurationMs kExpiry{60'000};

/// The key of a name: every test that says "ada" means the same account.
[[nodiscard]] inline SigningKey key_of(std::string_view name) { return SigningKey::from_seed(sha256(name).bytes); }
[[nodiscard]] inline AccountId account_of_name(std::string_view name) { return key_of(name).account(); }

/// Who makes the blocks of every test chain.
[[nodiscard]] inline const Proposer& proposer() {
  static const Proposer only(account_of_name("operator"),
                             attestation::vrf::SecretKey::from_seed(sha256("operator").bytes));
  return only;
}

/// Every name is funded with kStartBalance; "operator" reports telemetry and governs.
[[nodiscard]] inline Genesis genesis_of(Preset preset, const std::vector<std::string>& names) {
  Genesis genesis;
  genesis.chain_id = kChainId;
  genesis.preset = preset;
  genesis.time = kGenesisTime;
  for (const std::string& name : names) {
    genesis.accounts.push_back({account_of_name(name), {kStartBalance}, {1'000'000}, {}});
  }
  genesis.operators = {account_of_name("operator")};
  genesis.proposers = {{proposer().account(), proposer().public_key()}};
  genesis.treasury = {1'000 * kAgpu};
  genesis.governance = account_of_name("operator");
  genesis.parameters = {{Parameter::BenchmarkSpotMs, 0}};  // nobody here answers: tests that ask for spot checks say so
  return genesis;
}

/// A block as it was made: enough to make it again.
struct Block {
  BlockHeader header;
  SeedStep step;
  std::vector<VerifiedTransaction> transactions;  // included, in order
  BlockResult result;
};

/// What a storage keeps: the rows as the blocks changed them, and the leaf hashes of the history.
struct Disk {
  std::map<std::pair<state::TableId, Bytes>, Bytes> rows;
  std::vector<Hash32> leaves;
  Hash32 app_hash;

  void write(const BlockResult& result) {
    for (const state::Change& change : result.changes) {
      const std::pair place(change.table, Bytes(change.key.begin(), change.key.end()));
      if (change.row) {
        rows[place] = Bytes(change.row->begin(), change.row->end());
      } else {
        rows.erase(place);
      }
    }
    for (const HistoryLeaf& leaf : result.leaves) leaves.push_back(audit::HistoryTree::leaf_hash(leaf.bytes));
    app_hash = result.app_hash;
  }
  /// All rows and leaves into a fresh machine, which must then stand where the disk stands.
  [[nodiscard]] bool load(Machine& machine) const {
    for (const auto& [place, row] : rows) {
      if (!machine.load_row(place.first, place.second, row)) return false;
    }
    for (const Hash32& leaf : leaves) machine.load_history_leaf(leaf);
    return machine.finish_load(app_hash);
  }
};

class Chain {
 public:
  using Fill = std::function<void(v1::TransactionBody&)>;
  using BlockHook = std::function<void(const Block&)>;

  explicit Chain(const Genesis& genesis) : now_(genesis.time) {
    const auto started = machine_->start(genesis);
    if (!started) {
      ADD_FAILURE() << started.error();
      return;
    }
    disk_.write(*started);
  }
  explicit Chain(std::initializer_list<const char*> names)
      : Chain(genesis_of(Preset::Main, {names.begin(), names.end()})) {}
  /// Continues from what another chain's disk holds.
  Chain(Disk disk, TimeMs now) : disk_(std::move(disk)), now_(now) { reload(); }

  [[nodiscard]] const Machine& machine() const { return *machine_; }
  [[nodiscard]] const Disk& disk() const { return disk_; }
  [[nodiscard]] TimeMs now() const { return now_; }
  void on_block(BlockHook hook) { hook_ = std::move(hook); }

  /// A body with the chain's id, the account's next sequence and an expiry; `fill` names the operation.
  [[nodiscard]] v1::TransactionBody body(std::string_view name, const Fill& fill) const {
    v1::TransactionBody body;
    body.set_chain_id(std::string(kChainId));
    body.set_sequence(machine_->ledger().next_sequence(account_of_name(name)).value_or(0));
    body.set_expires_at_ms((now_ + kExpiry).ms);
    fill(body);
    return body;
  }
  [[nodiscard]] Bytes signed_bytes(std::string_view name, const Fill& fill) const {
    return sign_transaction(body(name, fill), key_of(name));
  }

  /// A block now, with one transaction. The error is what kept it out; the block is made even then.
  Result<Receipt, Refusal> send(std::string_view name, const Fill& fill) { return send(signed_bytes(name, fill)); }
  Result<Receipt, Refusal> send(const Bytes& bytes) {
    const auto verified = verify_transaction(bytes, kChainId);
    if (!verified) return fail(verified.error());
    return make_block({*verified}).front();
  }
  /// A block now with these transactions in this order; one answer for each.
  std::vector<Result<Receipt, Refusal>> make_block(const std::vector<VerifiedTransaction>& transactions) {
    const BlockHeader header{machine_->chain().height + 1, now_, machine_->app_hash(), OrderRule::Arrival};
    Block block{header, proposer().prove(machine_->randomness().last().seed, header.height), {}, {}};
    machine_->begin_block(block.header, block.step);
    std::vector<Result<Receipt, Refusal>> answers;
    for (const VerifiedTransaction& transaction : transactions) {
      answers.push_back(machine_->execute(transaction));
      if (answers.back()) block.transactions.push_back(transaction);
    }
    block.result = machine_->finish_block();
    disk_.write(block.result);
    if (const auto sound = machine_->check_invariants(); !sound) {
      ADD_FAILURE() << "block " << block.header.height << ": " << sound.error();
    }
    if (hook_) hook_(block);
    return answers;
  }

  /// The clock moves, and a block is made whenever a timer is due, as an engine does.
  void pass(DurationMs duration) {
    const TimeMs until = now_ + duration;
    for (auto due = machine_->next_due(); due && *due <= until; due = machine_->next_due()) {
      now_ = std::max(now_, *due);
      make_block({});
    }
    now_ = until;
  }
  /// The clock moves and nobody makes blocks.
  void stand_still(DurationMs duration) { now_ = now_ + duration; }

  /// The machine stops; a new one starts from the disk.
  void reload() {
    machine_ = std::make_unique<Machine>();
    EXPECT_TRUE(disk_.load(*machine_)) << "the stored rows do not give the stored hash";
  }
  /// The same with a row changed on the disk, as governance or a controller would change it.
  template <class Key, class Row, class Change>
  void edit_row(state::TableId table, const Key& key, Change change) {
    Bytes& bytes = disk_.rows.at({table, encode(key)});
    Row row = *decode<Row>(bytes);
    change(row);
    bytes = encode(row);
    Machine probe;
    for (const auto& [place, stored] : disk_.rows) EXPECT_TRUE(probe.load_row(place.first, place.second, stored));
    for (const Hash32& leaf : disk_.leaves) probe.load_history_leaf(leaf);
    disk_.app_hash = make_app_hash(probe.commitment());
    reload();
  }

 private:
  std::unique_ptr<Machine> machine_ = std::make_unique<Machine>();
  Disk disk_;
  TimeMs now_;
  BlockHook hook_;
};

// Operations as bodies
[[nodiscard]] inline Chain::Fill set_parameter(Parameter parameter, std::uint64_t value) {
  return [=](v1::TransactionBody& body) {
    body.mutable_parameter_set()->set_parameter(static_cast<std::uint32_t>(parameter));
    body.mutable_parameter_set()->set_value(value);
  };
}

[[nodiscard]] inline Chain::Fill lock_stake(std::uint64_t amount, Asset asset = Asset::Amax) {
  return [=](v1::TransactionBody& body) {
    body.mutable_stake_lock()->set_asset(static_cast<v1::Asset>(asset));
    body.mutable_stake_lock()->set_amount(amount);
  };
}

[[nodiscard]] inline Chain::Fill unbond_stake(std::uint64_t amount, Asset asset = Asset::Amax) {
  return [=](v1::TransactionBody& body) {
    body.mutable_stake_unbond()->set_asset(static_cast<v1::Asset>(asset));
    body.mutable_stake_unbond()->set_amount(amount);
  };
}

[[nodiscard]] inline std::string text_of(ByteView bytes) { return to_text(bytes); }

[[nodiscard]] inline Chain::Fill transfer(const AccountId& to, std::uint64_t amount, Asset asset = Asset::Agpu) {
  return [=](v1::TransactionBody& body) {
    auto& message = *body.mutable_transfer();
    message.set_to(text_of(to.view()));
    message.set_asset(static_cast<v1::Asset>(asset));
    message.set_amount(amount);
  };
}

[[nodiscard]] inline Chain::Fill register_provider(const std::string& name, const AccountId& payout = {}) {
  return [=](v1::TransactionBody& body) {
    auto& message = *body.mutable_provider_register();
    message.set_display_name(name);
    if (!payout.is_zero()) message.set_payout(text_of(payout.view()));
  };
}

/// One A100 with 64 threads and 256 GiB in eu-central, rated 1000 for every kind.
[[nodiscard]] inline v1::NodeRegister a100_node() {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  v1::NodeRegister message;
  auto& hardware = *message.mutable_hardware();
  hardware.set_hardware_class("A100");
  hardware.set_model("test device");
  hardware.set_devices(1);
  hardware.set_device_memory_bytes(80 * kGiB);
  hardware.set_interconnect(1);
  hardware.set_cpu_threads(64);
  hardware.set_ram_bytes(256 * kGiB);
  hardware.set_disk_bytes(1'000 * kGiB);
  auto& offer = *message.mutable_offer();
  offer.set_region("eu-central");
  offer.set_country("DE");
  offer.set_site_tier(2);
  offer.set_sandbox_tier(1);
  offer.add_runtimes("debian/blender-3.4");
  for (std::uint32_t kind = 0; kind < kJobKindCount; ++kind) {
    auto& rating = *message.add_ratings();
    rating.set_kind(kind);
    rating.set_cu_per_device_x1000(1'000);
    rating.set_benchmark_digest(text_of(sha256("report").view()));
  }
  message.set_name("rack");
  return message;
}

/// An hour on one A100 in Standard for at most 10 AGPU; half an hour is expected.
[[nodiscard]] inline v1::JobSpec hour_of_a100() {
  v1::JobSpec spec;
  spec.set_kind(v1::RENDERING);
  spec.set_manifest_hash(text_of(sha256("manifest").view()));
  spec.mutable_resources()->add_classes("A100");
  spec.mutable_resources()->set_gpus(1);
  spec.set_expected_s(1'800);
  spec.set_max_s(3'600);
  spec.set_tier(v1::STANDARD);
  spec.set_budget(10 * kAgpu);
  return spec;
}

}  // namespace starminer::protocol::chain_test
