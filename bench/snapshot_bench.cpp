// A large chain on disk: filled with accounts and nodes, started from its store, saved as a snapshot, restored from it,
// and saved while transfers go on. One command a process, so that its memory is that of the command alone. For
// bench/run; each command prints one JSON object.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/test_chain.h"
#include "storage/chain_store.h"
#include "storage/snapshot.h"

namespace starminer::bench {
namespace {

namespace fs = std::filesystem;
namespace chain_test = protocol::chain_test;
using nlohmann::json;
using storage::ChainStore;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNodesPerProvider = 4'000;
constexpr std::size_t kSenders = 16'384;
constexpr std::size_t kBlock = 5'000;
constexpr std::size_t kProofs = 20'000;
constexpr std::uint64_t kBalance = kBasePerToken / 10;
constexpr std::uint64_t kSenderBalance = 10 * kBasePerToken;
constexpr std::uint64_t kProviderBalance = 1'000 * kBasePerToken;
constexpr int kLowPriority = 10;

struct Options {
  fs::path folder;
  std::size_t accounts = 10'000'000;
  std::size_t nodes = 1'000'000;
  double seconds = 10;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// VmRSS or VmHWM of this process, in bytes.
std::uint64_t memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

AccountId account_of(std::size_t number) {
  AccountId id;
  const Hash32 hash = sha256("account " + std::to_string(number));
  std::copy_n(hash.bytes.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string provider_name(std::size_t number) { return "provider " + std::to_string(number); }
std::string sender_name(std::size_t number) { return "sender " + std::to_string(number); }
std::size_t providers_of(const Options& options) { return (options.nodes + kNodesPerProvider - 1) / kNodesPerProvider; }

protocol::Genesis make_genesis(const Options& options) {
  protocol::Genesis genesis = chain_test::genesis_of(protocol::Preset::Main, {"operator"});
  for (std::size_t i = 0; i < providers_of(options); ++i) {
    genesis.accounts.push_back({chain_test::account_of_name(provider_name(i)), {kProviderBalance}, {}, {}});
  }
  for (std::size_t i = 0; i < kSenders; ++i) {
    genesis.accounts.push_back({chain_test::account_of_name(sender_name(i)), {kSenderBalance}, {}, {}});
  }
  genesis.accounts.reserve(options.accounts);
  while (genesis.accounts.size() < options.accounts) {
    genesis.accounts.push_back({account_of(genesis.accounts.size()), {kBalance}, {}, {}});
  }
  return genesis;
}

/// Makes blocks of verified transactions durable, as the engine's writer does.
class BlockWriter {
 public:
  BlockWriter(protocol::Machine& machine, ChainStore& store) : machine_(machine), store_(store) {}

  void write(const std::vector<protocol::VerifiedTransaction>& transactions) {
    const protocol::BlockHeader header{machine_.chain().height + 1, machine_.chain().block_time, machine_.app_hash(),
                                       protocol::OrderRule::Arrival};
    const auto step = chain_test::proposer().prove(machine_.randomness().last().seed, header.height);
    machine_.begin_block(header, step);
    storage::StoredBlock block;
    for (const auto& transaction : transactions) {
      const auto receipt = machine_.execute(transaction);
      STARMINER_CHECK(receipt.has_value() && receipt->core.code == 0);
      block.transactions.push_back(transaction.bytes());
    }
    const protocol::BlockResult result = machine_.finish_block();
    block.height = header.height;
    block.time = header.time;
    block.previous_app_hash = header.previous_app_hash;
    block.proposer = step.proposer();
    block.preamble = step.preamble_bytes();
    write(std::move(block), result);
  }
  void write(storage::StoredBlock block, const protocol::BlockResult& result) {
    block.seed = result.seed;
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
    STARMINER_CHECK(store_.write(std::move(block), result).has_value());
  }

 private:
  protocol::Machine& machine_;
  ChainStore& store_;
};

protocol::VerifiedTransaction signed_by(const SigningKey& key, std::uint64_t sequence, TimeMs now,
                                        const chain_test::Chain::Fill& fill) {
  v1::TransactionBody body;
  body.set_chain_id(std::string(chain_test::kChainId));
  body.set_sequence(sequence);
  body.set_expires_at_ms((now + chain_test::kExpiry).ms);
  fill(body);
  auto verified = protocol::verify_transaction(protocol::sign_transaction(body, key), chain_test::kChainId);
  STARMINER_CHECK(verified.has_value());
  return std::move(*verified);
}

/// Signs and verifies with all cores; `make(i)` for each i below count.
template <class Make>
std::vector<protocol::VerifiedTransaction> prepare(std::size_t count, const Make& make) {
  const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::vector<protocol::VerifiedTransaction>> parts(threads);
  std::vector<std::thread> running;
  for (std::size_t part = 0; part < threads; ++part) {
    running.emplace_back([&, part] {
      for (std::size_t i = count * part / threads; i < count * (part + 1) / threads; ++i) {
        parts[part].push_back(make(i));
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  std::vector<protocol::VerifiedTransaction> all;
  for (auto& part : parts) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

void add_nodes(const Options& options, protocol::Machine& machine, BlockWriter& writer) {
  std::vector<SigningKey> keys;
  for (std::size_t i = 0; i < providers_of(options); ++i) keys.push_back(chain_test::key_of(provider_name(i)));
  const TimeMs now = machine.chain().block_time;
  if (!keys.empty()) {
    writer.write(prepare(keys.size(), [&](std::size_t i) {
      return signed_by(keys[i], 0, now, chain_test::register_provider(provider_name(i)));
    }));
  }
  for (std::size_t done = 0; done < options.nodes; done += kBlock) {
    writer.write(prepare(std::min(kBlock, options.nodes - done), [&](std::size_t offset) {
      const std::size_t i = done + offset;
      return signed_by(keys[i % keys.size()], 1 + i / keys.size(), now, [i](v1::TransactionBody& body) {
        v1::NodeRegister node = chain_test::a100_node();
        node.set_name("rack " + std::to_string(i));
        for (auto& rating : *node.mutable_ratings()) {
          rating.set_cu_per_device_x1000(950 + static_cast<std::uint32_t>(i * 2'654'435'761U % 100));
        }
        *body.mutable_node_register() = std::move(node);
      });
    }));
  }
}

fs::path chain_of(const Options& options) { return options.folder / "chain"; }
fs::path snapshot_of(const Options& options) { return options.folder / "snapshot"; }

std::unique_ptr<ChainStore> open_store(const fs::path& folder) {
  auto store = ChainStore::open(folder);
  if (!store) std::cerr << store.error().text << '\n';
  STARMINER_CHECK(store.has_value());
  return std::move(*store);
}

json fill(const Options& options) {
  const auto store = open_store(chain_of(options));
  protocol::Machine machine;
  BlockWriter writer(machine, *store);
  {
    const protocol::Genesis genesis = make_genesis(options);
    const auto result = machine.start(genesis);
    STARMINER_CHECK(result.has_value());
    storage::StoredBlock first;
    first.time = genesis.time;
    writer.write(std::move(first), *result);
  }
  add_nodes(options, machine, writer);
  return {{"height", machine.chain().height}, {"app_hash", machine.app_hash().hex()}};
}

/// The store's start, then what a proof costs in what it loaded.
json start(const Options& options) {
  const auto begin = Clock::now();
  const auto store = open_store(chain_of(options));
  protocol::Machine machine;
  const auto loaded = store->load(machine);
  if (!loaded) std::cerr << loaded.error().text << '\n';
  STARMINER_CHECK(loaded.has_value());
  const double spent = seconds_since(begin);
  const std::uint64_t held = memory("VmRSS:");
  std::mt19937_64 random(1);
  std::uint64_t bytes = 0;
  const auto proving = Clock::now();
  for (std::size_t i = 0; i < kProofs; ++i) {
    const AccountId id = account_of(kSenders + providers_of(options) + 1 + random() % (options.accounts / 2));
    bytes += encode(machine.store().prove(protocol::state::TableId::Accounts, encode(id))).size();
  }
  return {{"load_s", spent},
          {"memory_bytes", held},
          {"memory_most_bytes", memory("VmHWM:")},
          {"proof_us", seconds_since(proving) * 1e6 / kProofs},
          {"proof_bytes", static_cast<double>(bytes) / kProofs},
          {"accounts", machine.ledger().accounts().size()},
          {"nodes", machine.registry().total_nodes()}};
}

/// From a copy that is there already.
json create(const Options& options) {
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kLowPriority));
  const auto begin = Clock::now();
  const auto database = storage::Database::open(options.folder / "copy");
  STARMINER_CHECK(database.has_value());
  const auto report = storage::create_snapshot(**database, snapshot_of(options), "genesis");
  if (!report) std::cerr << report.error() << '\n';
  STARMINER_CHECK(report.has_value());
  return {{"create_s", seconds_since(begin)},
          {"bytes", report->bytes},
          {"rows", report->rows},
          {"chunks", report->chunks},
          {"memory_most_bytes", memory("VmHWM:")}};
}

json copy(const Options& options) {
  const auto store = open_store(chain_of(options));
  const auto begin = Clock::now();
  const auto copied = store->copy_to(options.folder / "copy");
  STARMINER_CHECK(copied.has_value());
  return {{"copy_s", seconds_since(begin)}};
}

json restore(const Options& options) {
  const auto begin = Clock::now();
  const auto report = storage::restore_snapshot(snapshot_of(options), options.folder / "restored", std::nullopt);
  if (!report) std::cerr << report.error() << '\n';
  STARMINER_CHECK(report.has_value());
  return {{"restore_s", seconds_since(begin)}, {"memory_most_bytes", memory("VmHWM:")}};
}

/// Durable blocks of transfers for some time, then as long as another process makes a snapshot.
json load(const Options& options, const char* program) {
  const auto store = open_store(chain_of(options));
  protocol::Machine machine;
  STARMINER_CHECK(store->load(machine).has_value());
  BlockWriter writer(machine, *store);
  std::vector<SigningKey> keys;
  std::vector<std::uint64_t> sequences;
  for (std::size_t i = 0; i < kSenders; ++i) {
    keys.push_back(chain_test::key_of(sender_name(i)));
    sequences.push_back(*machine.ledger().next_sequence(keys.back().account()));
  }
  std::mt19937_64 random(2);
  // As many as three seconds take are signed ahead, so that a rate is that of blocks alone.
  double spent = 0;
  std::size_t done = 0;
  const auto work = [&] {
    std::vector<std::vector<protocol::VerifiedTransaction>> blocks;
    for (int i = 0; i < 12; ++i) {
      std::vector<AccountId> to;
      for (std::size_t j = 0; j < kBlock; ++j)
        to.push_back(account_of(kSenders + 300 + random() % (options.accounts / 2)));
      const std::size_t first = random() % kSenders;
      blocks.push_back(prepare(kBlock, [&](std::size_t j) {
        const std::size_t from = (first + j) % kSenders;
        return signed_by(keys[from], sequences[from], machine.chain().block_time, chain_test::transfer(to[j], 1'000));
      }));
      for (std::size_t j = 0; j < kBlock; ++j) ++sequences[(first + j) % kSenders];
    }
    const auto begin = Clock::now();
    for (const auto& block : blocks) writer.write(block);
    spent += seconds_since(begin);
    done += blocks.size() * kBlock;
  };
  while (spent < options.seconds) work();
  const double before = static_cast<double>(done) / spent;
  fs::remove_all(options.folder / "copy");
  fs::remove_all(snapshot_of(options));
  const auto copying = Clock::now();
  STARMINER_CHECK(store->copy_to(options.folder / "copy").has_value());
  const double copied = seconds_since(copying);
  const std::string folder = options.folder.string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // this process prints the one object
    ::execl(program, program, "create", "--folder", folder.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  spent = 0;
  done = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) work();
  STARMINER_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return {{"transfers_per_s", before},
          {"transfers_per_s_meanwhile", static_cast<double>(done) / spent},
          {"copy_s", copied}};
}

int run(int argc, char** argv) {
  CLI::App app{"A large chain: start, snapshot, restore; see bench/README.md"};
  app.require_subcommand(1);
  Options options;
  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--folder", options.folder, "Folder of the chain and its snapshot")->required();
    command->add_option("--accounts", options.accounts)->check(CLI::Range(100'000, 50'000'000));
    command->add_option("--nodes", options.nodes)->check(CLI::Range(0, 10'000'000));
    command->add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
    return command;
  };
  const CLI::App* filling = add("fill", "Make the chain");
  const CLI::App* starting = add("start", "Load the store, prove accounts");
  const CLI::App* copying = add("copy", "Copy the database by hard links");
  const CLI::App* creating = add("create", "Save the copy as a snapshot");
  const CLI::App* restoring = add("restore", "Make a chain of the snapshot");
  add("load", "Transfers without and with a snapshot being made");
  CLI11_PARSE(app, argc, argv);
  const json result = filling->parsed()     ? fill(options)
                      : starting->parsed()  ? start(options)
                      : copying->parsed()   ? copy(options)
                      : creating->parsed()  ? create(options)
                      : restoring->parsed() ? restore(options)
                                            : load(options, argv[0]);
  std::cout << result.dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) { return sodium_init() < 0 ? 1 : starminer::bench::run(argc, argv); }
