// Prints every registry of the protocol as JSON: what tools/registries writes docs/reference/ from.
#include <iostream>

#include <nlohmann/json.hpp>

#include "protocol/job/end_reason.h"
#include "protocol/machine.h"
#include "protocol/operation/event_registry.h"
#include "protocol/operation/limits.h"
#include "protocol/operation_registry.h"

namespace starminer::protocol {
namespace {

using nlohmann::ordered_json;

std::string_view class_text(RefusalClass refusal_class) {
  switch (refusal_class) {
    case RefusalClass::Malformed: return "malformed";
    case RefusalClass::Retry: return "retry";
    case RefusalClass::Charged: return "charged";
    case RefusalClass::Local: return "local";
  }
  return "";
}

std::string_view reporter_text(EndReporter reporter) {
  switch (reporter) {
    case EndReporter::Protocol: return "protocol";
    case EndReporter::Provider: return "provider, ContractFail";
    case EndReporter::Decline: return "provider, ContractDecline";
  }
  return "";
}

ordered_json operations() {
  ordered_json rows = ordered_json::array();
  for (const OperationInfo& info : operation_registry()) {
    rows.push_back({{"number", info.number},
                    {"name", info.name},
                    {"module", info.module},
                    {"what", info.what},
                    {"proposer_only", info.proposer_only}});
  }
  return rows;
}

ordered_json refusals() {
  ordered_json rows = ordered_json::array();
  for (const RefusalInfo& info : refusal_registry()) {
    rows.push_back({{"number", static_cast<std::uint16_t>(info.code)},
                    {"label", refusal_label(info.code)},
                    {"name", info.name},
                    {"class", class_text(info.refusal_class)},
                    {"what", info.what},
                    {"advice", info.advice}});
  }
  return rows;
}

/// Values and bounds are those that a chain of each preset begins with.
ordered_json parameters() {
  ordered_json rows = ordered_json::array();
  for (const ParameterInfo& info : parameter_registry()) {
    ordered_json row = {{"number", static_cast<std::uint16_t>(info.id)},
                        {"name", info.name},
                        {"unit", unit_name(info.unit)},
                        {"set_by", setter_name(info.setter)},
                        {"description", info.description}};
    for (const Preset preset : {Preset::Main, Preset::Test, Preset::Dev}) {
      state::Store store;
      Params params(store);
      params.write_genesis(preset);
      const ParameterBounds bounds = params.bounds(info.id);
      row["presets"][std::string(preset_name(preset))] = {
          {"value", params.get(info.id)}, {"min", bounds.min}, {"max", bounds.max}};
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

ordered_json events() {
  ordered_json rows = ordered_json::array();
  for (const EventInfo& info : event_registry()) {
    rows.push_back(
        {{"name", info.name}, {"what", info.what}, {"ids", info.ids}, {"state", info.state}, {"amount", info.amount}});
  }
  return rows;
}

ordered_json end_reasons() {
  ordered_json rows = ordered_json::array();
  for (const EndReasonInfo& info : end_reason_registry()) {
    rows.push_back({{"number", static_cast<std::uint8_t>(info.reason)},
                    {"code", info.code},
                    {"party", party_name(info.party)},
                    {"reporter", reporter_text(info.reporter)},
                    {"sentence", info.sentence}});
  }
  return rows;
}

ordered_json limits() {
  ordered_json rows = ordered_json::array();
  for (const LimitInfo& info : limit_registry()) {
    const bool refuses = info.refusal != RefusalCode::None;
    rows.push_back({{"name", info.name},
                    {"value", info.value},
                    {"unit", info.unit},
                    {"refusal", refuses ? ordered_json(refusal_label(info.refusal)) : ordered_json()},
                    {"what", info.what}});
  }
  return rows;
}

}  // namespace
}  // namespace starminer::protocol

int main() {
  using namespace starminer::protocol;
  ordered_json rules = ordered_json::array();
  for (const ParameterRule& rule : parameter_rules()) rules.push_back(format_rule(rule));
  const ordered_json all = {{"operations", operations()}, {"refusals", refusals()}, {"parameters", parameters()},
                            {"rules", std::move(rules)},  {"events", events()},     {"end_reasons", end_reasons()},
                            {"limits", limits()}};
  std::cout << all.dump(1) << std::endl;
  return std::cout.good() ? 0 : 1;
}
