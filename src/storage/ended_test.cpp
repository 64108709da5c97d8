// The index of what has ended gives the same rows and lists from the log, from the database, from both at once, and
// after a restart; pages meet without a gap.
#include "storage/ended.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/test_chain.h"

namespace starminer::storage {
namespace {

using protocol::chain_test::account_of_name;
using protocol::chain_test::Block;
using protocol::chain_test::Chain;

constexpr std::uint64_t kNewest = ~std::uint64_t{0};

protocol::Genesis genesis() {
  protocol::Genesis genesis =
      protocol::chain_test::genesis_of(protocol::Preset::Main, {"ada", "bob", "farm", "operator"});
  genesis.parameters = {{protocol::Parameter::ArchiveAfterMs, 1'000}};
  return genesis;
}

/// What the leaves of the blocks say, read by eye.
struct Expected {
  std::map<JobId, std::pair<Bytes, EndedPlace>> jobs;
  std::map<ContractId, std::pair<Bytes, EndedPlace>> contracts;
  std::map<AccountId, std::vector<Ordered<JobId>>> of_requester;      // newest first
  std::map<AccountId, std::vector<Ordered<ContractId>>> of_provider;  // newest first

  void add(const Block& block) {
    for (const protocol::HistoryLeaf& leaf : block.result.leaves) {
      const EndedPlace place{leaf.index, block.header.height, block.header.time};
      const ByteView content = ByteView(leaf.bytes).subspan(1);
      if (leaf.type == protocol::LeafType::EndedJob) {
        const auto ended = *decode<protocol::EndedJob>(content);
        jobs[ended.job] = {encode(ended.row), place};
        auto& list = of_requester[ended.row.requester];
        list.emplace_back(ended.row.sequence, ended.job);
        std::sort(list.rbegin(), list.rend());
      } else if (leaf.type == protocol::LeafType::Settlement) {
        const auto ended = *decode<protocol::Settlement>(content);
        contracts[ended.contract] = {encode(ended.row), place};
        auto& list = of_provider[ended.row.provider];
        list.insert(list.begin(), {leaf.index, ended.contract});
      }
    }
  }
};

class EndedTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  EndedTest() {
    std::filesystem::remove_all(folder_);
    options_.checkpoint_bytes = GetParam();
    open();
    write_genesis();
    chain_.on_block([this](const Block& block) { write(block); });
  }
  ~EndedTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    store_.reset();
    auto store = ChainStore::open(folder_, options_);
    ASSERT_TRUE(store.has_value()) << store.error().text;
    store_ = std::move(*store);
  }
  void write_genesis() {
    protocol::Machine machine;
    const auto result = machine.start(genesis());
    ASSERT_TRUE(result.has_value());
    StoredBlock block;
    block.time = genesis().time;
    block.app_hash = result->app_hash;
    block.history_size = result->history_size;
    ASSERT_TRUE(store_->write(block, *result).has_value());
  }
  void write(const Block& block) {
    StoredBlock stored;
    stored.height = block.header.height;
    stored.time = block.header.time;
    stored.history_size = block.result.history_size;
    stored.app_hash = block.result.app_hash;
    ASSERT_TRUE(store_->write(stored, block.result).has_value());
    expected_.add(block);
  }
  std::string sends(const char* name, const Chain::Fill& fill) {
    chain_.stand_still({7});
    const auto receipt = chain_.send(name, fill);
    EXPECT_TRUE(receipt.has_value() && receipt->core.code == 0) << name;
    return receipt ? receipt->core.subject : std::string();
  }
  /// A job that somebody submits, and one of its ends.
  void one_job(const char* requester, int end) {
    const std::string job = sends(requester, [](auto& body) {
      *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100();
    });
    const JobId id = *JobId::parse(job);
    const std::string contract = to_text(chain_.machine().market().jobs().get(id).contract.view());
    if (end == 0) sends("farm", [&](auto& body) { body.mutable_contract_decline()->set_contract(contract); });
    if (end == 1) sends(requester, [&](auto& body) { body.mutable_job_cancel()->set_job(to_text(id.view())); });
    if (end == 2) chain_.pass({60'000});  // nobody acknowledges
  }
  void make_market(int jobs) {
    sends("farm", protocol::chain_test::register_provider("farm"));
    sends("farm", [](auto& body) { *body.mutable_node_register() = protocol::chain_test::a100_node(); });
    for (int i = 0; i < jobs; ++i) one_job(i % 3 == 0 ? "bob" : "ada", i % 3);
  }
  template <class Id, class List>
  void expect_list(const std::vector<Ordered<Id>>& expected, List list) {
    EXPECT_EQ(list(kNewest, expected.size() + 1), expected);
    // By pages of three.
    std::vector<Ordered<Id>> paged;
    for (std::uint64_t below = kNewest;;) {
      const auto page = list(below, 3);
      paged.insert(paged.end(), page.begin(), page.end());
      if (page.size() < 3) break;
      below = page.back().first;
    }
    EXPECT_EQ(paged, expected);
  }
  void expect_all() {
    ASSERT_GT(expected_.jobs.size(), 10U);
    for (const auto& [id, kept] : expected_.jobs) {
      const auto found = *find_kept(*store_, id);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(encode(found->row), kept.first);
      EXPECT_EQ(found->place, kept.second);
    }
    for (const auto& [id, kept] : expected_.contracts) {
      const auto found = *find_kept(*store_, id);
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(encode(found->row), kept.first);
      EXPECT_EQ(**find_place(*store_, id), kept.second);
    }
    for (const auto& [requester, list] : expected_.of_requester) {
      expect_list(list, [&, who = requester](std::uint64_t below, std::size_t limit) {
        return *ended_of_requester(*store_, who, below, limit);
      });
    }
    const AccountId farm = account_of_name("farm");
    const NodeId node = chain_.machine().registry().nodes().begin()->first;
    expect_list(expected_.of_provider[farm], [&](std::uint64_t below, std::size_t limit) {
      return *ended_of_provider(*store_, farm, below, limit);
    });
    expect_list(expected_.of_provider[farm],
                [&](std::uint64_t below, std::size_t limit) { return *ended_of_node(*store_, node, below, limit); });
    std::vector<ContractId> ids;
    for (std::vector<ContractId> page = *ended_behind(*store_, ContractId{}, 4); !page.empty();
         page = *ended_behind(*store_, ids.back(), 4)) {
      ids.insert(ids.end(), page.begin(), page.end());
    }
    std::vector<ContractId> expected;
    for (const auto& [id, kept] : expected_.contracts) expected.push_back(id);
    EXPECT_EQ(ids, expected);
    EXPECT_FALSE(find_kept(*store_, JobId{{9}})->has_value());
    EXPECT_TRUE(ended_of_requester(*store_, farm, kNewest, 9)->empty());
  }

  std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / ("ended-" + std::to_string(::getpid()));
  StoreOptions options_;
  std::unique_ptr<ChainStore> store_;
  Chain chain_{genesis()};
  Expected expected_;
};

TEST_P(EndedTest, FindsAndListsWhatHasLeftTheState) {
  make_market(18);
  EXPECT_LT(chain_.machine().market().jobs().size(), 6U) << "most are archived";
  expect_all();
  open();
  expect_all();
  for (int i = 0; i < 6; ++i) one_job("ada", 1);
  expect_all();
}

TEST_P(EndedTest, LiveJobsAreNotInIt) {
  make_market(12);
  const std::string job = sends(
      "ada", [](auto& body) { *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100(); });
  EXPECT_FALSE(find_place(*store_, *JobId::parse(job))->has_value());
  expect_all();
}

// From the log alone; by many checkpoints; something of both.
INSTANTIATE_TEST_SUITE_P(Checkpoints, EndedTest, ::testing::Values(32U << 20U, 8'000U, 40'000U));

}  // namespace
}  // namespace starminer::storage
