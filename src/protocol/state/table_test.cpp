#include "protocol/state/table.h"

#include <string>

#include <gtest/gtest.h>

namespace starminer::protocol::state {
namespace {

struct Row {
  std::string self;
  std::uint64_t value = 0;

  bool operator==(const Row&) const = default;
};

using Names = Table<std::string, Row>;

struct Log final : Observer<std::string, Row> {
  std::vector<std::string> lines;
  void on_change(const std::string& key, const Row* before, const Row* after) override {
    const auto text = [](const Row* row) { return row != nullptr ? std::to_string(row->value) : std::string("-"); };
    lines.push_back(key + " " + text(before) + " " + text(after));
  }
};

TEST(Table, LookupAndOrder) {
  Store store;
  Names names(store, TableId::Accounts);
  EXPECT_TRUE(names.empty());
  names.put("b", {"b", 2});
  names.put("a", {"a", 1});
  names.put("c", {"c", 3});
  EXPECT_EQ(names.size(), 3U);
  EXPECT_EQ(names.find("d"), nullptr);
  EXPECT_EQ(names.get("b").value, 2U);
  EXPECT_EQ(names.begin()->first, "a");
  EXPECT_EQ(names.lower_bound("b")->first, "b");
  EXPECT_EQ(names.upper_bound("b")->first, "c");
  names.update("b", [](Row& row) { row.value += 10; });
  EXPECT_EQ(names.get("b").value, 12U);
}

TEST(Table, ObserversSeeEveryChangeAndEveryUndo) {
  Store store;
  Names names(store, TableId::Accounts);
  names.put("old", {"old", 1});
  Log log;
  names.add_observer(log);
  const std::size_t start = store.checkpoint();
  names.put("new", {"new", 2});
  names.put("new", {"new", 3});
  names.erase("old");
  store.rollback(start);
  EXPECT_EQ(log.lines,
            (std::vector<std::string>{"old - 1", "new - 2", "new 2 3", "old 1 -", "old - 1", "new 3 2", "new 2 -"}));
}

// A caller may hold the key inside the row that it replaces or erases.
TEST(Table, AKeyMayLiveInItsRow) {
  Store store;
  Names names(store, TableId::Accounts);
  Log log;
  const std::string key = "a key that is too long to be stored inside the string object";
  names.put(key, {key, 1});
  names.add_observer(log);
  names.put(names.get(key).self, {"replaced by another text of some length, longer than before", 2});
  names.put(key, {key, 3});
  names.erase(names.get(key).self);
  EXPECT_EQ(log.lines, (std::vector<std::string>{key + " - 1", key + " 1 2", key + " 2 3", key + " 3 -"}));
  store.commit();
  const auto changes = store.take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(decode<std::string>(changes[0].key), key);
  EXPECT_FALSE(changes[0].row);
}

TEST(Table, ReferencesStayValid) {
  Store store;
  Names names(store, TableId::Accounts);
  names.put("a", {"a", 1});
  const Row& row = names.get("a");
  for (int i = 0; i < 100; ++i) names.put(std::to_string(i), {});
  names.put("a", {"a", 2});
  EXPECT_EQ(row.value, 2U);
}

TEST(Table, LoadRefusesBytesThatAreNoRow) {
  Store store;
  Names names(store, TableId::Accounts);
  const Bytes key = encode(std::string("a")), row = encode(Row{"a", 1});
  EXPECT_FALSE(store.load(TableId::Accounts, key, ByteView(row).first(row.size() - 1)));
  EXPECT_FALSE(store.load(TableId::Accounts, ByteView(key).first(4), row));
  EXPECT_FALSE(store.load(TableId::Jobs, key, row));
  EXPECT_TRUE(store.root().is_zero());
  EXPECT_TRUE(store.load(TableId::Accounts, key, row));
  EXPECT_FALSE(store.load(TableId::Accounts, key, row)) << "twice the same row";
  EXPECT_EQ(names.get("a"), (Row{"a", 1}));
}

TEST(Table, OurBugsStopTheProcess) {
  Store store;
  Names names(store, TableId::Accounts);
  EXPECT_DEATH(names.erase("missing"), "assertion failed");
  EXPECT_DEATH(static_cast<void>(names.get("missing")), "assertion failed");
  EXPECT_DEATH(Names(store, TableId::Accounts), "assertion failed");
  names.put("a", {});
  EXPECT_DEATH(static_cast<void>(store.take_changes()), "assertion failed") << "not committed";
  EXPECT_DEATH(store.rollback(2), "assertion failed");
}

}  // namespace
}  // namespace starminer::protocol::state
