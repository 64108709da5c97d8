#include "protocol/params/params.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<ParameterInfo>({
#define PARAMETER(number, name, unit, default_, min, max, scaled, set_by, description)                   \
  {Parameter::name,         #name,      ParameterUnit::unit, default_, min, max, ParameterScale::scaled, \
   ParameterSetter::set_by, description},
#include "protocol/params/parameters.def"
#undef PARAMETER
});

/// The parameters of a rule stand in static storage of their own.
template <Parameter... kParameters>
constexpr std::array<Parameter, sizeof...(kParameters)> kParametersOf = {kParameters...};

constexpr auto kRules = [] {
  using enum Parameter;
  return std::to_array<ParameterRule>({
#define PARAMETER(number, name, unit, default_, min, max, scaled, set_by, description)
#define PARAMETER_ORDER(lower, upper) {kParametersOf<lower, upper>, 0},
#define PARAMETER_SUM(limit, ...) {kParametersOf<__VA_ARGS__>, limit},
#include "protocol/params/parameters.def"
#undef PARAMETER
  });
}();

static_assert(std::all_of(kRegistry.begin(), kRegistry.end(), [](const ParameterInfo& info) {
  return info.min <= info.default_value && info.default_value <= info.max && static_cast<std::uint16_t>(info.id) < 256;
}));

constexpr std::uint64_t kDevPriceScale = 1000;

}  // namespace

std::span<const ParameterInfo> parameter_registry() { return kRegistry; }

const ParameterInfo& parameter_info(Parameter parameter) {
  const auto* const found = std::find_if(kRegistry.begin(), kRegistry.end(),
                                         [parameter](const ParameterInfo& info) { return info.id == parameter; });
  STARMINER_CHECK(found != kRegistry.end());
  return *found;
}

std::optional<Parameter> find_parameter(std::string_view name) {
  const auto* const found =
      std::find_if(kRegistry.begin(), kRegistry.end(), [name](const ParameterInfo& info) { return info.name == name; });
  return found == kRegistry.end() ? std::nullopt : std::optional(found->id);
}

std::optional<Parameter> find_parameter(std::uint16_t number) {
  const auto* const found = std::find_if(kRegistry.begin(), kRegistry.end(), [number](const ParameterInfo& info) {
    return static_cast<std::uint16_t>(info.id) == number;
  });
  return found == kRegistry.end() ? std::nullopt : std::optional(found->id);
}

std::span<const ParameterRule> parameter_rules() { return kRules; }

std::string format_rule(const ParameterRule& rule) {
  std::string text;
  for (const Parameter parameter : rule.parameters) {
    if (!text.empty()) text += rule.limit == 0 ? " <= " : " + ";
    text += parameter_info(parameter).name;
  }
  return rule.limit == 0 ? text : fmt::format("{} <= {}", text, rule.limit);
}

std::string_view setter_name(ParameterSetter setter) {
  switch (setter) {
    case ParameterSetter::Governed: return "governed";
    case ParameterSetter::Genesis: return "genesis";
    case ParameterSetter::Preset: return "preset";
  }
  return "";
}

std::string_view unit_name(ParameterUnit unit) {
  switch (unit) {
    case ParameterUnit::Milliseconds: return "ms";
    case ParameterUnit::Seconds: return "s";
    case ParameterUnit::Base: return "base units";
    case ParameterUnit::PartsPerMillion: return "ppm";
    case ParameterUnit::BasisPoints: return "bp";
    case ParameterUnit::LogPrice: return "log2^-32";
    case ParameterUnit::Count: return "count";
  }
  return "";
}

std::string_view preset_name(Preset preset) {
  switch (preset) {
    case Preset::Main: return "main";
    case Preset::Test: return "test";
    case Preset::Dev: return "dev";
  }
  return "";
}

std::optional<Preset> find_preset(std::string_view name) {
  for (const Preset preset : {Preset::Main, Preset::Test, Preset::Dev}) {
    if (preset_name(preset) == name) return preset;
  }
  return std::nullopt;
}

std::uint64_t preset_time_divisor(Preset preset) {
  switch (preset) {
    case Preset::Main: return 1;
    case Preset::Test: return 5;
    case Preset::Dev: return 10;
  }
  return 1;
}

Params::Params(state::Store& store) : table_(store, state::TableId::Parameters) { table_.add_observer(*this); }

void Params::write_genesis(Preset preset) {
  for (const ParameterInfo& info : kRegistry) {
    std::uint64_t value = info.default_value;
    if (info.scale == ParameterScale::Time) value /= preset_time_divisor(preset);
    if (info.id == Parameter::PriceScale && preset == Preset::Dev) value = kDevPriceScale;
    if (info.id == Parameter::TimeDivisor) value = preset_time_divisor(preset);
    table_.put(static_cast<std::uint16_t>(info.id), {value});
  }
}

ParameterBounds Params::bounds(Parameter parameter) const {
  const ParameterInfo& info = parameter_info(parameter);
  const std::uint64_t divisor = info.scale == ParameterScale::Time ? get(Parameter::TimeDivisor) : 1;
  STARMINER_CHECK(divisor != 0);
  return {info.min / divisor, info.max / divisor};
}

const ParameterRule* Params::find_conflict(const Values& values) {
  const auto value_of = [&values](Parameter parameter) { return values[static_cast<std::size_t>(parameter)]; };
  for (const ParameterRule& rule : kRules) {
    const bool holds =
        rule.limit == 0
            ? value_of(rule.parameters[0]) <= value_of(rule.parameters[1])
            : std::accumulate(rule.parameters.begin(), rule.parameters.end(), u128{0},
                              [&](u128 sum, Parameter parameter) { return sum + value_of(parameter); }) <= rule.limit;
    if (!holds) return &rule;
  }
  return nullptr;
}

bool Params::set(Parameter parameter, std::uint64_t value) {
  if (!bounds(parameter).contain(value)) return false;
  table_.put(static_cast<std::uint16_t>(parameter), {value});
  return true;
}

void Params::on_change(const std::uint16_t& key, const ParameterRow* /*before*/, const ParameterRow* after) {
  if (key < values_.size()) values_[key] = after != nullptr ? after->value : 0;
}

}  // namespace starminer::protocol
