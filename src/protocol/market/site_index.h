// Hosts that lie together: nodes of one provider that name the same site, in one class and region, with how many of
// them have, or have free, so many whole devices. Asked for gangs (gang.h), it says at once that there are too few;
// what else a job wants is asked of the hosts themselves. Fed with every change of a node and of what is
// free on it, so that a rollback or a load leaves it right. One writer; questions only between writes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "protocol/market/demand.h"
#include "protocol/registry/rows.h"

namespace starminer::protocol {

struct SiteKey {
  ClassId hardware_class = 0;
  RegionId region = 0;
  AccountId provider;
  std::string name;

  auto operator<=>(const SiteKey&) const = default;
};

class SiteIndex {
 public:
  struct Host {
    NodeId id;
    const NodeRow* row = nullptr;
    std::uint32_t free_devices = 0;  // whole ones
  };

  /// A row of the registry came, changed or went; null: not there. The rows must live until their next change.
  void change(const NodeId& id, const NodeRow* before, const NodeRow* after, std::uint32_t free_devices);
  /// Of an unknown id: nothing.
  void change_free(std::uint32_t dense_id, std::uint32_t free_devices);

  enum class Room : std::uint8_t { Installed = 0, Free = 1 };
  /// Whether some site of these classes has so many hosts with so many whole devices, installed or free.
  [[nodiscard]] bool any(const ClassSet& classes, Room room, std::uint32_t devices, std::uint32_t hosts) const;
  /// The site of a node, named by its host of the least dense id, where it has so many hosts with so many devices.
  [[nodiscard]] std::optional<std::uint32_t> site_of(std::uint32_t dense_id, Room room, std::uint32_t devices,
                                                     std::uint32_t hosts) const;
  /// The hosts of a node's site. Requires: it has one.
  [[nodiscard]] const std::map<std::uint32_t, Host>& hosts_of(std::uint32_t dense_id) const;

  [[nodiscard]] std::size_t sites() const { return sites_.size(); }
  /// Sums and orders are those of the hosts. For tests: slow.
  [[nodiscard]] bool is_consistent() const;

 private:
  static constexpr std::uint32_t kSteps = 8;  // hosts with 1..8 devices and more are counted apart
  using Counts = std::array<std::array<std::uint32_t, kSteps>, 2>;
  struct Site {
    std::map<std::uint32_t, Host> hosts;  // by dense id
    Counts counts{};                      // by Room
  };
  struct RankKey {
    ClassId hardware_class = 0;
    Room room{};
    std::uint32_t step = 0;

    auto operator<=>(const RankKey&) const = default;
  };
  using Ranking = std::set<std::pair<std::uint32_t, SiteKey>>;  // of sites with two such hosts or more

  [[nodiscard]] static Counts counts_of(const Host& host);
  template <class Change>
  void update(const SiteKey& key, const Change& change);
  void rank(const SiteKey& key, const Counts& before, const Counts& after);

  std::map<SiteKey, Site> sites_;
  std::map<std::uint32_t, SiteKey> of_host_;
  std::map<RankKey, Ranking> ranked_;
};

}  // namespace starminer::protocol
