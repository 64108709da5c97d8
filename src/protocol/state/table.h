// A typed table of the state: lookup, ordered iteration, journal, dirty set, canonical encoding, observers.
// Rows are plain aggregates and change only through `put` and `erase`, so that journal and indexes never miss a write.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/state/store.h"

namespace starminer::protocol::state {

/// Is told of every change of a table, also of those that a rollback makes: secondary indexes and running sums.
template <class Key, class Row>
class Observer {
 public:
  virtual ~Observer() = default;
  /// `before` is null for a new row, `after` for an erased one.
  virtual void on_change(const Key& key, const Row* before, const Row* after) = 0;
};

template <class Key, class Row>
class Table final : public TableBase {
 public:
  using Map = std::map<Key, Row>;

  Table(Store& store, TableId id) : TableBase(id), store_(store) { store.add_table(*this); }

  [[nodiscard]] const Row* find(const Key& key) const {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }
  /// Requires: the row exists.
  [[nodiscard]] const Row& get(const Key& key) const {
    const Row* row = find(key);
    STARMINER_CHECK(row != nullptr);
    return *row;
  }
  [[nodiscard]] bool contains(const Key& key) const { return rows_.contains(key); }
  [[nodiscard]] std::size_t size() const override { return rows_.size(); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// Rows in key order.
  [[nodiscard]] auto begin() const { return rows_.begin(); }
  [[nodiscard]] auto end() const { return rows_.end(); }
  [[nodiscard]] auto lower_bound(const Key& key) const { return rows_.lower_bound(key); }
  [[nodiscard]] auto upper_bound(const Key& key) const { return rows_.upper_bound(key); }

  /// Inserts or replaces. References to the row stay valid and see the new value.
  void put(const Key& key, Row row) {
    const auto [it, inserted] = rows_.try_emplace(key);
    undo_.emplace_back(key, inserted ? std::nullopt : std::optional<Row>(it->second));
    store_.record(*this);
    dirty_.push_back(key);
    it->second = std::move(row);
    // The map's own key: `key` may live in the row that was just replaced.
    notify(it->first, inserted ? nullptr : &*undo_.back().second, &it->second);
  }

  /// Changes an existing row in place by `change(Row&)`. Requires: the row exists.
  template <class Change>
  void update(const Key& key, Change change) {
    Row row = get(key);
    change(row);
    put(key, std::move(row));
  }

  /// Requires: the row exists.
  void erase(const Key& key) {
    const auto it = rows_.find(key);
    STARMINER_CHECK(it != rows_.end());
    auto node = rows_.extract(it);  // keeps the map's own key: `key` may live in the row that goes
    undo_.emplace_back(node.key(), std::move(node.mapped()));
    store_.record(*this);
    dirty_.push_back(node.key());
    notify(node.key(), &*undo_.back().second, nullptr);
  }

  /// The observer must outlive the table's writes. It is told of the rows that exist already.
  void add_observer(Observer<Key, Row>& observer) {
    observers_.push_back(&observer);
    for (const auto& [key, row] : rows_) observer.on_change(key, nullptr, &row);
  }

  void undo_last() override {
    auto [key, before] = std::move(undo_.back());
    undo_.pop_back();
    const auto it = rows_.find(key);
    std::optional<Row> after;
    if (it != rows_.end()) after = std::move(it->second);
    if (before) {
      Row& row = rows_[key];
      row = std::move(*before);
      notify(key, after ? &*after : nullptr, &row);
    } else {
      rows_.erase(it);
      notify(key, &*after, nullptr);
    }
  }

  void clear_journal() override { undo_.clear(); }

  void collect_changes(std::vector<Change>& out) override {
    std::sort(dirty_.begin(), dirty_.end());
    dirty_.erase(std::unique(dirty_.begin(), dirty_.end()), dirty_.end());
    for (const Key& key : dirty_) {
      const Row* row = find(key);
      out.push_back({id(), encode(key), row != nullptr ? std::optional<Bytes>(encode(*row)) : std::nullopt});
    }
    dirty_.clear();
  }

  [[nodiscard]] bool load(ByteView key_bytes, ByteView row_bytes) override {
    auto key = decode<Key>(key_bytes);
    auto row = decode<Row>(row_bytes);
    if (!key || !row) return false;
    const auto [it, inserted] = rows_.try_emplace(*key, std::move(*row));
    if (inserted) notify(*key, nullptr, &it->second);
    return inserted;
  }

  [[nodiscard]] std::optional<Bytes> find_encoded(ByteView key_bytes) const override {
    const auto key = decode<Key>(key_bytes);
    const Row* row = key ? find(*key) : nullptr;
    return row != nullptr ? std::optional<Bytes>(encode(*row)) : std::nullopt;
  }

 private:
  void notify(const Key& key, const Row* before, const Row* after) {
    for (Observer<Key, Row>* observer : observers_) observer->on_change(key, before, after);
  }

  Store& store_;
  Map rows_;
  std::vector<std::pair<Key, std::optional<Row>>> undo_;
  std::vector<Key> dirty_;
  std::vector<Observer<Key, Row>*> observers_;
};

}  // namespace starminer::protocol::state
