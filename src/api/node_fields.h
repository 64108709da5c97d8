// What nodes can be searched by: every public attribute of a node, with the values that exist on this chain. The same
// figures as render_node shows. A table belongs to one moment of the governed tables (classes, regions, tiers).
// The caller holds the state while facts are read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/search/field.h"
#include "protocol/machine.h"

namespace starminer::api {

/// A node while the state is held.
class NodeFacts {
 public:
  NodeFacts(const protocol::Machine& machine, const NodeId& id, const protocol::NodeRow& row, TimeMs now)
      : machine_(machine), id_(id), row_(row), now_(now) {}

  [[nodiscard]] const NodeId& id() const { return id_; }
  [[nodiscard]] const protocol::NodeRow& row() const { return row_; }
  [[nodiscard]] TimeMs now() const { return now_; }
  [[nodiscard]] const protocol::Machine& machine() const { return machine_; }
  [[nodiscard]] const protocol::CapacityRow& capacity() const;
  [[nodiscard]] std::uint64_t free_milli() const;
  [[nodiscard]] std::uint64_t reputation(std::size_t kind) const;
  /// Keeps a text until the next one, for a view of it.
  [[nodiscard]] std::string_view keep(std::string text) const {
    kept_ = std::move(text);
    return kept_;
  }

 private:
  const protocol::Machine& machine_;
  const NodeId& id_;
  const protocol::NodeRow& row_;
  TimeMs now_;
  mutable const protocol::CapacityRow* capacity_ = nullptr;
  mutable std::string kept_;
};

class NodeFields {
 public:
  explicit NodeFields(const protocol::Machine& machine);

  [[nodiscard]] const search::Schema& schema() const { return schema_; }
  /// The view that a word is holds until the next call with the same facts.
  [[nodiscard]] search::Value read(std::size_t field, const NodeFacts& facts) const { return getters_[field](facts); }

 private:
  using Getter = std::function<search::Value(const NodeFacts&)>;
  void add(search::Field field, Getter getter);
  void add_identity(const protocol::Machine& machine);
  void add_hardware();
  void add_free();
  void add_quality();
  void add_prices(const protocol::Machine& machine);
  void add_place(const protocol::Machine& machine);
  void add_reserve();

  search::Schema schema_;
  std::vector<Getter> getters_;
};

/// What a plain job (one GPU, nothing special, up to an hour) would pay per GPU-hour on the node now.
[[nodiscard]] Price plain_price(const protocol::Machine& machine, protocol::TierId tier, const NodeId& id,
                                const protocol::NodeRow& row, TimeMs now);
/// The owner's least price, per GPU-hour.
[[nodiscard]] Price floor_price(const protocol::Machine& machine, const protocol::NodeRow& row);

}  // namespace starminer::api
