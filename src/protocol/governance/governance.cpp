#include "protocol/governance/governance.h"

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr std::uint8_t kAccountKey = 0;

std::uint16_t number_of(Parameter parameter) { return static_cast<std::uint16_t>(parameter); }

}  // namespace

Result<Valid<ParameterSet>, Refusal> ParameterSet::validate(ParameterSet op) { return Valid<ParameterSet>(op); }

Governance::Governance(state::Store& store, Params& params)
    : params_(params), account_(store, state::TableId::Governance), changes_(store, state::TableId::ParameterChanges) {}

void Governance::write_genesis(const std::optional<AccountId>& account) {
  if (account) account_.put(kAccountKey, {*account});
}

std::optional<AccountId> Governance::account() const {
  const GovernanceRow* row = account_.find(kAccountKey);
  return row != nullptr ? std::optional(row->account) : std::nullopt;
}

std::optional<std::uint64_t> Governance::pending(Parameter parameter) const {
  const ParameterChangeRow* row = changes_.find(number_of(parameter));
  return row != nullptr ? std::optional(row->value) : std::nullopt;
}

Params::Values Governance::coming_values() const {
  Params::Values values = params_.values();
  for (const auto& [number, row] : changes_) values.at(number) = row.value;
  return values;
}

Result<Checked<ParameterSet>, Refusal> Governance::check(const Valid<ParameterSet>& op, const Sender& sender) const {
  const auto governing = account();
  if (governing != sender.account) {
    return fail(Refusal{RefusalCode::NotGovernance,
                        governing ? "it is " + governing->text() : std::string("this network names none")});
  }
  const auto parameter = find_parameter(op->number);
  if (!parameter) return fail(Refusal{RefusalCode::UnknownParameter, fmt::format("number {}", op->number)});
  const ParameterInfo& info = parameter_info(*parameter);
  if (info.setter != ParameterSetter::Governed) {
    return fail(Refusal{RefusalCode::ParameterFixed, fmt::format("{} is {}", info.name, params_.get(*parameter))});
  }
  const ParameterBounds bounds = params_.bounds(*parameter);
  if (!bounds.contain(op->value)) {
    return fail(Refusal{RefusalCode::ParameterOutOfBounds, fmt::format("{} given for {}, {} to {} allowed", op->value,
                                                                       info.name, bounds.min, bounds.max)});
  }
  Params::Values values = coming_values();
  std::uint64_t& coming = values.at(op->number);
  if (coming == op->value) {
    return fail(Refusal{RefusalCode::ParameterUnchanged, fmt::format("{} {}", info.name, op->value)});
  }
  coming = op->value;
  if (const ParameterRule* rule = Params::find_conflict(values); rule != nullptr) {
    return fail(Refusal{RefusalCode::ParameterConflict,
                        fmt::format("{} {} would break {}", info.name, op->value, format_rule(*rule))});
  }
  return Checked<ParameterSet>(op, {*parameter});
}

ParameterName Governance::apply(const Checked<ParameterSet>& op, const Sender& /*sender*/,
                                const BlockContext& context) {
  const Parameter parameter = op.evidence().parameter;
  if (op->value == params_.get(parameter)) {
    changes_.erase(op->number);  // only a pending change makes this value a new one
  } else {
    changes_.put(op->number, {op->value});
  }
  context.emit(
      {.kind = EventKind::ParameterScheduled, .state = static_cast<std::uint8_t>(op->number), .amount = op->value});
  return {std::string(parameter_info(parameter).name)};
}

void Governance::on_epoch(const BlockContext& context) {
  while (!changes_.empty()) {
    const std::uint16_t number = changes_.begin()->first;
    const std::uint64_t value = changes_.begin()->second.value;
    changes_.erase(number);
    const auto parameter = find_parameter(number);
    STARMINER_CHECK(parameter && params_.set(*parameter, value));
    context.emit({.kind = EventKind::ParameterChanged, .state = static_cast<std::uint8_t>(number), .amount = value});
  }
}

bool Governance::invariants_hold() const {
  for (const auto& [number, row] : changes_) {
    const auto parameter = find_parameter(number);
    if (!parameter || parameter_info(*parameter).setter != ParameterSetter::Governed) return false;
    if (!params_.bounds(*parameter).contain(row.value) || row.value == params_.get(*parameter)) return false;
  }
  return Params::find_conflict(coming_values()) == nullptr;
}

}  // namespace starminer::protocol
