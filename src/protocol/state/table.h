// A typed table of the state: lookup, ordered iteration, journal, dirty set, canonical encoding, observers.
// Rows are plain aggregates and change only through `put` and `erase`, so that journal and indexes never miss a write.
// Rows stand in a map, for the order and for references that stay valid; a hash index over it finds them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/state/row_index.h"
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
    const auto row = index_.find(key).row;
    return row == rows_.end() ? nullptr : &row->second;
  }
  /// Requires: the row exists.
  [[nodiscard]] const Row& get(const Key& key) const {
    const Row* row = find(key);
    STARMINER_CHECK(row != nullptr);
    return *row;
  }
  [[nodiscard]] bool contains(const Key& key) const { return find(key) != nullptr; }
  [[nodiscard]] std::size_t size() const override { return rows_.size(); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// Rows in key order.
  [[nodiscard]] auto begin() const { return rows_.begin(); }
  [[nodiscard]] auto end() const { return rows_.end(); }
  [[nodiscard]] auto lower_bound(const Key& key) const { return rows_.lower_bound(key); }
  [[nodiscard]] auto upper_bound(const Key& key) const { return rows_.upper_bound(key); }

  /// Inserts or replaces. References to the row stay valid and see the new value.
  void put(const Key& key, Row row) {
    const auto found = index_.find(key);
    if (found.row == rows_.end()) {
      const auto at = rows_.try_emplace(key, std::move(row)).first;
      touch(index_.insert(at), at->first);
      undo_.emplace_back(at->first, std::nullopt);
      store_.record(*this);
      notify(at->first, nullptr, &at->second);
      return;
    }
    // From here on the map's own key: `key` may live in the row that is replaced.
    touch(found.slot, found.row->first);
    const Row& before = *undo_.emplace_back(found.row->first, std::move(found.row->second)).second;
    store_.record(*this);
    found.row->second = std::move(row);
    notify(found.row->first, &before, &found.row->second);
  }

  /// Changes an existing row in place by `change(Row&)`, which must not look at the table. Requires: the row exists.
  template <class Change>
  void update(const Key& key, Change change) {
    STARMINER_CHECK(try_update(key, change));
  }
  /// The same where the row exists; false where it does not.
  template <class Change>
  bool try_update(const Key& key, Change change) {
    const auto found = index_.find(key);
    if (found.row == rows_.end()) return false;
    touch(found.slot, found.row->first);
    const Row& before = *undo_.emplace_back(found.row->first, found.row->second).second;
    store_.record(*this);
    change(found.row->second);
    notify(found.row->first, &before, &found.row->second);
    return true;
  }

  /// Requires: the row exists.
  void erase(const Key& key) {
    const auto found = index_.find(key);
    STARMINER_CHECK(found.row != rows_.end());
    touch(found.slot, found.row->first);
    index_.erase(found);
    auto node = rows_.extract(found.row);  // keeps the map's own key: `key` may live in the row that goes
    const Row& before = *undo_.emplace_back(node.key(), std::move(node.mapped())).second;
    store_.record(*this);
    notify(node.key(), &before, nullptr);
  }

  /// The observer must outlive the table's writes. It is told of the rows that exist already.
  void add_observer(Observer<Key, Row>& observer) {
    observers_.push_back(&observer);
    for (const auto& [key, row] : rows_) observer.on_change(key, nullptr, &row);
  }

  void undo_last() override {
    auto [key, before] = std::move(undo_.back());
    undo_.pop_back();
    const auto found = index_.find(key);
    if (!before) {
      index_.erase(found);
      const auto node = rows_.extract(found.row);
      notify(key, &node.mapped(), nullptr);
    } else if (found.row != rows_.end()) {
      const Row after = std::exchange(found.row->second, std::move(*before));
      notify(key, &after, &found.row->second);
    } else {
      const auto at = rows_.try_emplace(key, std::move(*before)).first;
      index_.insert(at);
      notify(key, nullptr, &at->second);
    }
  }

  void clear_journal() override { clear_for_reuse(undo_); }

  void collect_changes(ChangeSet& out) override {
    for (std::size_t i = 0; i < touched_.size(); ++i) {
      if (i + kAhead < touched_.size()) index_.prefetch(touched_[i + kAhead]);
      const auto found = index_.find(touched_[i]);
      if (found.slot != nullptr) found.slot->touched = false;
      out.add(id(), touched_[i], found.row == rows_.end() ? nullptr : &found.row->second);
    }
    clear_for_reuse(touched_);
  }

  [[nodiscard]] bool load(ByteView key_bytes, ByteView row_bytes) override {
    auto key = decode<Key>(key_bytes);
    auto row = decode<Row>(row_bytes);
    if (!key || !row) return false;
    const std::size_t before = rows_.size();
    // Storage gives rows in the order of their keys, mostly.
    const auto at = rows_.try_emplace(rows_.end(), *key, std::move(*row));
    if (rows_.size() == before) return false;
    index_.insert(at);
    notify(*key, nullptr, &at->second);
    return true;
  }

  [[nodiscard]] std::optional<Bytes> find_encoded(ByteView key_bytes) const override {
    const auto key = decode<Key>(key_bytes);
    const Row* row = key ? find(*key) : nullptr;
    return row != nullptr ? std::optional<Bytes>(encode(*row)) : std::nullopt;
  }

 private:
  static constexpr std::size_t kAhead = 8;

  /// Notes that storage must hear of this row; once is enough.
  void touch(typename RowIndex<Map>::Slot* slot, const Key& key) {
    if (slot != nullptr && std::exchange(slot->touched, true)) return;
    touched_.push_back(key);
  }
  void notify(const Key& key, const Row* before, const Row* after) {
    for (Observer<Key, Row>* observer : observers_) observer->on_change(key, before, after);
  }

  Store& store_;
  Map rows_;
  mutable RowIndex<Map> index_{rows_};  // look-ups give iterators that may write
  std::vector<std::pair<Key, std::optional<Row>>> undo_;
  std::vector<Key> touched_;  // since the last collect_changes, in the order of their first write, some more than once
  std::vector<Observer<Key, Row>*> observers_;
};

}  // namespace starminer::protocol::state
