// Enumerations of the OpenAPI document, made from the registries of the protocol.
#include <fmt/format.h>

#include "api/openapi.h"
#include "api/render.h"
#include "protocol/operation_registry.h"

namespace starminer::api {
namespace {

/// The names of an enum's values, from the first on.
template <class Enum, class Name>
std::vector<std::string> names_of(Name name) {
  std::vector<std::string> names;
  for (std::uint8_t i = 0; i < enum_count(Enum{}); ++i) names.emplace_back(name(static_cast<Enum>(i)));
  return names;
}

template <class Registry, class Name>
std::vector<std::string> rows_of(const Registry& registry, Name name) {
  std::vector<std::string> names;
  for (const auto& info : registry) names.emplace_back(name(info));
  return names;
}

std::vector<std::string> lock_purposes() {
  std::vector<std::string> names = names_of<protocol::LockPurpose>(purpose_name);
  names.emplace_back("account_deposit");
  return names;
}

std::vector<std::string> assets() {
  std::vector<std::string> names;
  for (std::uint8_t i = 0; i < kAssetCount; ++i) names.emplace_back(asset_name(static_cast<Asset>(i)));
  return names;
}

}  // namespace

std::vector<Enumeration> enumerations() {
  using namespace protocol;  // NOLINT(google-build-using-namespace): a list of its names
  return {
      {"Preset", names_of<Preset>(preset_name), "Set of starting parameters."},
      {"Asset", assets(), ""},
      {"JobState", names_of<JobState>(job_state_name), ""},
      {"JobKind", names_of<JobKind>(kind_name), ""},
      {"Placement", names_of<Placement>(placement_name), "Where the GPUs of a job may lie."},
      {"ContractState", names_of<ContractState>(contract_state_name), ""},
      {"NodeStatus", names_of<NodeStatus>(node_status_name), ""},
      {"Party", names_of<Party>(party_name), "Who is responsible for an end."},
      {"LockPurpose", lock_purposes(), "What money is held for; each unit for one purpose."},
      {"RefusalClass",
       {std::string(refusal_class_name(RefusalClass::Malformed)), std::string(refusal_class_name(RefusalClass::Retry)),
        std::string(refusal_class_name(RefusalClass::Charged)), std::string(refusal_class_name(RefusalClass::Local))},
       ""},
      {"ParameterSetter",
       {std::string(setter_name(ParameterSetter::Governed)), std::string(setter_name(ParameterSetter::Genesis)),
        std::string(setter_name(ParameterSetter::Preset))},
       "Who may set a parameter."},
      {"RefusalLabel", rows_of(refusal_registry(), [](const RefusalInfo& info) { return refusal_label(info.code); }),
       "A refusal of the protocol: docs/reference/refusals.md."},
      {"EndReasonCode", rows_of(end_reason_registry(), [](const EndReasonInfo& info) { return info.code; }),
       "Why a job or contract ended: docs/reference/end-reasons.md."},
      {"Operation", rows_of(operation_registry(), [](const OperationInfo& info) { return info.name; }),
       "Transaction types: docs/reference/transactions.md."},
  };
}

}  // namespace starminer::api
