// A chain behind millions of finished contracts: how long its start takes, what memory that needs, and what a proof of
// one of them costs. One job is really submitted, run, accepted and paid; the final rows of its contract and its job
// are then the leaves of every generated contract, each with ids and a sequence of its own. They go through the shipped
// history and store: leaves, index of what has ended, hashes of parts. Receipts are not generated. One command a
// process, so that its memory is that of the command alone; each prints one JSON object.
#include <chrono>
#include <fstream>
#include <iostream>
#include <random>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/chain_store.h"
#include "storage/ended.h"

namespace starminer::bench {
namespace {

namespace fs = std::filesystem;
namespace chain_test = protocol::chain_test;
using nlohmann::json;
using protocol::EndedJob;
using protocol::LeafType;
using protocol::Settlement;
using protocol::audit::HistoryTree;
using storage::ChainStore;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBlock = 2'500;  // contracts that end in one block
constexpr std::size_t kProofs = 2'000;
constexpr std::uint64_t kCheckpointBlocks = 8;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// VmRSS or VmHWM of this process, in bytes.
std::uint64_t memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

/// What one paid job leaves behind.
struct Finished {
  Settlement settlement;
  EndedJob job;
};

Finished run_one_job() {
  chain_test::Chain chain({"ada", "farm"});
  std::optional<Settlement> settlement;
  std::optional<EndedJob> job;
  chain.on_block([&](const chain_test::Block& block) {
    for (const protocol::HistoryLeaf& leaf : block.result.leaves) {
      const ByteView content = ByteView(leaf.bytes).subspan(1);
      if (leaf.type == LeafType::Settlement) settlement = decode<Settlement>(content);
      if (leaf.type == LeafType::EndedJob) job = decode<EndedJob>(content);
    }
  });
  const auto send = [&](std::string_view name, const chain_test::Chain::Fill& fill) {
    chain.stand_still({1'000});
    const auto receipt = chain.send(name, fill);
    STARMINER_CHECK(receipt.has_value() && receipt->core.code == 0);
    return receipt->core.subject;
  };
  send("farm", chain_test::register_provider("farm"));
  send("farm", [](auto& body) { *body.mutable_node_register() = chain_test::a100_node(); });
  const std::string submitted = send("ada", [](auto& body) {
    *body.mutable_job_submit()->mutable_spec() = chain_test::hour_of_a100();
    body.mutable_job_submit()->set_client_id("job");
  });
  const JobId id = *JobId::parse(submitted);
  const std::string contract = to_text(chain.machine().market().jobs().get(id).contract.view());
  send("farm", [&](auto& body) { body.mutable_contract_acknowledge()->set_contract(contract); });
  send("farm", [&](auto& body) { body.mutable_contract_start()->set_contract(contract); });
  send("farm", [&](auto& body) {
    auto& message = *body.mutable_contract_complete();
    message.set_contract(contract);
    message.set_run_ms(1'000);
    message.set_result_hash(std::string(32, 'r'));
    message.add_outputs(std::string(32, 'o'));
    message.set_proof_hash(std::string(32, 'p'));
  });
  send("ada", [&](auto& body) { body.mutable_contract_accept()->set_contract(contract); });
  STARMINER_CHECK(settlement && job);
  return {*settlement, *job};
}

template <class Id>
Id id_of(std::string_view kind, std::uint64_t number) {
  Id id;
  const Hash32 hash = sha256(std::string(kind) + std::to_string(number));
  std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

template <class Row>
Bytes leaf_of(LeafType type, const Row& row) {
  Bytes bytes{static_cast<std::uint8_t>(type)};
  codec::put(row, bytes);
  return bytes;
}

/// Blocks whose state is that of an idle chain and whose history is generated.
class Filler {
 public:
  explicit Filler(storage::Database& database) : database_(database) {
    const protocol::Genesis genesis = chain_test::genesis_of(protocol::Preset::Main, {"ada", "farm"});
    const auto result = machine_.start(genesis);
    STARMINER_CHECK(result.has_value());
    storage::StoredBlock block;
    block.time = genesis.time;
    add(std::move(block), *result);
    flush();
  }

  void end(const Finished& finished, std::uint64_t first, std::uint64_t count) {
    const protocol::BlockHeader header{machine_.chain().height + 1, machine_.chain().block_time, machine_.app_hash(),
                                       protocol::OrderRule::Arrival};
    const auto step = chain_test::proposer().prove(machine_.randomness().last().seed, header.height);
    machine_.begin_block(header, step);
    protocol::BlockResult result = machine_.finish_block();
    Finished now = finished;
    for (std::uint64_t i = first; i < first + count; ++i) {
      now.settlement.contract = id_of<ContractId>("contract", i);
      now.job.job = id_of<JobId>("job", i);
      now.settlement.row.job = now.job.job;
      now.job.row.contract = now.settlement.contract;
      now.job.row.sequence = i;
      add_leaf(result, LeafType::Settlement, leaf_of(LeafType::Settlement, now.settlement));
      add_leaf(result, LeafType::EndedJob, leaf_of(LeafType::EndedJob, now.job));
    }
    storage::StoredBlock block;
    block.height = header.height;
    block.time = header.time;
    block.previous_app_hash = app_hash_;
    block.proposer = step.proposer();
    block.preamble = step.preamble_bytes();
    add(std::move(block), result);
    if (header.height % kCheckpointBlocks == 0) flush();
  }
  void flush() {
    if (!waiting_.empty()) STARMINER_CHECK(database_.checkpoint(waiting_).has_value());
    waiting_ = {};
  }
  [[nodiscard]] std::uint64_t leaves() const { return tree_.size(); }

 private:
  void add_leaf(protocol::BlockResult& result, LeafType type, Bytes bytes) {
    const std::uint64_t index = tree_.append(bytes);
    result.leaves.push_back({index, type, std::move(bytes)});
  }
  void add(storage::StoredBlock block, const protocol::BlockResult& result) {
    block.seed = result.seed;
    block.state_root = result.state_root;
    block.history_root = tree_.root();
    block.history_size = tree_.size();
    app_hash_ = protocol::make_app_hash({block.height, block.state_root, block.history_root, block.history_size});
    block.app_hash = app_hash_;
    waiting_.add(storage::make_record(std::move(block), result), 0);
  }

  storage::Database& database_;
  protocol::Machine machine_;
  HistoryTree tree_;
  Hash32 app_hash_;
  storage::RecentBlocks waiting_;
};

json fill(const fs::path& folder, std::uint64_t contracts) {
  const Finished finished = run_one_job();
  auto database = storage::Database::open(folder);
  STARMINER_CHECK(database.has_value());
  Filler filler(**database);
  const auto begin = Clock::now();
  for (std::uint64_t done = 0; done < contracts; done += kBlock) {
    filler.end(finished, done, std::min<std::uint64_t>(kBlock, contracts - done));
  }
  filler.flush();
  return {{"fill_s", seconds_since(begin)}, {"leaves", filler.leaves()}};
}

/// The store's start, then proofs of random contracts with what they read back.
json start(const fs::path& folder, std::uint64_t contracts) {
  const auto begin = Clock::now();
  auto opened = ChainStore::open(folder);
  STARMINER_CHECK(opened.has_value());
  const ChainStore& store = **opened;
  protocol::Machine machine;
  const auto loaded = store.load(machine);
  if (!loaded) std::cerr << loaded.error().text << '\n';
  STARMINER_CHECK(loaded.has_value());
  const double spent = seconds_since(begin);
  const std::uint64_t held = memory("VmRSS:");
  std::mt19937_64 random(1);
  std::uint64_t hashes = 0, bytes = 0;
  const auto proving = Clock::now();
  const HistoryTree& tree = machine.history();
  for (std::size_t i = 0; i < kProofs; ++i) {
    const auto ended = storage::find_place(store, id_of<ContractId>("contract", random() % contracts));
    STARMINER_CHECK(ended && *ended);
    const std::uint64_t index = (*ended)->history_index;
    HistoryTree::OldParts old;
    const std::uint64_t places[] = {index, tree.size()};
    for (const std::uint64_t part : tree.parts_to_read(places)) {
      std::vector<Hash32> leaves;
      for (std::uint64_t at = 0; at < HistoryTree::kPartLeaves; ++at) {
        leaves.push_back(HistoryTree::leaf_hash(**store.find_leaf(part * HistoryTree::kPartLeaves + at)));
      }
      old.add(part, leaves);
    }
    const auto proof = tree.inclusion_proof(index, tree.size(), old);
    const Bytes leaf = **store.find_leaf(index);
    STARMINER_CHECK(proof.has_value());
    STARMINER_CHECK(
        HistoryTree::verify_inclusion(tree.root(), tree.size(), index, HistoryTree::leaf_hash(leaf), *proof));
    hashes += proof->size();
    bytes += proof->size() * sizeof(Hash32) + leaf.size();
  }
  return {{"start_s", spent},
          {"memory_bytes", held},
          {"memory_most_bytes", memory("VmHWM:")},
          {"proof_us", seconds_since(proving) * 1e6 / kProofs},
          {"proof_hashes", static_cast<double>(hashes) / kProofs},
          {"proof_bytes", static_cast<double>(bytes) / kProofs},
          {"leaves", tree.size()}};
}

/// What a start without hashes of parts would read and hash.
json read_leaves(const fs::path& folder) {
  const auto database = storage::Database::open(folder);
  STARMINER_CHECK(database.has_value());
  HistoryTree tree;
  const auto begin = Clock::now();
  STARMINER_CHECK((*database)->for_each_leaf([&](ByteView leaf) { tree.append(leaf); }).has_value());
  return {{"read_s", seconds_since(begin)}, {"leaves", tree.size()}};
}

int run(int argc, char** argv) {
  CLI::App app{"A chain behind millions of finished contracts; see bench/README.md"};
  app.require_subcommand(1);
  fs::path folder;
  std::uint64_t contracts = 5'000'000;
  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--folder", folder, "Folder of the chain")->required();
    command->add_option("--contracts", contracts)->check(CLI::Range(1'000, 100'000'000));
    return command;
  };
  const CLI::App* filling = add("fill", "Generates the chain");
  const CLI::App* starting = add("start", "Starts from it and proves contracts");
  add("read", "Reads and hashes every leaf, as a start without hashes of parts would");
  CLI11_PARSE(app, argc, argv);
  const json result = filling->parsed()    ? fill(folder, contracts)
                      : starting->parsed() ? start(folder, contracts)
                                           : read_leaves(folder);
  std::cout << result.dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  STARMINER_CHECK(sodium_init() >= 0);
  return starminer::bench::run(argc, argv);
}
