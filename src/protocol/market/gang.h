// Gangs (protocol section 3): a job that need not lie on one node may be split over hosts of one site, in equal parts,
// all or nothing. How it may be split, and the hosts that would take it. Questions about one moment; nothing is
// written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"
#include "protocol/market/site_index.h"

namespace starminer::protocol {

class NodeIndex;

/// What each of so many hosts takes: the same whole GPUs, an equal part of CPU and memory, rounded up, and all of the
/// disk, since each fetches all inputs. Requires: the GPUs can be divided so, or `hosts` is 1.
[[nodiscard]] Resources part_of(const Resources& whole, std::uint32_t hosts);

/// A way to split a job.
struct Split {
  std::uint32_t hosts = 0;  // two or more
  JobSpec part;             // of each host
};
/// The most hosts that may share the job; 1 where it must lie on one node.
[[nodiscard]] std::uint32_t most_hosts_of(const JobSpec& spec);
/// Fewest hosts first; empty where the job must lie on one node.
[[nodiscard]] std::vector<Split> splits_of(const JobSpec& spec);

/// The part of a job that one host of a gang takes, at the job's terms. `job` and `split` must outlive it.
[[nodiscard]] Demand part_of(const Demand& job, const Split& split);

/// Counts hosts by their sites, until one has enough for a way to split a job.
class HostCount {
 public:
  /// All must outlive the object.
  HostCount(const SiteIndex& sites, const Split& split, SiteIndex::Room room)
      : sites_(sites), split_(split), room_(room) {}

  /// Whether some site of these classes may have enough at all.
  [[nodiscard]] bool may_reach(const ClassSet& classes) const;
  /// The site of a node that is worth a look: it may have enough.
  [[nodiscard]] std::optional<std::uint32_t> site_of(const NodeRow& node) const;
  /// One more host of this site passes; whether it has enough now.
  [[nodiscard]] bool add(std::uint32_t site) { return ++counts_[site] >= split_.hosts; }

 private:
  const SiteIndex& sites_;
  const Split& split_;
  SiteIndex::Room room_;
  std::map<std::uint32_t, std::uint32_t> counts_;
};

/// Places of sites with enough hosts that could ever run their part.
[[nodiscard]] std::vector<std::pair<ClassId, RegionId>> gang_places(const NodeIndex& nodes, const Demand& job,
                                                                    const Split& split);
/// Whether the job, split in any of its ways, finds enough hosts that could ever run their part and pass.
using PartTest = std::function<bool(const Demand& part, const NodeView& node)>;
[[nodiscard]] bool could_be_gang(const NodeIndex& nodes, const Demand& job, const PartTest& passes);

/// The way to split the job that a question about it is answered for: into `hosts`, or where that is 0, none where a
/// node could ever run it, else the one of fewest hosts that some site could. Empty: as one.
[[nodiscard]] std::optional<Split> split_asked_for(const NodeIndex& nodes, const Demand& job, std::size_t hosts);

}  // namespace starminer::protocol
