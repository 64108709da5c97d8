// Who may change the protocol's parameters, and what is about to change. A genesis may name one account; until votes
// take its place, that account sets parameters within the bounds of the registry and the rules between them (MTP-11).
// A change that was accepted stands in a table of its own and takes effect last at the end of the running epoch, so
// that an epoch is computed with one set of parameters.
// Invariant: every pending value lies within its bounds, and all together they break no rule. Single writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class Governance;

/// Sets a parameter from the end of the running epoch on. A later one for the same parameter takes its place; one with
/// the value in force takes it back.
struct ParameterSet {
  using Module = Governance;
  struct Evidence {
    Parameter parameter{};
  };
  std::uint16_t number = 0;
  std::uint64_t value = 0;

  /// Every shape is valid.
  static Result<Valid<ParameterSet>, Refusal> validate(ParameterSet op);
};

struct GovernanceRow {
  AccountId account;
};

/// By the number of the parameter.
struct ParameterChangeRow {
  std::uint64_t value = 0;
};

/// Name of what an operation changed, as receipts show it.
struct ParameterName {
  std::string name;
  [[nodiscard]] const std::string& text() const { return name; }
};

class Governance {
 public:
  Governance(state::Store& store, Params& params);

  /// Without an account nobody changes a parameter.
  void write_genesis(const std::optional<AccountId>& account);

  /// Fails, in this order, with NotGovernance, UnknownParameter, ParameterFixed, ParameterOutOfBounds,
  /// ParameterUnchanged, ParameterConflict.
  [[nodiscard]] Result<Checked<ParameterSet>, Refusal> check(const Valid<ParameterSet>& op, const Sender& sender) const;
  ParameterName apply(const Checked<ParameterSet>& op, const Sender& sender, const BlockContext& context);
  /// The last step of an epoch: what is pending takes effect.
  void on_epoch(const BlockContext& context);

  [[nodiscard]] std::optional<AccountId> account() const;
  /// The value that the parameter will have after this epoch, where it changes.
  [[nodiscard]] std::optional<std::uint64_t> pending(Parameter parameter) const;
  [[nodiscard]] const state::Table<std::uint16_t, ParameterChangeRow>& changes() const { return changes_; }
  [[nodiscard]] bool invariants_hold() const;

 private:
  /// The values after this epoch.
  [[nodiscard]] Params::Values coming_values() const;

  Params& params_;
  state::Table<std::uint8_t, GovernanceRow> account_;
  state::Table<std::uint16_t, ParameterChangeRow> changes_;
};

}  // namespace starminer::protocol
