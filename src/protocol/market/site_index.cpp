#include "protocol/market/site_index.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

bool is_host(const NodeRow* row) {
  return row != nullptr && !row->offer.site.empty() && row->status != NodeStatus::Left && !row->leaving;
}

SiteKey key_of(const NodeRow& row) { return {row.hardware_class, row.offer.region, row.provider, row.offer.site}; }

}  // namespace

SiteIndex::Counts SiteIndex::counts_of(const Host& host) {
  Counts counts{};
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    counts[static_cast<std::size_t>(Room::Installed)][step] = host.row->hardware.devices > step ? 1 : 0;
    counts[static_cast<std::size_t>(Room::Free)][step] = host.free_devices > step ? 1 : 0;
  }
  return counts;
}

template <class Change>
void SiteIndex::update(const SiteKey& key, const Change& change) {
  Site& site = sites_[key];
  const Counts before = site.counts;
  change(site);
  rank(key, before, site.counts);
  if (site.hosts.empty()) sites_.erase(key);
}

void SiteIndex::rank(const SiteKey& key, const Counts& before, const Counts& after) {
  constexpr std::uint32_t kFew = 2;
  for (const Room room : {Room::Installed, Room::Free}) {
    for (std::uint32_t step = 0; step < kSteps; ++step) {
      const std::uint32_t old = before[static_cast<std::size_t>(room)][step];
      const std::uint32_t now = after[static_cast<std::size_t>(room)][step];
      if (old == now) continue;
      const RankKey order{key.hardware_class, room, step + 1};
      Ranking& ranking = ranked_[order];
      if (old >= kFew) ranking.erase({old, key});
      if (now >= kFew) ranking.insert({now, key});
      if (ranking.empty()) ranked_.erase(order);
    }
  }
}

void SiteIndex::change(const NodeId& id, const NodeRow* before, const NodeRow* after, std::uint32_t free_devices) {
  const std::uint32_t dense_id = after != nullptr ? after->dense_id : before->dense_id;
  if (const auto at = of_host_.find(dense_id); at != of_host_.end()) {
    // The row before may be gone, so what it had is asked of the record of the change.
    STARMINER_CHECK(before != nullptr);
    update(at->second, [&](Site& site) {
      const auto host = site.hosts.find(dense_id);
      host->second.row = before;
      const Counts lost = counts_of(host->second);
      for (std::size_t room = 0; room < lost.size(); ++room) {
        for (std::size_t step = 0; step < kSteps; ++step) site.counts[room][step] -= lost[room][step];
      }
      site.hosts.erase(host);
    });
    of_host_.erase(at);
  }
  if (!is_host(after)) return;
  const SiteKey key = key_of(*after);
  of_host_.emplace(dense_id, key);
  update(key, [&](Site& site) {
    const Host host{id, after, free_devices};
    const Counts gained = counts_of(host);
    for (std::size_t room = 0; room < gained.size(); ++room) {
      for (std::size_t step = 0; step < kSteps; ++step) site.counts[room][step] += gained[room][step];
    }
    site.hosts.emplace(dense_id, host);
  });
}

void SiteIndex::change_free(std::uint32_t dense_id, std::uint32_t free_devices) {
  const auto at = of_host_.find(dense_id);
  if (at == of_host_.end()) return;
  update(at->second, [&](Site& site) {
    Host& host = site.hosts.at(dense_id);
    auto& counts = site.counts[static_cast<std::size_t>(Room::Free)];
    for (std::uint32_t step = 0; step < kSteps; ++step) {
      counts[step] -= host.free_devices > step ? 1 : 0;
      counts[step] += free_devices > step ? 1 : 0;
    }
    host.free_devices = free_devices;
  });
}

bool SiteIndex::any(const ClassSet& classes, Room room, std::uint32_t devices, std::uint32_t hosts) const {
  const std::uint32_t step = std::min(devices, kSteps);
  return std::any_of(ranked_.begin(), ranked_.end(), [&](const auto& entry) {
    const auto& [key, ranking] = entry;
    return key.room == room && key.step == step && classes.test(key.hardware_class) && ranking.rbegin()->first >= hosts;
  });
}

std::optional<std::uint32_t> SiteIndex::site_of(std::uint32_t dense_id, Room room, std::uint32_t devices,
                                                std::uint32_t hosts) const {
  const auto at = of_host_.find(dense_id);
  if (at == of_host_.end()) return std::nullopt;
  const Site& site = sites_.at(at->second);
  const std::uint32_t step = std::min(devices, kSteps);
  if (site.counts[static_cast<std::size_t>(room)][step - 1] < hosts) return std::nullopt;
  return site.hosts.begin()->first;
}

const std::map<std::uint32_t, SiteIndex::Host>& SiteIndex::hosts_of(std::uint32_t dense_id) const {
  return sites_.at(of_host_.at(dense_id)).hosts;
}

bool SiteIndex::is_consistent() const {
  std::map<RankKey, Ranking> ranked;
  std::size_t hosts = 0;
  for (const auto& [key, site] : sites_) {
    if (site.hosts.empty()) return false;
    Counts counts{};
    for (const auto& [dense_id, host] : site.hosts) {
      const auto known = of_host_.find(dense_id);
      if (known == of_host_.end() || known->second != key || key_of(*host.row) != key) return false;
      const Counts own = counts_of(host);
      for (std::size_t room = 0; room < own.size(); ++room) {
        for (std::size_t step = 0; step < kSteps; ++step) counts[room][step] += own[room][step];
      }
      ++hosts;
    }
    if (counts != site.counts) return false;
    for (const Room room : {Room::Installed, Room::Free}) {
      for (std::uint32_t step = 0; step < kSteps; ++step) {
        const std::uint32_t count = counts[static_cast<std::size_t>(room)][step];
        if (count > 1) ranked[{key.hardware_class, room, step + 1}].insert({count, key});
      }
    }
  }
  return ranked == ranked_ && hosts == of_host_.size();
}

}  // namespace starminer::protocol
