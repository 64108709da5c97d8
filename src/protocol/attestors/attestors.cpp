#include "protocol/attestors/attestors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr std::array<Aspect, 3> kAspects = {Aspect::Energy, Aspect::SiteTier, Aspect::Region};

auto place_of(std::vector<Attestation>& given, const AccountId& attestor) {
  return std::lower_bound(given.begin(), given.end(), attestor,
                          [](const Attestation& one, const AccountId& id) { return one.attestor < id; });
}

bool has_given(const AttestationsRow* row, const AccountId& attestor) {
  return row != nullptr && std::any_of(row->given.begin(), row->given.end(),
                                       [&](const Attestation& one) { return one.attestor == attestor; });
}

}  // namespace

/// Keys of the attestations of each attestor.
class Attestors::Index final : public state::Observer<AspectKey, AttestationsRow> {
 public:
  void on_change(const AspectKey& key, const AttestationsRow* before, const AttestationsRow* after) override {
    if (before != nullptr) {
      for (const Attestation& one : before->given) {
        const auto keys = keys_.find(one.attestor);
        keys->second.erase(key);
        if (keys->second.empty()) keys_.erase(keys);
      }
    }
    if (after == nullptr) return;
    for (const Attestation& one : after->given) keys_[one.attestor].insert(key);
  }
  /// At most `most` of them.
  [[nodiscard]] std::vector<NodeId> nodes_of(const AccountId& attestor, std::size_t most) const {
    std::vector<NodeId> nodes;
    const auto keys = keys_.find(attestor);
    if (keys == keys_.end()) return nodes;
    for (const AspectKey& key : keys->second) {
      if (nodes.size() == most) break;
      if (nodes.empty() || nodes.back() != key.node) nodes.push_back(key.node);
    }
    return nodes;
  }

 private:
  std::map<AccountId, std::set<AspectKey>> keys_;
};

Result<Valid<AttestorSet>, Refusal> AttestorSet::validate(AttestorSet op) {
  const auto shape = FieldCheck().require("account", !op.account.is_zero(), "must not be zero").result();
  if (!shape) return fail(shape.error());
  return Valid<AttestorSet>(op);
}

Result<Valid<NodeAttest>, Refusal> NodeAttest::validate(NodeAttest op) {
  const auto shape =
      FieldCheck().range("aspect", static_cast<std::uint8_t>(op.aspect), 0, enum_count(Aspect{}) - 1U).result();
  if (!shape) return fail(shape.error());
  return Valid<NodeAttest>(op);
}

Attestors::Attestors(state::Store& store, const Params& params, const Governance& governance, Registry& registry,
                     Timers& timers)
    : params_(params),
      governance_(governance),
      registry_(registry),
      timers_(timers),
      attestors_(store, state::TableId::Attestors),
      attestations_(store, state::TableId::Attestations),
      index_(std::make_unique<Index>()) {
  attestations_.add_observer(*index_);
}

Attestors::~Attestors() = default;

Result<Checked<AttestorSet>, Refusal> Attestors::check(const Valid<AttestorSet>& op, const Sender& sender) const {
  const auto governing = governance_.account();
  if (governing != sender.account) {
    return fail(Refusal{RefusalCode::NotGovernance,
                        governing ? "it is " + governing->text() : std::string("this network names none")});
  }
  if (attestors_.contains(op->account) == op->present) {
    return fail(Refusal{RefusalCode::AttestorUnchanged,
                        fmt::format("{} is {}", op->account.text(), op->present ? "an attestor" : "none")});
  }
  if (op->present && attestors_.size() >= kAttestorsMax) {
    return fail(Refusal{RefusalCode::TooManyAttestors, fmt::format("{} of {}", attestors_.size(), kAttestorsMax)});
  }
  return Checked<AttestorSet>(op, {});
}

void Attestors::apply(const Checked<AttestorSet>& op, const Sender& /*sender*/, const BlockContext& context) {
  if (op->present) {
    attestors_.put(op->account, {context.time});
    return;
  }
  attestors_.erase(op->account);
  on_attestor_sweep(op->account, context);
}

Result<Checked<NodeAttest>, Refusal> Attestors::check(const Valid<NodeAttest>& op, const Sender& sender) const {
  if (!attestors_.contains(sender.account)) {
    return fail(Refusal{RefusalCode::NotAttestor, "account " + sender.account.text()});
  }
  const NodeRow* const node = registry_.nodes().find(op->node);
  if (node == nullptr) return fail(Refusal{RefusalCode::UnknownNode, "node " + op->node.text()});
  if (op->valid.ms == 0) {
    if (!has_given(attestations_.find({op->node, op->aspect}), sender.account)) {
      return fail(
          Refusal{RefusalCode::NothingAttested, fmt::format("{} of {}", aspect_name(op->aspect), op->node.text())});
    }
    return Checked<NodeAttest>(op, {});
  }
  if (node->status == NodeStatus::Left) return fail(Refusal{RefusalCode::WrongNodeStatus, "the node has left"});
  const std::uint64_t longest = params_.get(Parameter::AttestationMaxMs);
  if (op->valid.ms > longest) {
    return fail(
        Refusal{RefusalCode::AttestationTooLong, fmt::format("{} ms given, {} allowed", op->valid.ms, longest)});
  }
  const auto claim = Registry::claim_of(op->node, *node, op->aspect);
  if (claim != op->claim) {
    return fail(Refusal{RefusalCode::ClaimMismatch,
                        claim ? fmt::format("the node's {} is {}", aspect_name(op->aspect), claim->hex())
                              : fmt::format("the node states no {} that could be attested", aspect_name(op->aspect))});
  }
  return Checked<NodeAttest>(op, {});
}

void Attestors::apply(const Checked<NodeAttest>& op, const Sender& sender, const BlockContext& context) {
  const AspectKey key{op->node, op->aspect};
  const AttestationsRow* const before = attestations_.find(key);
  AttestationsRow row = before != nullptr ? *before : AttestationsRow{};
  auto place = place_of(row.given, sender.account);
  if (place != row.given.end() && place->attestor == sender.account) place = row.given.erase(place);
  if (op->valid.ms > 0) {
    const TimeMs until = context.time + op->valid;
    row.given.insert(place, {sender.account, op->claim, until});
    timers_.schedule(until, TimerKind::AttestationEnd, op->node.bytes);
  }
  attestations_.put(key, std::move(row));
  refresh(op->node, context);
}

bool Attestors::counts(const Attestation& attestation, const AspectKey& key, TimeMs now) const {
  return attestation.until > now && attestors_.contains(attestation.attestor) &&
         Registry::claim_of(key.node, registry_.nodes().get(key.node), key.aspect) == attestation.claim;
}

void Attestors::refresh(const NodeId& node, const BlockContext& context) {
  for (const Aspect aspect : kAspects) {
    const AspectKey key{node, aspect};
    const AttestationsRow* const before = attestations_.find(key);
    if (before == nullptr) continue;
    AttestationsRow row = *before;
    std::erase_if(row.given, [&](const Attestation& one) { return !counts(one, key, context.time); });
    const bool verified = row.given.size() >= params_.get(Parameter::AttestorsNeeded);
    if (row.given.empty()) {
      attestations_.erase(key);
    } else if (row.given.size() != before->given.size()) {
      attestations_.put(key, std::move(row));
    }
    registry_.set_verified(node, aspect, verified, context);
  }
}

void Attestors::on_attestation_end(const NodeId& node, const BlockContext& context) { refresh(node, context); }

void Attestors::on_attestor_sweep(const AccountId& attestor, const BlockContext& context) {
  if (attestors_.contains(attestor)) return;  // named again meanwhile
  const auto nodes = index_->nodes_of(attestor, kAttestorSweepNodes);
  for (const NodeId& node : nodes) refresh(node, context);
  if (nodes.size() == kAttestorSweepNodes) {
    timers_.schedule(context.time + DurationMs{1}, TimerKind::AttestorSweep, attestor.bytes);
  }
}

bool Attestors::invariants_hold() const {
  for (const auto& [key, row] : attestations_) {
    if (!registry_.nodes().contains(key.node) || row.given.empty() || row.given.size() > kAttestorsMax) return false;
    for (std::size_t i = 0; i < row.given.size(); ++i) {
      if (i > 0 && !(row.given[i - 1].attestor < row.given[i].attestor)) return false;
      if (!timers_.is_armed({row.given[i].until, TimerKind::AttestationEnd, key.node.bytes})) return false;
    }
  }
  return attestors_.size() <= kAttestorsMax;
}

}  // namespace starminer::protocol
