// Campaign A5: the same blocks give the same roots in every build. `write` plays random markets of all operations and
// keeps what was sent; `replay` applies it to fresh machines and prints what they come to. Two builds agree where their
// lines do: state and history root at each so many heights, and a digest over every block before: app hash, fate of
// every transaction, changed rows in their order, events.
//   market_roots write FILE FIRST_SEED SEEDS TRANSACTIONS
//   market_roots replay FILE [--every HEIGHTS] [--threads N] [--planted order|time|genesis|row-order]
// A planted difference is what a build that depends on something else than blocks and state would do once.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"
#include "scenario/driver.h"

namespace starminer::scenario {
namespace {

using protocol::BlockResult;
using protocol::Machine;
using protocol::VerifiedTransaction;

constexpr std::uint64_t kPlantedHeight = 20;

/// One block of the corpus: what a proposer and its clients gave, nothing of what came of it.
struct CorpusBlock {
  std::uint64_t seed = 0;  // of the market, which gives the genesis
  std::uint64_t height = 0;
  TimeMs time;
  AccountId proposer;
  Bytes preamble;
  std::vector<Bytes> sent;
};

#if defined(__SANITIZE_ADDRESS__)
constexpr const char* kSanitizer = ", address and undefined behaviour";
#elif defined(__SANITIZE_THREAD__)
constexpr const char* kSanitizer = ", threads";
#else
constexpr const char* kSanitizer = "";
#endif
#if defined(__OPTIMIZE__)
constexpr const char* kOptimized = "optimized";
#else
constexpr const char* kOptimized = "not optimized";
#endif
#if defined(__clang__)
constexpr const char* kCompiler = "";
#else
constexpr const char* kCompiler = "GCC ";
#endif

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "market_roots: " << why << '\n';
  std::exit(2);
}

void write_corpus(const std::string& file, std::uint64_t first, std::uint64_t seeds, std::uint64_t transactions) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Driver driver(seed, {}, [&](const protocol::chain_test::Block& block, const std::vector<Bytes>& sent) {
      const Bytes bytes = encode(CorpusBlock{seed, block.header.height, block.header.time, block.step.proposer(),
                                             block.step.preamble_bytes(), sent});
      const Bytes length = encode(static_cast<std::uint64_t>(bytes.size()));
      out.write(as_text(length).data(), static_cast<std::streamsize>(length.size()));
      out.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
    });
    driver.run(transactions);
    if (!driver.differences().empty()) stop(fmt::format("seed {}: {}", seed, driver.differences().front()));
  }
  if (!out.flush()) stop(file + " cannot be written");
}

std::optional<CorpusBlock> read_block(std::ifstream& in) {
  Bytes length(sizeof(std::uint64_t));
  if (!in.read(reinterpret_cast<char*>(length.data()), static_cast<std::streamsize>(length.size()))) return {};
  const auto size = decode<std::uint64_t>(length);
  Bytes bytes(size && *size <= codec::kLengthMax ? *size : 0);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  auto block = decode<CorpusBlock>(bytes);
  if (!in || !block) stop("the corpus is damaged");
  return block;
}

/// One market at a time, all its blocks.
std::vector<CorpusBlock> read_market(std::ifstream& in, std::optional<CorpusBlock>& next) {
  std::vector<CorpusBlock> blocks;
  while (next && (blocks.empty() || blocks.front().seed == next->seed)) {
    blocks.push_back(std::move(*next));
    next = read_block(in);
  }
  return blocks;
}

using Verified = std::vector<Result<VerifiedTransaction, protocol::Refusal>>;

/// Signatures are checked by so many threads, each its share of the blocks.
std::vector<Verified> verify(const std::vector<CorpusBlock>& blocks, unsigned threads) {
  std::vector<Verified> verified(blocks.size());
  const auto work = [&](unsigned share) {
    for (std::size_t i = share; i < blocks.size(); i += threads) {
      for (const Bytes& bytes : blocks[i].sent) {
        verified[i].push_back(protocol::verify_transaction(bytes, protocol::chain_test::kChainId));
      }
    }
  };
  std::vector<std::thread> others;
  for (unsigned share = 1; share < threads; ++share) others.emplace_back(work, share);
  work(0);
  for (std::thread& other : others) other.join();
  return verified;
}

class Replay {
 public:
  struct Settings {
    std::uint64_t every = 1000;
    unsigned threads = 1;
    std::string planted;
  };

  explicit Replay(Settings settings) : settings_(std::move(settings)) {}

  void market(const std::vector<CorpusBlock>& blocks) {
    const std::vector<Verified> verified = verify(blocks, settings_.threads);
    Machine machine;
    protocol::Genesis genesis = Driver::genesis(blocks.front().seed);
    if (settings_.planted == "genesis") ++genesis.accounts.back().usd.base;
    const auto started = machine.start(genesis);
    if (!started) stop(started.error());
    digest_ = {};
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const BlockResult result = apply(machine, blocks[i], verified[i]);
      if (result.height % settings_.every == 0 || i + 1 == blocks.size()) print(blocks[i].seed, result);
    }
    ++markets_;
    blocks_ += blocks.size();
  }

  void print_end() const { fmt::print("{} markets, {} blocks, {} transactions\n", markets_, blocks_, transactions_); }

 private:
  [[nodiscard]] bool plants(std::string_view what, std::uint64_t height) const {
    return settings_.planted == what && height >= kPlantedHeight;
  }

  BlockResult apply(Machine& machine, const CorpusBlock& block, const Verified& sent) {
    // A build that differs reaches other seeds, and then no preamble fits: it has been printed before.
    const auto step = machine.randomness().check(block.height, block.proposer, block.preamble);
    if (!step) stop(fmt::format("seed {} height {}: the preamble is refused", block.seed, block.height));
    const TimeMs time{block.time.ms + (plants("time", block.height) ? 1 : 0)};
    const TimeMs later = std::max(time, machine.chain().block_time);
    machine.begin_block({block.height, later, machine.app_hash(), protocol::OrderRule::Arrival}, *step);
    Sha256 digest;
    digest.update(digest_.view());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const bool backwards = plants("order", block.height);
      const auto& transaction = sent[backwards ? sent.size() - 1 - i : i];
      digest.update(encode(fate_of(machine, transaction)));
      ++transactions_;
    }
    BlockResult result = machine.finish_block();
    std::vector<protocol::state::Change> changes(result.changes.begin(), result.changes.end());
    if (plants("row-order", block.height)) std::reverse(changes.begin(), changes.end());
    for (const protocol::state::Change& change : changes) {
      digest.update(encode(static_cast<std::uint8_t>(change.table))).update(change.key);
      if (change.row) digest.update(*change.row);
    }
    for (const protocol::Event& event : result.events) {
      digest.update(encode(static_cast<std::uint8_t>(event.kind))).update(encode(event.state));
    }
    digest_ = digest.update(result.app_hash.view()).finish();
    return result;
  }

  static std::uint16_t fate_of(Machine& machine, const Result<VerifiedTransaction, protocol::Refusal>& transaction) {
    if (!transaction) return static_cast<std::uint16_t>(transaction.error().code);
    const auto receipt = machine.execute(*transaction);
    return receipt ? receipt->core.code : static_cast<std::uint16_t>(receipt.error().code);
  }

  void print(std::uint64_t seed, const BlockResult& result) const {
    fmt::print("seed {} height {} state {} history {} of {} digest {}\n", seed, result.height, result.state_root.hex(),
               result.history_root.hex(), result.history_size, digest_.hex());
  }

  Settings settings_;
  Hash32 digest_;
  std::uint64_t markets_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t transactions_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app("Roots of random markets: what two builds must agree in");
  std::string file;
  std::uint64_t first = 1, seeds = 1, transactions = 500;
  Replay::Settings settings;
  CLI::App* write = app.add_subcommand("write", "play markets and keep what was sent");
  write->add_option("FILE", file)->required();
  write->add_option("FIRST_SEED", first)->required();
  write->add_option("SEEDS", seeds)->required();
  write->add_option("TRANSACTIONS", transactions, "of each market")->required();
  CLI::App* replay = app.add_subcommand("replay", "apply what was sent and print what it comes to");
  replay->add_option("FILE", file)->required();
  replay->add_option("--every", settings.every, "heights between two lines")->check(CLI::PositiveNumber);
  replay->add_option("--threads", settings.threads, "that check signatures")->check(CLI::Range(1, 64));
  replay->add_option("--planted", settings.planted, "a difference that must be seen")
      ->check(CLI::IsMember({"order", "time", "genesis", "row-order"}));
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  if (write->parsed()) {
    write_corpus(file, first, seeds, transactions);
    return 0;
  }
  fmt::print("build: {}{}, {}{}{}\n", kCompiler, __VERSION__, kOptimized, kSanitizer,
#if defined(STARMINER_SHUFFLED_KEYS)
             ", keys hashed with another seed"
#else
             ""
#endif
  );
  std::ifstream in(file, std::ios::binary);
  std::optional<CorpusBlock> next = read_block(in);
  if (!next) stop(file + " has no block");
  Replay replayed(std::move(settings));
  while (next) replayed.market(read_market(in, next));
  replayed.print_end();
  return 0;
}

}  // namespace
}  // namespace starminer::scenario

int main(int argc, char** argv) { return starminer::scenario::run(argc, argv); }
