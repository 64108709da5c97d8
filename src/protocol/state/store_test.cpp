#include "protocol/state/store.h"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/state/table.h"

namespace starminer::protocol::state {
namespace {

struct Row {
  std::uint8_t group = 0;
  std::string name;

  bool operator==(const Row&) const = default;
};

struct Total {
  std::uint64_t amount = 0;

  bool operator==(const Total&) const = default;
};

using RowTable = Table<std::uint16_t, Row>;
using TotalTable = Table<std::uint8_t, Total>;

// A secondary index that also demands that the table tells the truth about what stood there before.
struct Index final : Observer<std::uint16_t, Row> {
  std::map<std::uint16_t, Row> mirror;
  std::set<std::pair<std::uint8_t, std::uint16_t>> by_group;

  void on_change(const std::uint16_t& key, const Row* before, const Row* after) override {
    RC_ASSERT((before != nullptr) == mirror.contains(key));
    if (before != nullptr) {
      RC_ASSERT(*before == mirror.at(key));
      by_group.erase({before->group, key});
      mirror.erase(key);
    }
    if (after != nullptr) {
      by_group.insert({after->group, key});
      mirror.emplace(key, *after);
    }
  }
};

struct Machine {
  Store store;
  RowTable rows{store, TableId::Nodes};
  TotalTable totals{store, TableId::Pools};
};

// Copies of plain maps stand for the journal.
struct Model {
  std::map<std::uint16_t, Row> rows;
  std::map<std::uint8_t, Total> totals;
};

using Stored = std::map<std::pair<TableId, Bytes>, Bytes>;

class Driver {
 public:
  Driver() { machine_.rows.add_observer(index_); }

  void step() {
    switch (*rc::gen::weightedElement<int>({{6, 0}, {3, 1}, {3, 2}, {1, 3}, {2, 4}, {2, 5}, {1, 6}, {1, 7}})) {
      case 0: put_row(); break;
      case 1: erase_row(); break;
      case 2: put_total(); break;
      case 3: update_row(); break;
      case 4: checkpoints_.emplace_back(machine_.store.checkpoint(), model_); break;
      case 5: rollback(); break;
      case 6: commit(); break;
      default: take_changes(); break;
    }
    compare();
  }

  void take_changes() {
    commit();
    std::set<std::pair<TableId, Bytes>> named;
    for (const Change& change : machine_.store.take_changes()) {
      const std::pair place(change.table, Bytes(change.key.begin(), change.key.end()));
      RC_ASSERT(named.insert(place).second);
      if (change.row) {
        stored_[place] = Bytes(change.row->begin(), change.row->end());
      } else {
        stored_.erase(place);
      }
    }
    RC_ASSERT(stored_ == encoded_model());
    RC_ASSERT(machine_.store.take_changes().empty());
    compare_with_restart();
  }

 private:
  void put_row() {
    const auto key = *rc::gen::inRange<std::uint16_t>(0, 12);
    const Row row{*rc::gen::inRange<std::uint8_t>(0, 3), *rc::gen::string<std::string>()};
    machine_.rows.put(key, row);
    model_.rows[key] = row;
  }

  void erase_row() {
    if (model_.rows.empty()) return;
    const auto key = std::next(model_.rows.begin(),
                               *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(model_.rows.size())))
                         ->first;
    machine_.rows.erase(key);
    model_.rows.erase(key);
  }

  void update_row() {
    if (model_.rows.empty()) return;
    const auto key = model_.rows.begin()->first;
    machine_.rows.update(key, [](Row& row) { row.name += "!"; });
    model_.rows[key].name += "!";
  }

  void put_total() {
    const auto key = *rc::gen::inRange<std::uint8_t>(0, 3);
    const auto amount = *rc::gen::arbitrary<std::uint64_t>();
    machine_.totals.put(key, {amount});
    model_.totals[key] = {amount};
  }

  void rollback() {
    if (checkpoints_.empty()) return;
    const auto at = *rc::gen::inRange<std::size_t>(0, checkpoints_.size());
    machine_.store.rollback(checkpoints_[at].first);
    model_ = checkpoints_[at].second;
    checkpoints_.resize(at);
  }

  void commit() {
    machine_.store.commit();
    checkpoints_.clear();
  }

  void compare() {
    RC_ASSERT((std::map<std::uint16_t, Row>(machine_.rows.begin(), machine_.rows.end())) == model_.rows);
    RC_ASSERT((std::map<std::uint8_t, Total>(machine_.totals.begin(), machine_.totals.end())) == model_.totals);
    RC_ASSERT(index_.mirror == model_.rows);
    std::set<std::pair<std::uint8_t, std::uint16_t>> rebuilt;
    for (const auto& [key, row] : model_.rows) rebuilt.insert({row.group, key});
    RC_ASSERT(index_.by_group == rebuilt);
  }

  [[nodiscard]] Stored encoded_model() const {
    Stored result;
    for (const auto& [key, row] : model_.rows) result[{TableId::Nodes, encode(key)}] = encode(row);
    for (const auto& [key, row] : model_.totals) result[{TableId::Pools, encode(key)}] = encode(row);
    return result;
  }

  // A machine that loads the stored rows, in another order, has the same rows, root and proofs.
  void compare_with_restart() const {
    Machine fresh;
    for (auto it = stored_.rbegin(); it != stored_.rend(); ++it) {
      RC_ASSERT(fresh.store.load(it->first.first, it->first.second, it->second));
    }
    RC_ASSERT(fresh.store.root() == machine_.store.root());
    RC_ASSERT((std::map<std::uint16_t, Row>(fresh.rows.begin(), fresh.rows.end())) == model_.rows);
    const Hash32 root = machine_.store.root();
    for (std::uint16_t key = 0; key < 12; ++key) {
      const Bytes bytes = encode(key);
      const auto row = machine_.store.find_encoded(TableId::Nodes, bytes);
      RC_ASSERT(row.has_value() == model_.rows.contains(key));
      const auto value = row ? std::optional(row_value(*row)) : std::nullopt;
      const MerkleProof proof = machine_.store.prove(TableId::Nodes, bytes);
      RC_ASSERT(verify_merkle_proof(root, row_path(TableId::Nodes, bytes), value, proof));
    }
  }

  Machine machine_;
  Index index_;
  Model model_;
  std::vector<std::pair<std::size_t, Model>> checkpoints_;
  Stored stored_;
};

RC_GTEST_PROP(Store, AgreesWithCopiesOfPlainMaps, ()) {
  Driver driver;
  const auto steps = *rc::gen::inRange(1, 80);
  for (int i = 0; i < steps; ++i) driver.step();
  driver.take_changes();
}

TEST(Store, RowsOfDifferentTablesDoNotMeet) {
  const Bytes key = {1};
  EXPECT_NE(row_path(TableId::Nodes, key), row_path(TableId::Pools, key));
  EXPECT_NE(row_path(TableId::Nodes, Bytes{1, 2}), row_path(TableId::Nodes, Bytes{1}));
}

// The worked example of docs/formats/encoding.md.
TEST(Store, RootOfTheWorkedExample) {
  Machine machine;
  machine.totals.put(0, {1'000'000'000});
  machine.totals.put(1, {5});
  machine.store.commit();
  static_cast<void>(machine.store.take_changes());
  const Hash32 path0 = row_path(TableId::Pools, Bytes{0});
  const Hash32 path1 = row_path(TableId::Pools, Bytes{1});
  EXPECT_EQ(path0, sha256("\x0fstarminer/row/1\x05" + std::string(1, '\0')));
  EXPECT_EQ(row_value(encode(Total{5})), sha256("\x11starminer/value/1" + std::string("\0\0\0\0\0\0\0\5", 8)));
  EXPECT_EQ(path0.hex(), "da25aa469841931a3356bd41d9e6f4aacc4b476f92a66d0b5b534e6365afd461");
  EXPECT_EQ(path1.hex(), "d08b63d5d8bb6debe94fb9e3c6e577587d1ddbaed19533285b9099166070ff35");
  EXPECT_EQ(machine.store.root().hex(), "db0f107633ad82124d9b8c2068aa4211f318293a8b0144794c69e9469d2686f8");
}

}  // namespace
}  // namespace starminer::protocol::state
