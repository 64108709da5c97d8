// Ended jobs leave the state after a time and stay provable: at every moment of any campaign, the state and the history
// together have everything that ever was, each ended row once as a leaf and never another way.
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "scenario/driver.h"
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::LeafType;
using protocol::Machine;
using protocol::audit::HistoryTree;
using protocol::chain_test::Block;
using protocol::state::TableId;

constexpr std::uint16_t kJobSubmit = 30;

/// What an auditor who kept every leaf knows of the jobs and contracts of a chain.
class Auditor {
 public:
  void see(const Block& block) {
    for (const protocol::Receipt& receipt : block.result.receipts) {
      if (receipt.core.operation == kJobSubmit && receipt.core.code == 0)
        jobs_.insert(*JobId::parse(receipt.core.subject));
    }
    for (const protocol::Event& event : block.result.events) {
      if (event.kind == protocol::EventKind::JobMatched) contracts_.insert(*event.contract);
    }
    for (const protocol::HistoryLeaf& leaf : block.result.leaves) {
      const ByteView content = ByteView(leaf.bytes).subspan(1);
      if (leaf.type == LeafType::EndedJob) {
        const auto ended = decode<protocol::EndedJob>(content);
        keep(TableId::Jobs, encode(ended->job), encode(ended->row), leaf);
      } else if (leaf.type == LeafType::Settlement) {
        const auto ended = decode<protocol::Settlement>(content);
        keep(TableId::Contracts, encode(ended->contract), encode(ended->row), leaf);
      }
    }
  }

  /// Everything ever admitted or matched is in the state, or in the history, or in both with the same bytes.
  [[nodiscard]] std::string judge(const Machine& machine) {
    for (const JobId& id : jobs_) {
      const auto* row = machine.market().jobs().find(id);
      const bool live = row != nullptr && (row->state == JobState::Queued || row->state == JobState::Active);
      if (auto wrong = judge_row(machine, TableId::Jobs, encode(id), live); !wrong.empty()) return id.text() + wrong;
    }
    for (const ContractId& id : contracts_) {
      const auto* row = machine.contracts().table().find(id);
      const bool live = row != nullptr && !is_final(row->state);
      if (auto wrong = judge_row(machine, TableId::Contracts, encode(id), live); !wrong.empty())
        return id.text() + wrong;
    }
    const std::size_t rows = machine.market().jobs().size() + machine.contracts().table().size();
    if (rows + archived_.size() != jobs_.size() + contracts_.size()) return "the state has rows of nowhere";
    return problem_;
  }
  /// Both proofs of everything that is archived: it is in the history, and no longer in the state.
  [[nodiscard]] std::string check_proofs(const Machine& machine) const {
    const HistoryTree& history = machine.history();
    for (const auto& [table, key] : archived_) {
      const Kept& kept = kept_.at({table, key});
      const auto path = history.inclusion_proof(kept.index, history.size());
      if (!path || !HistoryTree::verify_inclusion(history.root(), history.size(), kept.index, kept.leaf_hash, *path)) {
        return "an archived row has no proof of its leaf";
      }
      const auto absent = machine.store().prove(table, key);
      if (!verify_merkle_proof(machine.state_root(), row_path(table, key), std::nullopt, absent)) {
        return "the state does not prove that an archived row has left";
      }
    }
    return {};
  }
  [[nodiscard]] std::size_t archived() const { return archived_.size(); }

 private:
  using RowKey = std::pair<TableId, Bytes>;
  struct Kept {
    Bytes row;
    std::uint64_t index = 0;
    Hash32 leaf_hash;
  };

  void keep(TableId table, Bytes key, Bytes row, const protocol::HistoryLeaf& leaf) {
    const Kept kept{std::move(row), leaf.index, HistoryTree::leaf_hash(leaf.bytes)};
    if (!kept_.emplace(RowKey{table, std::move(key)}, kept).second) problem_ = "a row ended twice";
  }

  [[nodiscard]] std::string judge_row(const Machine& machine, TableId table, const Bytes& key, bool live) {
    const auto row = machine.store().find_encoded(table, key);
    const auto kept = kept_.find({table, key});
    if (live) return kept == kept_.end() ? "" : " lives, but the history has its end";
    if (kept == kept_.end()) return " is neither live nor in the history";
    if (row) return *row == kept->second.row ? "" : " changed after its end";
    archived_.insert({table, key});
    return {};
  }

  std::set<JobId> jobs_;
  std::set<ContractId> contracts_;
  std::map<RowKey, Kept> kept_;
  std::set<RowKey> archived_;
  std::string problem_;
};

/// Follows a campaign; gives the first thing that is wrong. Every even seed has a short time until archiving.
std::string follow(std::uint64_t seed, std::uint64_t steps, Auditor& auditor) {
  std::string wrong;
  const Driver* running = nullptr;
  Driver driver(seed, {}, [&](const Block& block, const std::vector<Bytes>&) {
    auditor.see(block);
    if (running != nullptr && wrong.empty()) wrong = auditor.judge(running->chain().machine());
  });
  running = &driver;
  driver.run(steps / 2);
  driver.restart();
  driver.run(steps - steps / 2);
  if (!wrong.empty()) return wrong;
  if (!driver.differences().empty()) return driver.differences().front();
  return auditor.check_proofs(driver.chain().machine());
}

// REQ: AUD-1, TOK-3
RC_GTEST_PROP(ArchiveProperty, StateAndHistoryHaveAllThatEverWas, ()) {
  const auto seed = 2 * *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  const auto steps = *rc::gen::inRange<std::uint64_t>(60, 240);
  Auditor auditor;
  const std::string wrong = follow(seed, steps, auditor);
  RC_CLASSIFY(auditor.archived() > 0, "rows were archived");
  RC_ASSERT(wrong.empty() || (RC_LOG() << wrong << "\n", false));
}

TEST(Archive, HappensInCampaigns) {
  Auditor auditor;
  EXPECT_EQ(follow(2, 600, auditor), "");
  EXPECT_GT(auditor.archived(), 50U) << "a campaign without archived rows proves nothing of them";
}

// However much work was done, the state is as large as that of the last hours.
TEST(Archive, TheStateDoesNotGrowWithWhatHasEnded) {
  Market market(protocol::Preset::Dev);
  const Provider aurora = market.provider("aurora");
  aurora.registers(a100());
  const auto rows = [&] {
    const Machine& machine = market.machine();
    return machine.market().jobs().size() + machine.contracts().table().size() + machine.timers().table().size();
  };
  const auto hours_of_work = [&](int hours) {
    for (int hour = 0; hour < hours; ++hour) {
      const Job job = market.requester("ada").submits(rendering().max(60s).named("hour-" + std::to_string(hour)));
      aurora.runs(job);
      aurora.completes(job);
      market.requester("ada").accepts(job);
      market.passes(1h);
    }
  };
  hours_of_work(4);
  const std::size_t before = rows();
  hours_of_work(6);
  EXPECT_EQ(rows(), before);
  EXPECT_LT(market.machine().market().jobs().size(), 5U) << "dev keeps for 2.4 hours what has ended";
}

TEST(Archive, WhatLeftIsUnknownToOperations) {
  Market market;
  const Provider aurora = market.provider("aurora");
  aurora.registers(a100());
  const Requester ada = market.requester("ada");
  const Job job = ada.submits(rendering().named("once"));
  const ContractId contract = market.row(job).contract;
  aurora.runs(job);
  aurora.completes(job);
  ada.accepts(job);
  market.passes(23h);
  ada.refused(RefusalCode::JobEnded).cancels(job);
  EXPECT_EQ(ada.submits(rendering().named("once")).id, job.id);
  market.passes(2h);
  EXPECT_FALSE(market.machine().contracts().table().contains(contract));
  ada.refused(RefusalCode::UnknownJob).cancels(job);
  EXPECT_NE(ada.submits(rendering().named("once")).id, job.id) << "the client id is free again";
}

}  // namespace
}  // namespace starminer::scenario
