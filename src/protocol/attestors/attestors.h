// Attestors (REG-5): accounts that governance names, and what they confirm of nodes. A claim of a node counts as
// verified while AttestorsNeeded of them confirm exactly what it states now and their words have not expired.
// Invariants: a verified claim has that many valid attestations; every attestation has its timer. Single writer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/governance/governance.h"
#include "protocol/operation/context.h"
#include "protocol/operation/phases.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/registry/registry.h"
#include "protocol/state/table.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

class Attestors;

/// Names an attestor, or removes one: what it attested to counts no more.
struct AttestorSet {
  using Module = Attestors;
  struct Evidence {};
  AccountId account;
  bool present = false;

  static Result<Valid<AttestorSet>, Refusal> validate(AttestorSet op);
};

/// Confirms a claim of a node for a time, or takes the word back.
struct NodeAttest {
  using Module = Attestors;
  struct Evidence {};
  NodeId node;
  Aspect aspect{};
  Hash32 claim;  // Registry::claim_of; none needed to take it back
  DurationMs valid;

  static Result<Valid<NodeAttest>, Refusal> validate(NodeAttest op);
};

struct AttestorRow {
  TimeMs since;
};

struct AspectKey {
  NodeId node;
  Aspect aspect{};

  auto operator<=>(const AspectKey&) const = default;
};

struct Attestation {
  AccountId attestor;
  Hash32 claim;
  TimeMs until;
};

struct AttestationsRow {
  std::vector<Attestation> given;  // in the order of the attestors, each once
};

class Attestors {
 public:
  Attestors(state::Store& store, const Params& params, const Governance& governance, Registry& registry,
            Timers& timers);
  ~Attestors();
  Attestors(const Attestors&) = delete;
  Attestors& operator=(const Attestors&) = delete;

  /// Refusals in order: NotGovernance, AttestorUnchanged, TooManyAttestors.
  [[nodiscard]] Result<Checked<AttestorSet>, Refusal> check(const Valid<AttestorSet>& op, const Sender& sender) const;
  void apply(const Checked<AttestorSet>& op, const Sender& sender, const BlockContext& context);
  /// Refusals in order: NotAttestor, UnknownNode, then NothingAttested to take back; else WrongNodeStatus,
  /// AttestationTooLong, ClaimMismatch.
  [[nodiscard]] Result<Checked<NodeAttest>, Refusal> check(const Valid<NodeAttest>& op, const Sender& sender) const;
  void apply(const Checked<NodeAttest>& op, const Sender& sender, const BlockContext& context);

  /// Timer AttestationEnd.
  void on_attestation_end(const NodeId& node, const BlockContext& context);
  /// Timer AttestorSweep: looks again at some of the nodes that a removed attestor confirmed, and at the rest later.
  void on_attestor_sweep(const AccountId& attestor, const BlockContext& context);

  [[nodiscard]] const state::Table<AccountId, AttestorRow>& attestors() const { return attestors_; }
  [[nodiscard]] const state::Table<AspectKey, AttestationsRow>& attestations() const { return attestations_; }
  /// Whether an attestation counts now for what the node states.
  [[nodiscard]] bool counts(const Attestation& attestation, const AspectKey& key, TimeMs now) const;
  [[nodiscard]] bool invariants_hold() const;

 private:
  class Index;  // nodes by attestor, derived by an observer

  /// Drops what does not count any more and tells the registry whether enough is left.
  void refresh(const NodeId& node, const BlockContext& context);

  const Params& params_;
  const Governance& governance_;
  Registry& registry_;
  Timers& timers_;
  state::Table<AccountId, AttestorRow> attestors_;
  state::Table<AspectKey, AttestationsRow> attestations_;
  std::unique_ptr<Index> index_;
};

}  // namespace starminer::protocol
