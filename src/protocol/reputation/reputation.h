// Reputation of a node per job kind: outcomes with a half-life, scored by the Wilson lower bound (REG-6, protocol
// section 6). Measured outcomes only; decays lazily when touched. All integers.
// Counts are kept as of a fixed time, `updated`, at which a later outcome weighs more than its weight: touching a row
// often therefore wears nothing off by rounding. Invariants: a success never lowers a score, nothing else raises one
// but time; a fresh identity has the prior's bound.
#pragma once

#include <array>
#include <cstdint>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/params/params.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

enum class Outcome : std::uint8_t { Success = 0, Failure = 1, Late = 2, Disputed = 3 };
inline constexpr std::uint8_t kOutcomeCount = 4;

struct ReputationKey {
  NodeId node;
  std::uint8_t kind = 0;  // JobKind

  auto operator<=>(const ReputationKey&) const = default;
};

/// Counts in thousandths as of `updated`, which moves by whole half-lives.
struct ReputationRow {
  std::array<std::uint64_t, kOutcomeCount> milli{};
  TimeMs updated;
};

inline constexpr std::uint8_t kReputationMax = 240;

class Reputation {
 public:
  Reputation(state::Store& store, const Params& params);

  /// Books an outcome of weight 1/1000 * `weight_milli`.
  void record(const NodeId& node, std::uint8_t kind, Outcome outcome, std::uint64_t weight_milli, TimeMs now);
  /// Wilson lower bound (95 %) with the prior, as a byte 0..240. A node without outcomes has the prior's bound.
  [[nodiscard]] std::uint8_t score(const NodeId& node, std::uint8_t kind, TimeMs now) const;
  /// The score now, and how long it surely stays: until just before `until` unless an outcome comes or governance
  /// changes a parameter.
  struct Span {
    std::uint8_t score = 0;
    TimeMs until;
  };
  [[nodiscard]] Span score_span(const NodeId& node, std::uint8_t kind, TimeMs now) const;
  /// The observer must outlive the object.
  void observe(state::Observer<ReputationKey, ReputationRow>& observer) { table_.add_observer(observer); }
  /// Share of good outcomes over all kinds in ppm with the prior.
  [[nodiscard]] Ppm success_share(const NodeId& node, TimeMs now) const;
  /// Outcomes of all kinds as of `now`, without the prior.
  [[nodiscard]] ReputationRow total(const NodeId& node, TimeMs now) const;
  /// Decayed counts as of `now`, for display.
  [[nodiscard]] ReputationRow counts(const NodeId& node, std::uint8_t kind, TimeMs now) const;
  [[nodiscard]] const state::Table<ReputationKey, ReputationRow>& table() const { return table_; }

 private:
  const Params& params_;
  state::Table<ReputationKey, ReputationRow> table_;
};

}  // namespace starminer::protocol
