// One pass over the waiting jobs in the order of their keys: who may start now, and which nodes are held for whom
// (protocol section 2). EASY backfill: the first job of a class that cannot start reserves one node, namely the one
// where it fits earliest as its occupants reach their latest ends; later jobs may use it if they surely end before.
// A Premium job that cannot start gives notice to work that it pre-empts, and waits for that node alone (preemption.h).
// A pass reads one moment of the state and writes nothing. After a match it goes on where all that it found before the
// job that started still holds, since less is free and nothing else moved; else a new pass begins.
// It looks at the nodes that may matter, by the index; without one (MarketView::known) it looks at all, and finds the
// same. Proven by test, and that no job with a later key delays the projected start of a job that reserves.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/fragmentation.h"
#include "protocol/market/matching.h"
#include "protocol/market/node_list.h"
#include "protocol/market/preemption.h"
#include "protocol/market/site_index.h"
#include "protocol/operation/context.h"

namespace starminer::protocol {

class Scorer;
struct Ranked;
struct Split;

/// A node held for a job from a time on; of a gang, each host.
struct Reservation {
  JobId job;
  NodeId node;
  std::uint32_t dense_id = 0;
  TimeMs start;
  bool by_notice = false;  // then for nobody else, however soon it would end
};

class DispatchPass {
 public:
  /// `asking` is a job that does not wait yet and is asked about: its shape counts as demand.
  DispatchPass(const MarketView& market, const BlockContext& context, const JobSpec* asking = nullptr);

  /// What the first job in the order that can go on does: start on the winner, or give notice.
  struct Start {
    JobId job;
    Candidate winner;
    std::optional<Preemption> notice{};  // then there is no winner yet
    std::vector<Candidate> others{};     // hosts of its gang beside the winner's
  };
  /// Jobs before it have their reservations.
  [[nodiscard]] std::optional<Start> next_start();
  /// Makes ready for `next_start` to go on. Requires: the match that it gave last was made, and nothing else changed
  /// but that jobs without a node are parked. False where a new pass may find something else.
  [[nodiscard]] bool go_on();
  /// Lets the waiting jobs before a place make their reservations, for a question about a job that would stand there.
  void reserve_before(const Place& place);

  /// Every node, with the reservations so far. Made when it is first asked for: most starts need no look at all nodes.
  [[nodiscard]] const NodeList& nodes();
  [[nodiscard]] const std::vector<Reservation>& reservations() const { return reservations_; }
  /// Jobs met on the way, since it went on last, that no node serves at their max_price.
  [[nodiscard]] const std::vector<JobId>& priced_out() const { return priced_out_; }
  /// Jobs met on the way whose node cannot take them although all that had notice are gone.
  [[nodiscard]] const std::vector<JobId>& lost_nodes() const { return lost_nodes_; }
  /// Whether a node would take the job now, but for the constraints in `ignored`.
  [[nodiscard]] bool is_taken(const Demand& demand, ConstraintSet ignored);
  /// Whom the job would pre-empt now.
  [[nodiscard]] std::optional<Preemption> preemption(const Demand& demand, const JobId& job, const ClassSet& classes);
  /// The node that would win the job now, by a look at every node, with the second best and how many could take it.
  [[nodiscard]] std::optional<Match> choose(const Demand& demand, const JobId& job);
  /// The hosts that would win the job now as a gang of so few as it takes: those of the site whose best host is the
  /// best of all, best first.
  /// The first has the price of the cheapest, which is that of all. No hosts: it waits. Nothing: it is passed over, as
  /// this pass has looked over all nodes for too many gangs in vain; it must not hold what it was not looked for.
  [[nodiscard]] std::optional<std::vector<Candidate>> choose_gang(const Demand& demand, const JobId& job);
  /// When the job fits on a node at the latest, and on which; among nodes of these classes that only lack room.
  struct EarliestFit {
    NodeId node;
    std::uint32_t dense_id = 0;
    TimeMs start;
    std::vector<std::pair<std::uint32_t, NodeId>> others{};  // hosts of its gang beside that, by dense id
  };
  [[nodiscard]] std::optional<EarliestFit> earliest_fit(const Demand& demand, const ClassSet& classes);

 private:
  /// Of the typical demand, for scores in this pass.
  [[nodiscard]] const Fragmentation& fragmentation();
  /// Hosts for one way to split a job: of the site of the best host of all, or of any site.
  [[nodiscard]] std::vector<Ranked> hosts_beside(const Candidate& best, const Demand& part, const Split& split,
                                                 const Scorer& scorer);
  [[nodiscard]] std::vector<Ranked> hosts_anywhere(const Demand& part, const Split& split, const Scorer& scorer);
  /// Whether a node would take the waiting job now, or hosts of a site together; empty: it is passed over, as the pass
  /// has looked for too many gangs.
  [[nodiscard]] std::optional<bool> is_taken_in_turn(const Demand& demand);
  [[nodiscard]] bool is_taken_by_node(const Demand& demand, ConstraintSet ignored);
  [[nodiscard]] bool is_taken_by_gang(const Demand& demand, ConstraintSet ignored);
  /// Hosts of a site for questions of this pass.
  [[nodiscard]] const SiteIndex& sites();
  /// The earliest fit of a gang, where it is before `best`.
  void improve_by_gang(const Demand& demand, const ClassSet& classes, std::optional<EarliestFit>& best);
  /// The same winner, by the index where this pass decides.
  [[nodiscard]] std::optional<Candidate> winner(const Demand& demand, const JobId& job);
  [[nodiscard]] NodeView view_of(const NodeId& node) const;
  /// The same of a row that is at hand.
  [[nodiscard]] NodeView view_of(const NodeId& node, const NodeRow& row) const;
  void add_reservation(const Reservation& held);
  /// SupplyIndex::visit, or all nodes. Views have no capacity and no reservation.
  template <class Bound, class IsEnough, class Look>
  void visit(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
             const IsEnough& is_enough, const Look& look);
  /// SupplyIndex::any_active in the same way.
  template <class Bound, class Passes>
  [[nodiscard]] bool any_node(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                              const Passes& passes);
  /// The noticed node, if the job can start there now.
  [[nodiscard]] std::optional<Candidate> start_on_notice(const JobId& job, const JobRow& row);
  [[nodiscard]] bool waits_for_others(const JobId& job, const NodeId& node) const;
  [[nodiscard]] std::uint64_t total_milli(ClassId hardware_class);
  /// The job, and those of its signature, cannot start in this pass: it reserves what it may. With `preempts`, and
  /// where it can, it gives notice instead.
  std::optional<Preemption> block(const JobId& job, const JobRow& row, const Hash32& signature, const Demand& demand,
                                  bool preempts);
  void reserve(const JobId& job, const Demand& demand, const ClassSet& classes);
  /// Whether hosts of one site in these classes lack only room for the job.
  [[nodiscard]] bool may_wait_as_gang(const Demand& demand, const ClassSet& classes);
  /// Classes in which the job may hold a node: where its lane is full and others wait, a boosted job may not.
  [[nodiscard]] ClassSet open_lanes(const JobRow& job, const Demand& demand);
  [[nodiscard]] std::optional<TimeMs> fits_from(const Demand& demand, const NodeView& node) const;
  enum class Turn : std::uint8_t { Own, OfAnother, OfThoseInTheirLanes };
  /// Whose turn it is where this job could start on this node; whether a job before it that is not over its lane could
  /// start and lets another go first.
  [[nodiscard]] Turn turn_of(const Place& place, const WaitingJob& waiting, const Candidate& winner,
                             const std::vector<Candidate>& others, bool one_before_yields);
  /// Whether a job fits one of these hosts now, or several of them as a gang.
  [[nodiscard]] static bool fits_on(const Demand& demand, const std::vector<NodeView>& hosts);
  /// Of a class that its identity holds more than its share of; of one in which the job leaves it within its share, or
  /// is all that it holds there.
  [[nodiscard]] bool is_over_share(const JobRow& job, ClassId hardware_class);
  [[nodiscard]] bool stays_in_share(const JobRow& job, ClassId hardware_class);

  const MarketView& market_;
  const BlockContext& context_;
  const JobSpec* asking_;
  bool indexed_;
  std::optional<NodeList> nodes_;
  std::optional<SiteIndex> own_sites_;  // where the market has none that are known
  std::size_t gangs_looked_for_ = 0;
  std::optional<Fragmentation> fragmentation_;
  ClassSet claimed_;               // classes whose first blocked job is known
  std::set<Hash32> without_node_;  // no node takes jobs of these signatures in this pass
  std::set<Hash32> blocked_;       // of these, the first has reserved what it may
  std::set<std::pair<AccountId, Hash32>> yielding_;
  std::vector<Reservation> reservations_;
  std::map<std::uint32_t, TimeMs> held_from_;  // the same by dense id
  std::optional<Place> last_;                  // of the job that started
  bool goes_on_ = true;                        // what was found so far holds when less is free
  std::vector<JobId> priced_out_;
  std::vector<JobId> lost_nodes_;
};

/// A pass over the market's own state that may go on from one match to the next.
struct StandingPass {
  StandingPass(const MarketView& of, const BlockContext& in) : view(of), context(in), pass(view, context) {}

  MarketView view;
  BlockContext context;
  DispatchPass pass;
  // Of the indexes, when it was left.
  std::uint64_t queue_version = 0;
  std::uint64_t nodes_version = 0;
};

}  // namespace starminer::protocol
