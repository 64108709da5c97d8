// Statements and exports out of a replayed log, against books that the test keeps by other means.
#include "client/audit/walk.h"

#include <unistd.h>

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "client/audit/export.h"
#include "client/audit/statement.h"
#include "protocol/test_chain.h"

namespace starminer::client::audit {
namespace {

using protocol::LoggedBlock;
using protocol::Preset;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Chain;
using protocol::chain_test::genesis_of;
using protocol::chain_test::kAgpu;
using ::testing::HasSubstr;

const std::vector<std::string> kNames = {"ada", "ben", "fay", "operator"};

class TemporaryLog {
 public:
  TemporaryLog() {
    std::string pattern = std::filesystem::temp_directory_path() / "starminer-log-XXXXXX";
    folder_.root = ::mkdtemp(pattern.data());
  }
  ~TemporaryLog() { std::filesystem::remove_all(folder_.root); }
  TemporaryLog(const TemporaryLog&) = delete;
  TemporaryLog& operator=(const TemporaryLog&) = delete;
  [[nodiscard]] const LogFolder& folder() const { return folder_; }

  void write(const std::vector<LoggedBlock>& blocks) const {
    std::ofstream stream(folder_.blocks(), std::ios::binary | std::ios::trunc);
    stream << text_of(blocks);
  }
  [[nodiscard]] static std::string text_of(const std::vector<LoggedBlock>& blocks) {
    std::string text;
    for (const LoggedBlock& block : blocks) {
      const Bytes bytes = encode(block);
      for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(bytes.size() >> shift));
      text += as_text(bytes);
    }
    return text;
  }

 private:
  LogFolder folder_;
};

/// A chain that writes its log: money sent, a node registered, jobs held, cancelled and refunded.
struct Recorded {
  Recorded() : genesis(genesis_of(Preset::Main, kNames)), chain(genesis) {
    const auto replay = protocol::Replay::start(genesis);
    LoggedBlock first;
    first.time = genesis.time;
    add(first, replay->genesis_result());
    chain.on_block([this](const protocol::chain_test::Block& block) {
      LoggedBlock out;
      out.height = block.header.height;
      out.time = block.header.time;
      out.previous_app_hash = block.header.previous_app_hash;
      out.order_rule = block.header.order_rule;
      out.proposer = block.step.proposer();
      out.preamble = block.step.preamble_bytes();
      for (const auto& transaction : block.transactions) out.transactions.push_back(transaction.bytes());
      add(out, block.result);
    });
  }
  void add(LoggedBlock block, const protocol::BlockResult& result) {
    block.seed = result.seed;
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
    log.push_back(std::move(block));
  }
  void send_money(const char* from, const char* to, std::uint64_t amount, Asset asset = Asset::Agpu) {
    static_cast<void>(chain.send(from, protocol::chain_test::transfer(account_of_name(to), amount, asset)));
  }
  void register_node() {
    static_cast<void>(chain.send("fay", protocol::chain_test::register_provider("fay's")));
    static_cast<void>(chain.send(
        "fay", [](v1::TransactionBody& body) { *body.mutable_node_register() = protocol::chain_test::a100_node(); }));
  }
  void submit_and_cancel(const char* who) {
    const auto job = chain.send(who, [](v1::TransactionBody& body) {
      auto& message = *body.mutable_job_submit();
      *message.mutable_spec() = protocol::chain_test::hour_of_a100();
      message.set_client_id(std::to_string(body.sequence()));
    });
    if (!job || job->core.code != 0) return;
    chain.pass(seconds(30));
    static_cast<void>(chain.send(who, [&](v1::TransactionBody& body) {
      const JobId id = *JobId::parse(job->core.subject);
      body.mutable_job_cancel()->set_job(to_text(id.view()));
    }));
  }

  protocol::Genesis genesis;
  Chain chain;
  std::vector<LoggedBlock> log;
};

const Recorded& story() {
  static const auto made = [] {
    auto recorded = std::make_unique<Recorded>();
    recorded->send_money("ada", "ben", 5 * kAgpu);
    recorded->register_node();
    recorded->chain.pass(seconds(90));
    recorded->submit_and_cancel("ada");
    recorded->send_money("ben", "ada", 1'000'000 * kAgpu);  // refused: it pays its fee
    recorded->send_money("ben", "zoe", 3 * kAgpu);          // makes an account
    recorded->send_money("ben", "ada", 100, Asset::Amax);
    static_cast<void>(recorded->chain.send("operator", [](v1::TransactionBody& body) {
      body.mutable_account_close()->set_beneficiary(to_text(account_of_name("ada").view()));
    }));
    recorded->chain.pass(seconds(200));
    return recorded;
  }();
  return *made;
}

Result<WalkReport, WalkError> walk_story(const TemporaryLog& log, const std::vector<Visitor>& visitors,
                                         const std::optional<Hash32>& wanted = std::nullopt) {
  return walk(story().genesis, log.folder(), visitors, wanted, {});
}

Statement statement_of(const char* name, const Period& period = {}) {
  const TemporaryLog log;
  log.write(story().log);
  Statement statement(account_of_name(name), period);
  const auto walked = walk_story(log, {statement.visitor()});
  EXPECT_TRUE(walked) << walked.error().what;
  return statement;
}

// REQ: DEC-2, AUD-1
TEST(Walk, AWholeLogGivesItsRootsAndFindsTheWantedOne) {
  const TemporaryLog log;
  log.write(story().log);
  const auto walked = walk_story(log, {}, story().log[3].app_hash);
  ASSERT_TRUE(walked) << walked.error().what;
  EXPECT_EQ(walked->blocks, story().log.size());
  EXPECT_EQ(walked->root_height, 3U);
  EXPECT_EQ(make_app_hash(walked->commitment), story().chain.machine().app_hash());
  EXPECT_FALSE(walk_story(log, {}, sha256("other"))->root_height);
}

TEST(Walk, APlantedDifferenceIsNamedAndDamageIsTold) {
  const TemporaryLog log;
  auto blocks = story().log;
  blocks[5].state_root.bytes[0] ^= 1;
  log.write(blocks);
  auto walked = walk_story(log, {});
  ASSERT_FALSE(walked);
  EXPECT_EQ(walked.error().fault, WalkFault::Difference);
  EXPECT_THAT(walked.error().what, HasSubstr("height 5: state root"));
  log.write(story().log);
  std::filesystem::resize_file(log.folder().blocks(), std::filesystem::file_size(log.folder().blocks()) - 3);
  walked = walk_story(log, {});
  ASSERT_FALSE(walked);
  EXPECT_EQ(walked.error().fault, WalkFault::Damaged);
  EXPECT_THAT(walked.error().what, HasSubstr("ends within a block"));
  log.write({});
  EXPECT_THAT(walk_story(log, {}).error().what, HasSubstr("no blocks"));
}

TEST(BlockLog, ATornEndIsCutAndPagesGoOn) {
  const TemporaryLog log;
  const auto& blocks = story().log;
  log.write({blocks.begin(), blocks.begin() + 4});
  std::filesystem::resize_file(log.folder().blocks(), std::filesystem::file_size(log.folder().blocks()) - 1);
  EXPECT_EQ(count_blocks(log.folder()), 3U);
  EXPECT_EQ(append_page(log.folder(), 3, TemporaryLog::text_of({blocks.begin() + 3, blocks.end()})), blocks.size() - 3);
  EXPECT_EQ(count_blocks(log.folder()), blocks.size());
  EXPECT_TRUE(walk_story(log, {}));
  EXPECT_FALSE(append_page(log.folder(), blocks.size(), TemporaryLog::text_of({blocks[1]}))) << "another height";
  EXPECT_FALSE(append_page(log.folder(), blocks.size(), "abc"));
  EXPECT_FALSE(append_page(log.folder(), blocks.size(), std::string("\0\0\0\1x", 5)));
}

// REQ: AUD-2, TOK-3
TEST(Statement, OfEveryAccountAddsUpToTheLedger) {
  const protocol::Ledger& ledger = story().chain.machine().ledger();
  for (const char* name : {"ada", "ben", "fay", "operator", "zoe"}) {
    const Statement statement = statement_of(name);
    ASSERT_TRUE(statement.check()) << name << ": " << statement.check().error();
    EXPECT_EQ(statement.opening(), AssetSums{}) << name;
    std::uint64_t held = ledger.deposit(account_of_name(name));
    for (const auto& [key, row] : ledger.locks()) {
      if (row.owner == account_of_name(name)) held += row.amount;
    }
    EXPECT_EQ(statement.closing()[0].balance, ledger.balance(account_of_name(name), Asset::Agpu)) << name;
    EXPECT_EQ(statement.closing()[0].held, held) << name;
    EXPECT_EQ(statement.closing()[1].balance, ledger.balance(account_of_name(name), Asset::Amax)) << name;
  }
}

TEST(Statement, NamesCauseFeeLockAndCounterparty) {
  std::map<std::string, int> said;
  const Statement statement = statement_of("ada");
  for (const StatementEntry& entry : statement.entries()) ++said[entry.operation + ": " + entry.what.substr(0, 11)];
  SCOPED_TRACE(::testing::PrintToString(said));
  EXPECT_EQ(said["genesis: genesis"], 2) << "AGPU and AMAX";
  EXPECT_EQ(said["genesis: held: depos"], 1);
  EXPECT_EQ(said["Transfer: fee"], 1);
  EXPECT_EQ(said["Transfer: sent to sm1"], 1);
  EXPECT_EQ(said["Transfer: received fr"], 1);
  EXPECT_EQ(said["JobSubmit: held: escro"], 1);
  EXPECT_EQ(said["time: returned: e"], 1) << "nobody acknowledged the match";
  EXPECT_EQ(said["AccountClose: received fr"], 2);
  const Statement fay = statement_of("fay");
  bool identity = false;
  for (const StatementEntry& entry : fay.entries()) identity = identity || entry.what.starts_with("held: identity of");
  EXPECT_TRUE(identity);
}

TEST(Statement, APeriodOpensWhereTheOneBeforeItCloses) {
  const auto& log = story().log;
  for (std::size_t at = 0; at <= log.size(); ++at) {
    const std::uint64_t cut = at < log.size() ? log[at].time.ms : log.back().time.ms + 1;
    const Statement before = statement_of("ada", {0, cut});
    const Statement after = statement_of("ada", {cut, ~std::uint64_t{0}});
    ASSERT_TRUE(before.check() && after.check());
    EXPECT_EQ(before.closing(), after.opening()) << "cut at block " << at;
    EXPECT_EQ(before.entries().size() + after.entries().size(), statement_of("ada").entries().size());
  }
}

// Validators' blocks take all fees before the first transaction runs.
TEST(Statement, AFeeThatIsTakenFirstIsOneOfItsTransaction) {
  const protocol::Genesis genesis = genesis_of(Preset::Main, kNames);
  protocol::Machine machine;
  const auto made = machine.start(genesis);
  ASSERT_TRUE(made.has_value());
  std::vector<LoggedBlock> blocks(2);
  const auto finish = [](LoggedBlock& block, const protocol::BlockResult& result) {
    block.height = result.height;
    block.time = result.time;
    block.seed = result.seed;
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
  };
  finish(blocks[0], *made);
  const auto step = protocol::chain_test::proposer().prove(made->seed, 1);
  blocks[1].previous_app_hash = made->app_hash;
  blocks[1].order_rule = protocol::OrderRule::Lanes;
  blocks[1].proposer = step.proposer();
  blocks[1].preamble = step.preamble_bytes();
  std::vector<protocol::VerifiedTransaction> transactions;
  for (std::uint64_t i = 0; i < 2; ++i) {
    v1::TransactionBody body;
    body.set_chain_id(std::string(protocol::chain_test::kChainId));
    body.set_sequence(i);
    body.set_expires_at_ms((genesis.time + protocol::chain_test::kExpiry).ms);
    protocol::chain_test::transfer(account_of_name("ben"), 1 + i)(body);
    const Bytes bytes = protocol::sign_transaction(body, protocol::chain_test::key_of("ada"));
    transactions.push_back(*protocol::verify_transaction(bytes, protocol::chain_test::kChainId));
    blocks[1].transactions.push_back(bytes);
  }
  machine.begin_block({1, genesis.time, made->app_hash, protocol::OrderRule::Lanes}, step);
  for (const auto& transaction : transactions) ASSERT_TRUE(machine.charge(transaction).has_value());
  for (const auto& transaction : transactions) ASSERT_TRUE(machine.execute(transaction).has_value());
  finish(blocks[1], machine.finish_block());
  const TemporaryLog log;
  log.write(blocks);
  Statement statement(account_of_name("ada"), {});
  const auto walked = walk(genesis, log.folder(), {statement.visitor()}, std::nullopt, {});
  ASSERT_TRUE(walked.has_value()) << walked.error().what;
  ASSERT_TRUE(statement.check().has_value());
  const auto& entries = statement.entries();
  ASSERT_GE(entries.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const StatementEntry& entry = entries[entries.size() - 4 + i];
    EXPECT_EQ(entry.transaction, transactions[i % 2].hash());
    EXPECT_EQ(entry.operation, "Transfer");
    EXPECT_EQ(entry.what == "fee", i < 2) << entry.what;
    EXPECT_EQ(entry.history_index.has_value(), i >= 2) << "its receipt comes when it has run";
  }
}

TEST(Statement, FailsLoudlyWhereAMovementIsLost) {
  const TemporaryLog log;
  log.write(story().log);
  Statement statement(account_of_name("ada"), {});
  const Visitor whole = statement.visitor();
  Visitor leaky = whole;
  leaky.on_step = [&](const Step& step) {
    auto movements = step.movements;
    // The fee of the first block is forgotten.
    if (step.height == 1 && step.receipt != nullptr) movements.erase(movements.begin());
    whole.on_step({step.height, step.time, step.transaction, step.receipt, movements, step.machine});
  };
  ASSERT_TRUE(walk_story(log, {leaky}));
  const auto sound = statement.check();
  ASSERT_FALSE(sound);
  EXPECT_THAT(sound.error(), HasSubstr("at height 1 the changes of AGPU add up to"));
}

// REQ: TOK-3
RC_GTEST_PROP(Statement, OfRandomTransfersAddUpAndSumToWhatWasBurned, ()) {
  Recorded recorded;
  const auto steps = *rc::gen::inRange(1, 12);
  for (int i = 0; i < steps; ++i) {
    const auto from = *rc::gen::elementOf(kNames);
    const auto to = *rc::gen::elementOf(kNames);
    const auto amount = *rc::gen::inRange<std::uint64_t>(0, 20'000 * kAgpu);
    recorded.send_money(from.c_str(), to.c_str(), amount, *rc::gen::element(Asset::Agpu, Asset::Amax));
    if (*rc::gen::inRange(0, 4) == 0) recorded.submit_and_cancel(from.c_str());
    if (*rc::gen::inRange(0, 4) == 0) recorded.register_node();
    if (*rc::gen::inRange(0, 3) == 0) recorded.chain.pass(seconds(*rc::gen::inRange<std::uint64_t>(1, 300)));
  }
  const TemporaryLog log;
  log.write(recorded.log);
  std::vector<Statement> statements;
  for (const std::string& name : kNames) statements.emplace_back(account_of_name(name), Period{});
  std::vector<Visitor> visitors;
  for (Statement& statement : statements) visitors.push_back(statement.visitor());
  const auto walked = walk(recorded.genesis, log.folder(), visitors, std::nullopt, {});
  RC_ASSERT(walked.has_value());
  u128 sum = 0;
  for (const Statement& statement : statements) {
    RC_ASSERT(statement.check().has_value());
    sum += statement.closing()[0].balance + statement.closing()[0].held;
  }
  const auto supply = recorded.chain.machine().ledger().supply(Asset::Agpu);
  RC_ASSERT(sum + supply.pools == u128{supply.minted} - supply.burned);
}

TEST(ParseTime, TakesDatesTimesAndMilliseconds) {
  EXPECT_EQ(parse_time("2026-11-21"), 1'795'219'200'000U);
  EXPECT_EQ(parse_time("2026-11-21T10:30:00Z"), 1'795'257'000'000U);
  EXPECT_EQ(parse_time("1795219200000"), 1'795'219'200'000U);
  for (const char* text : {"", "yesterday", "2026-02-30", "2026-13-01", "2026-11-21T10:30", "-5", "1e9"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

// ---- export

using Rows = std::map<ExportTable, std::vector<ExportRow>>;

Rows rows_of(const ExportFilter& filter) {
  const TemporaryLog log;
  log.write(story().log);
  Rows rows;
  Exporter exporter(filter, [&](ExportTable table, const ExportRow& row) {
    EXPECT_EQ(row.size(), columns_of(table).size()) << table_name(table);
    rows[table].push_back(row);
  });
  EXPECT_TRUE(walk_story(log, {exporter.visitor()}));
  return rows;
}

// REQ: AUD-2
TEST(Export, HasEveryTransactionAndEveryRowNamesItsLeaf) {
  const Rows rows = rows_of({});
  std::size_t transactions = 0;
  for (const LoggedBlock& block : story().log) transactions += block.transactions.size();
  EXPECT_EQ(rows.at(ExportTable::Transactions).size(), transactions);
  EXPECT_EQ(rows.at(ExportTable::Transfers).size(), 5U) << "three transfers, two assets of a closed account";
  EXPECT_EQ(rows.at(ExportTable::Jobs).size(), 1U);
  const auto& history = story().chain.machine().history();
  for (const auto& [table, list] : rows) {
    for (const ExportRow& row : list) EXPECT_LT(std::stoull(row[0]), history.size()) << table_name(table);
  }
}

TEST(Export, FiltersByPeriodPartyAndClass) {
  const auto& log = story().log;
  const std::uint64_t cut = log[log.size() / 2].time.ms;
  const std::size_t all = rows_of({})[ExportTable::Transactions].size();
  const std::size_t before = rows_of({{0, cut}, {}, {}})[ExportTable::Transactions].size();
  const std::size_t after = rows_of({{cut, ~std::uint64_t{0}}, {}, {}})[ExportTable::Transactions].size();
  EXPECT_EQ(before + after, all);
  EXPECT_GT(before, 0U);
  Rows fay = rows_of({{}, account_of_name("fay"), {}});
  EXPECT_EQ(fay[ExportTable::Transactions].size(), 2U);
  EXPECT_TRUE(fay[ExportTable::Transfers].empty());
  Rows zoe = rows_of({{}, account_of_name("zoe"), {}});
  ASSERT_EQ(zoe[ExportTable::Transfers].size(), 1U) << "as the receiver";
  EXPECT_EQ(zoe[ExportTable::Transfers][0][5], account_of_name("zoe").text());
  Rows a100 = rows_of({{}, {}, "A100"});
  EXPECT_EQ(a100[ExportTable::Jobs].size(), 1U);
  EXPECT_TRUE(a100[ExportTable::Transactions].empty());
  EXPECT_TRUE(rows_of({{}, {}, "H100"})[ExportTable::Jobs].empty());
}

TEST(Export, LinesQuoteWhatOthersWrote) {
  EXPECT_EQ(csv_line({"a", "b,c", "say \"x\"", "=1+1", ""}), "a,\"b,c\",\"say \"\"x\"\"\",\"'=1+1\",\n");
  EXPECT_EQ(csv_header(ExportTable::Transfers),
            "history_index,height,time_ms,transaction,sender,receiver,asset,amount,fee\n");
  const std::string line =
      json_line(ExportTable::Transfers, {"1", "2", "3", "ab", "s", "", "AGPU", "18446744073709551615", "5"});
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["history_index"], 1);
  EXPECT_EQ(object["amount"], "18446744073709551615");
  EXPECT_TRUE(object["receiver"].is_null());
}

}  // namespace
}  // namespace starminer::client::audit
