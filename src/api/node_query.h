// A question about nodes: which, in what order, which part of the list. Answers hold the state for short moments only,
// one piece of the registry after the other; a node that does not change while the pages of a list are read is on
// exactly one of them. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/http/message.h"
#include "api/node_fields.h"
#include "api/search/filter.h"
#include "api/search/order.h"
#include "engine/engine.h"

namespace starminer::api {

/// The parameters that name one attribute each; all of them and the filter must hold.
struct NodeAttributes {
  std::optional<protocol::ClassId> hardware_class;
  std::optional<protocol::RegionId> region;
  std::optional<protocol::NodeStatus> status;
  std::optional<AccountId> provider;
  std::optional<std::size_t> kind;
  std::uint64_t free_min = 0;
};

class NodeQuery {
 public:
  /// Of the parameters where, sort, class, region, status, provider, kind and free_min. Fails with bad_filter,
  /// bad_sort, bad_parameter, bad_id, bad_query.
  [[nodiscard]] static Result<NodeQuery, http::Problem> parse(const engine::Engine& engine,
                                                              const http::Request& request);

  struct Found {
    std::string key;
    NodeId id;
  };
  struct Page {
    std::vector<Found> rows;
    std::optional<std::string> next;  // text of the place behind the last row; empty: the list ends here
    std::uint64_t matching = 0;       // nodes that were looked at and pass
  };
  /// Rows behind `after`, which is the `next` of another page. In the order of ids it looks at `scan_max` nodes at most
  /// and then gives a shorter page; in any other order it looks at all. Fails with bad_parameter for a wrong `after`.
  [[nodiscard]] Result<Page, http::Problem> page(const engine::Engine& engine, const std::optional<std::string>& after,
                                                 std::size_t limit, std::size_t scan_max) const;
  /// The first rows, and how many there are in all.
  [[nodiscard]] Page first(const engine::Engine& engine, std::size_t limit) const;

  /// Whether an answer may take a look at every node, which is costly.
  [[nodiscard]] bool looks_at_all() const { return !order_.is_default(); }

 private:
  explicit NodeQuery(NodeFields fields) : fields_(std::make_shared<const NodeFields>(std::move(fields))) {}
  [[nodiscard]] bool passes(const NodeFacts& facts) const;
  [[nodiscard]] std::string key_of(const NodeFacts& facts) const;
  [[nodiscard]] Page scan(const engine::Engine& engine, std::size_t limit,
                          const std::optional<std::string>& behind) const;
  [[nodiscard]] Page walk(const engine::Engine& engine, std::size_t limit, const std::optional<NodeId>& behind,
                          std::size_t scan_max) const;

  std::shared_ptr<const NodeFields> fields_;
  search::Filter filter_{};
  search::Order order_{};
  NodeAttributes attributes_{};
};

/// The found nodes as JSON, in their order; one that has gone meanwhile is left out.
[[nodiscard]] nlohmann::json render_found(const engine::Engine& engine, const std::vector<NodeQuery::Found>& rows);

}  // namespace starminer::api
