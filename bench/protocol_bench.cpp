// The state machine without signatures: transfers against bare updates of a hash map, with and without root and
// receipts, with and without the accumulators of conservation, and its memory per account; whole lives of jobs; updates
// of the Merkle commitment against hashing as many bytes.
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <openssl/sha.h>

#include "base/check.h"
#include "base/hash.h"
#include "lifecycles.h"
#include "protocol/machine.h"
#include "protocol/state/merkle.h"
#include "ratio.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::bench {
namespace {

using protocol::Conservation;
using protocol::Machine;
using protocol::VerifiedTransaction;

constexpr std::string_view kChainId = "bench-1";
constexpr TimeMs kTime{1'760'000'000'000};
constexpr std::uint64_t kExpiryMs = 3'600'000;
constexpr std::size_t kHotAccounts = 16'384;
constexpr std::size_t kManyAccounts = 1'000'000;
constexpr std::uint64_t kBalance = 500 * kBasePerToken;  // a million accounts stay below the cap
constexpr std::size_t kSmallBlock = 10'000;
constexpr std::size_t kLargeBlock = 100'000;

constexpr double kSecondsPerByte = 1e-9;  // bytes are compared as nanoseconds are

using Pair = std::pair<std::size_t, std::size_t>;  // sender, receiver

Pair draw_pair(std::mt19937_64& random, std::size_t accounts) {
  const std::size_t from = random() % accounts;
  return {from, (from + 1 + random() % (accounts - 1)) % accounts};
}

/// Bytes that the program has taken from the heap and not given back.
double heap_bytes() {
  const auto heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

/// A chain of funded accounts. Transactions are signed and verified before any clock runs.
class TransferChain {
 public:
  explicit TransferChain(std::size_t accounts, Conservation conservation = Conservation::Checked)
      : machine_(conservation), sequences_(accounts) {
    protocol::Genesis genesis;
    genesis.chain_id = kChainId;
    genesis.time = kTime;
    for (std::size_t i = 0; i < accounts; ++i) {
      keys_.push_back(SigningKey::from_seed(sha256("account " + std::to_string(i)).bytes));
      genesis.accounts.push_back({keys_.back().account(), {kBalance}, {}, {}});
    }
    genesis.operators = {keys_.front().account()};
    genesis.proposers = {{proposer_.account(), proposer_.public_key()}};
    genesis.treasury = {kBasePerToken};
    const double before = heap_bytes();
    STARMINER_CHECK(machine_.start(genesis).has_value());
    bytes_ = heap_bytes() - before;
  }

  [[nodiscard]] double bytes_per_account() const { return bytes_ / static_cast<double>(keys_.size()); }

  std::vector<VerifiedTransaction> make_transfers(std::size_t count) {
    std::vector<VerifiedTransaction> transfers;
    transfers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto [from, to] = draw_pair(random_, keys_.size());
      v1::TransactionBody body;
      body.set_chain_id(std::string(kChainId));
      body.set_sequence(sequences_[from]++);
      body.set_expires_at_ms(kTime.ms + kExpiryMs);
      body.mutable_transfer()->set_to(to_text(keys_[to].account().view()));
      body.mutable_transfer()->set_amount(1 + random_() % 1'000);
      auto verified = protocol::verify_transaction(protocol::sign_transaction(body, keys_[from]), kChainId);
      STARMINER_CHECK(verified.has_value());
      transfers.push_back(std::move(*verified));
    }
    return transfers;
  }

  /// As the engine does, the step in the chain of seeds is taken ahead.
  void prepare_block() { step_ = proposer_.prove(machine_.randomness().last().seed, machine_.chain().height + 1); }
  void begin_block() {
    machine_.begin_block({machine_.chain().height + 1, kTime, machine_.app_hash(), protocol::OrderRule::Arrival},
                         *step_);
  }
  /// False if one was not applied.
  [[nodiscard]] bool execute(const std::vector<VerifiedTransaction>& transfers) {
    return std::all_of(transfers.begin(), transfers.end(), [this](const VerifiedTransaction& transfer) {
      const auto receipt = machine_.execute(transfer);
      return receipt && receipt->core.code == 0;
    });
  }
  void finish_block() { benchmark::DoNotOptimize(machine_.finish_block().app_hash); }

 private:
  protocol::Proposer proposer_{AccountId{}, attestation::vrf::SecretKey::from_seed(sha256("proposer").bytes)};
  std::optional<protocol::SeedStep> step_;
  Machine machine_;
  std::vector<SigningKey> keys_;
  std::vector<std::uint64_t> sequences_;
  std::mt19937_64 random_{1};
  double bytes_ = 0;
};

/// Made at the first call for as many accounts: a million take half a minute, for their keys.
TransferChain& chain(std::size_t accounts, Conservation conservation = Conservation::Checked) {
  static std::map<std::pair<std::size_t, Conservation>, TransferChain> chains;
  return chains.try_emplace({accounts, conservation}, accounts, conservation).first->second;
}

/// `with_root`: block begin, history, changes and roots are in the time as well.
void apply_block(benchmark::State& state, std::size_t accounts, std::size_t count, bool with_root,
                 Conservation conservation = Conservation::Checked) {
  TransferChain& chain = bench::chain(accounts, conservation);
  for (auto unused : state) {
    const auto transfers = chain.make_transfers(count);
    chain.prepare_block();
    double start = thread_seconds();
    chain.begin_block();
    if (!with_root) start = thread_seconds();
    if (!chain.execute(transfers)) state.SkipWithError("a transfer was refused");
    double end = thread_seconds();
    chain.finish_block();
    if (with_root) end = thread_seconds();
    state.SetIterationTime(end - start);
  }
}

struct ShortHash {
  std::size_t operator()(const AccountId& account) const {
    std::size_t hash = 0;  // an account is a hash already
    std::memcpy(&hash, account.bytes.data(), sizeof(hash));
    return hash;
  }
};

using BareRows = std::unordered_map<AccountId, protocol::AccountRow, ShortHash>;

std::vector<AccountId> fill(BareRows& rows, std::size_t accounts) {
  std::vector<AccountId> ids;
  ids.reserve(accounts);
  for (std::size_t i = 0; i < accounts; ++i) {
    AccountId id;
    const Hash32 hash = sha256("account " + std::to_string(i));
    std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
    ids.push_back(id);
    rows[id].balance[0] = kBalance;
  }
  return ids;
}

void update_map(benchmark::State& state, std::size_t accounts) {
  BareRows rows;
  const std::vector<AccountId> ids = fill(rows, accounts);
  std::mt19937_64 random(1);
  for (auto unused : state) {
    std::vector<std::pair<AccountId, AccountId>> pairs;
    pairs.reserve(kLargeBlock);
    for (std::size_t i = 0; i < kLargeBlock; ++i) {
      const auto [from, to] = draw_pair(random, accounts);
      pairs.emplace_back(ids[from], ids[to]);
    }
    const double start = thread_seconds();
    for (const auto& [from, to] : pairs) {
      protocol::AccountRow& sender = rows.find(from)->second;
      sender.balance[0] -= 1;
      ++sender.next_sequence;
      rows.find(to)->second.balance[0] += 1;
    }
    state.SetIterationTime(thread_seconds() - start);
    benchmark::ClobberMemory();
  }
}

// ---- the commitment

constexpr std::size_t kLeaves = 100'000;
constexpr std::size_t kUpdates = 1'000;
constexpr std::size_t kNodeBytes = 65;  // a type byte and two hashes: what one node, inner or leaf, hashes

Hash32 path_of(std::size_t leaf) { return sha256("leaf " + std::to_string(leaf)); }

std::uint64_t front_of(const Hash32& path) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(bits); ++i) bits = bits << 8U | path.bytes[i];
  return bits;
}

/// Inner nodes above the first kUpdates leaves: what must be hashed when these leaves change.
std::size_t touched_nodes() {
  std::vector<std::uint64_t> sorted;
  for (std::size_t i = 0; i < kLeaves; ++i) sorted.push_back(front_of(path_of(i)));
  std::sort(sorted.begin(), sorted.end());
  std::set<std::pair<unsigned, std::uint64_t>> nodes;
  for (std::size_t i = 0; i < kUpdates; ++i) {
    const std::uint64_t path = front_of(path_of(i));
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), path);
    unsigned shared = 0;  // bits in common with the nearest other leaf
    if (at != sorted.begin()) shared = static_cast<unsigned>(__builtin_clzll(*(at - 1) ^ path));
    if (at + 1 != sorted.end()) shared = std::max(shared, static_cast<unsigned>(__builtin_clzll(*(at + 1) ^ path)));
    for (unsigned depth = 0; depth <= shared; ++depth) nodes.emplace(depth, depth == 0 ? 0 : path >> (64U - depth));
  }
  return nodes.size();
}

void update_merkle(benchmark::State& state) {
  protocol::state::MerkleTree tree;
  std::vector<Hash32> paths;
  for (std::size_t i = 0; i < kLeaves; ++i) {
    const Hash32 path = path_of(i);
    if (i < kUpdates) paths.push_back(path);
    tree.put(path, path);
  }
  Hash32 value = tree.root();
  for (auto unused : state) {
    for (const Hash32& path : paths) tree.put(path, value);
    value = tree.root();
  }
}

void hash_bytes(benchmark::State& state, std::size_t size) {
  const std::vector<unsigned char> bytes(size, 0x5a);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  for (auto unused : state) {
    SHA256(bytes.data(), bytes.size(), digest.data());
    benchmark::DoNotOptimize(digest);
  }
}

void count_map_bytes(benchmark::State& state) {
  for (auto unused : state) {
    BareRows rows;
    const double before = heap_bytes();
    const std::vector<AccountId> ids = fill(rows, kManyAccounts);
    const double bytes = heap_bytes() - before - static_cast<double>(ids.capacity() * sizeof(AccountId));
    state.SetIterationTime(bytes / static_cast<double>(kManyAccounts) * kSecondsPerByte);
  }
}

void count_state_bytes(benchmark::State& state) {
  for (auto unused : state) state.SetIterationTime(chain(kManyAccounts).bytes_per_account() * kSecondsPerByte);
}

void add_transfers() {
  const auto transfers = [](std::size_t accounts, std::size_t count, bool with_root) {
    return [accounts, count, with_root](benchmark::State& state) { apply_block(state, accounts, count, with_root); };
  };
  const auto updates = [](std::size_t accounts) {
    return [accounts](benchmark::State& state) { update_map(state, accounts); };
  };
  const std::string map = "two updates of a std::unordered_map of the same rows, the hash given";
  const std::string hot = "transfers of AGPU, uniform over 16,384 accounts, verified before; blocks of ";
  const std::string many = "transfers of AGPU, uniform over 1,000,000 accounts, verified before; blocks of ";
  const std::string with_root = "100,000 with state root, history and receipts";
  compare({"apply_transfer_over_map_update",
           map,
           hot + "10,000; fee, sequence, journal and invariants, no root",
           {transfers(kHotAccounts, kSmallBlock, false), kSmallBlock, 2},
           {updates(kHotAccounts), kLargeBlock, 5},
           true});
  compare({"apply_transfer_with_root_over_map_update",
           map,
           hot + with_root,
           {transfers(kHotAccounts, kLargeBlock, true), kLargeBlock, 1},
           {updates(kHotAccounts), kLargeBlock, 5},
           true,
           "apply_transfers_hot_per_s"});
  compare({"apply_transfer_million_over_map_update",
           map,
           many + with_root,
           {transfers(kManyAccounts, kLargeBlock, true), kLargeBlock, 1},
           {updates(kManyAccounts), kLargeBlock, 5},
           true,
           "apply_transfers_per_s"});
  compare({"account_bytes_over_map_row",
           "a std::unordered_map of the same rows",
           "1,000,000 accounts: row, index and place in the commitment; heap of the process after genesis less before",
           {count_state_bytes, 1, 1},
           {count_map_bytes, 1, 1},
           true,
           "bytes_per_account",
           "B"});
}

void add_conservation() {
  const auto transfers = [](Conservation conservation) {
    return
        [conservation](benchmark::State& state) { apply_block(state, kHotAccounts, kSmallBlock, true, conservation); };
  };
  compare({"apply_transfer_over_unchecked",
           "the same transfers without the accumulators of conservation and without their check",
           "transfers of AGPU, uniform over 16,384 accounts, verified before; blocks of 10,000 with state root, "
           "history and "
           "receipts",
           {transfers(Conservation::Checked), kSmallBlock, 10},
           {transfers(Conservation::LeftOut), kSmallBlock, 10},
           true});
}

void play_lifecycles(benchmark::State& state) {
  static LifecycleChain chain;
  for (auto unused : state) state.SetIterationTime(chain.play());
}

void add_lifecycles() {
  compare(
      {"apply_lifecycle_over_map_update",
       "two updates of a std::unordered_map of account rows, the hash given",
       "whole lives of jobs in rounds of 1,024 at a time: submit, match, acknowledge, start, progress (one report), "
       "complete, accept, settle; 64 requesters, one provider with 16 nodes of 64 devices; verified before; state "
       "root, "
       "history and receipts",
       {play_lifecycles, LifecycleChain::kJobs, 3},
       {[](benchmark::State& state) { update_map(state, kHotAccounts); }, kLargeBlock, 5},
       true,
       "apply_lifecycles_per_s"});
}

void add_merkle() {
  const std::size_t bytes = (touched_nodes() + kUpdates) * kNodeBytes;
  compare({"merkle_update_over_sha256",
           "OpenSSL SHA256 of " + std::to_string(bytes) + " bytes in one piece",
           "1,000 of 100,000 leaves change, then the root; they and the inner nodes above them hash as many bytes",
           {update_merkle},
           {[bytes](benchmark::State& state) { hash_bytes(state, bytes); }}});
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  starminer::bench::add_transfers();
  starminer::bench::add_conservation();
  starminer::bench::add_lifecycles();
  starminer::bench::add_merkle();
  return starminer::bench::run_comparisons(argc, argv);
}
