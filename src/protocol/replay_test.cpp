#include "protocol/replay.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::account_of_name;
using chain_test::Chain;
using chain_test::genesis_of;
using chain_test::kAgpu;
using chain_test::transfer;
using ::testing::HasSubstr;

const std::vector<std::string> kNames = {"ada", "ben", "operator"};

LoggedBlock logged(const chain_test::Block& block) {
  LoggedBlock out;
  out.height = block.header.height;
  out.time = block.header.time;
  out.previous_app_hash = block.header.previous_app_hash;
  out.order_rule = block.header.order_rule;
  out.proposer = block.step.proposer();
  out.preamble = block.step.preamble_bytes();
  out.seed = block.step.seed();
  for (const VerifiedTransaction& transaction : block.transactions) out.transactions.push_back(transaction.bytes());
  out.state_root = block.result.state_root;
  out.history_root = block.result.history_root;
  out.history_size = block.result.history_size;
  out.app_hash = block.result.app_hash;
  return out;
}

/// The log of a chain with transfers, a refused one, and blocks of ticks.
std::vector<LoggedBlock> a_log() {
  std::vector<LoggedBlock> log;
  const Genesis genesis = genesis_of(Preset::Main, kNames);
  const auto first = Replay::start(genesis);
  const BlockResult& result = first->genesis_result();
  log.push_back({0,
                 genesis.time,
                 {},
                 OrderRule::Arrival,
                 {},
                 {},
                 result.seed,
                 {},
                 result.state_root,
                 result.history_root,
                 result.history_size,
                 result.app_hash});
  Chain chain(genesis);
  chain.on_block([&](const chain_test::Block& block) { log.push_back(logged(block)); });
  for (std::uint64_t i = 1; i <= 4; ++i) {
    static_cast<void>(chain.send("ada", transfer(account_of_name("ben"), i * kAgpu)));
    chain.pass(seconds(61));
  }
  static_cast<void>(chain.send("ben", transfer(account_of_name("ada"), 1'000'000 * kAgpu)));
  return log;
}

std::optional<ReplayFault> replay(const std::vector<LoggedBlock>& log) {
  auto replay = Replay::start(genesis_of(Preset::Main, kNames));
  if (const auto same = replay->check_genesis(log.front()); !same) return same.error();
  for (std::size_t i = 1; i < log.size(); ++i) {
    if (const auto result = replay->apply(log[i]); !result) return result.error();
  }
  return std::nullopt;
}

// REQ: AUD-1, DEC-2
TEST(BlockLog, TheWholeLogGivesItsOwnHashes) {
  const auto log = a_log();
  ASSERT_GT(log.size(), 8U);
  const auto fault = replay(log);
  EXPECT_FALSE(fault) << describe(*fault);
}

// REQ: DEC-2
TEST(BlockLog, EveryChangedFieldIsNamedAtItsHeight) {
  const auto log = a_log();
  struct Case {
    const char* name;
    std::function<void(LoggedBlock&)> change;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"height", [](LoggedBlock& block) { ++block.height; }, "has height"},
      {"earlier", [](LoggedBlock& block) { block.time.ms = 1; }, "lies before"},
      {"later", [](LoggedBlock& block) { ++block.time.ms; }, "state root"},
      {"link", [](LoggedBlock& block) { block.previous_app_hash.bytes[3] ^= 1; }, "builds on"},
      {"no preamble", [](LoggedBlock& block) { block.preamble.clear(); }, "preamble is missing"},
      {"short preamble", [](LoggedBlock& block) { block.preamble.pop_back(); }, "96 bytes"},
      {"output", [](LoggedBlock& block) { std::fill_n(block.preamble.begin(), 32, std::uint8_t{0}); }, "no point"},
      {"challenge", [](LoggedBlock& block) { block.preamble[40] ^= 1; }, "does not belong"},
      {"response", [](LoggedBlock& block) { block.preamble[95] |= 0x80; }, "below the group's order"},
      {"proposer", [](LoggedBlock& block) { block.proposer = account_of_name("ben"); }, "may not propose"},
      {"seed", [](LoggedBlock& block) { block.seed.bytes[0] ^= 1; }, "seed computed"},
      {"state", [](LoggedBlock& block) { block.state_root.bytes[31] ^= 128; }, "state root"},
      {"history", [](LoggedBlock& block) { block.history_root.bytes[0] ^= 1; }, "history root"},
      {"size", [](LoggedBlock& block) { ++block.history_size; }, "history size"},
      {"app hash", [](LoggedBlock& block) { block.app_hash.bytes[9] ^= 4; }, "app hash"},
  };
  for (std::size_t at = 1; at < log.size(); ++at) {
    for (const Case& one : cases) {
      auto changed = log;
      one.change(changed[at]);
      const auto fault = replay(changed);
      ASSERT_TRUE(fault) << one.name << " at " << at;
      EXPECT_EQ(fault->height, at) << one.name;
      EXPECT_THAT(fault->what, HasSubstr(one.says)) << one.name;
    }
  }
}

TEST(BlockLog, TransactionsThatWereRemovedRepeatedOrForgedAreNamed) {
  const auto log = a_log();
  for (std::size_t at = 1; at < log.size(); ++at) {
    if (log[at].transactions.empty()) continue;
    auto removed = log;
    removed[at].transactions.clear();
    EXPECT_EQ(replay(removed)->height, at);
    auto twice = log;
    twice[at].transactions.push_back(twice[at].transactions.front());
    EXPECT_THAT(describe(*replay(twice)), HasSubstr("transaction 1"));
    auto forged = log;
    forged[at].transactions.front().back() ^= 1;
    const auto fault = replay(forged);
    EXPECT_EQ(fault->height, at);
    EXPECT_THAT(fault->what, HasSubstr("transaction 0"));
  }
}

TEST(BlockLog, AnotherGenesisIsFoundAtHeightZero) {
  const auto log = a_log();
  auto other = Replay::start(genesis_of(Preset::Main, {"ada", "operator"}));
  const auto same = other->check_genesis(log.front());
  ASSERT_FALSE(same);
  EXPECT_THAT(same.error().what, HasSubstr("state root"));
  auto first = log.front();
  first.transactions.push_back({1});
  EXPECT_FALSE(Replay::start(genesis_of(Preset::Main, kNames))->check_genesis(first));
}

// A log is foreign: whatever stands in it, the replay ends with a fault and never by an assertion.
RC_GTEST_PROP(BlockLog, AnyFlippedByteOfABlockIsFoundOrDoesNotDecode, ()) {
  static const std::vector<LoggedBlock> log = a_log();
  const auto at = *rc::gen::inRange<std::size_t>(1, log.size());
  Bytes bytes = encode(log[at]);
  const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[place] ^= static_cast<std::uint8_t>(*rc::gen::inRange(1, 256));
  auto changed = log;
  const auto decoded = decode<LoggedBlock>(bytes);
  if (!decoded) return;
  changed[at] = *decoded;
  const auto fault = replay(changed);
  RC_ASSERT(fault.has_value());
  RC_ASSERT(fault->height == at);
}

TEST(AppHash, CoversEveryPart) {
  const Commitment base{7, sha256("state"), sha256("history"), 12};
  const Hash32 hash = make_app_hash(base);
  Commitment other = base;
  ++other.height;
  EXPECT_NE(make_app_hash(other), hash);
  other = base;
  other.state_root = sha256("other");
  EXPECT_NE(make_app_hash(other), hash);
  other = base;
  other.history_root = sha256("other");
  EXPECT_NE(make_app_hash(other), hash);
  other = base;
  ++other.history_size;
  EXPECT_NE(make_app_hash(other), hash);
}

TEST(AppHash, StandsAsTheFormatStatesIt) {
  EXPECT_EQ(make_app_hash({7, sha256("state"), sha256("history"), 12}).hex(),
            "e5cbcaa08b938eb07959ca060fb633f5a95f1813dd7d3f5bc714291c51c15ac0");
}

}  // namespace
}  // namespace starminer::protocol
