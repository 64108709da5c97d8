#include "protocol/params/params.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<ParameterInfo>({
#define PARAMETER(number, name, unit, default_, min, max, scaled, description) \
  {Parameter::name, #name, ParameterUnit::unit, default_, min, max, ParameterScale::scaled, description},
#include "protocol/params/parameters.def"
#undef PARAMETER
});

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
    table_.put(static_cast<std::uint16_t>(info.id), {value});
  }
}

bool Params::set(Parameter parameter, std::uint64_t value) {
  const ParameterInfo& info = parameter_info(parameter);
  if (value < info.min || value > info.max) return false;
  table_.put(static_cast<std::uint16_t>(parameter), {value});
  return true;
}

void Params::on_change(const std::uint16_t& key, const ParameterRow* /*before*/, const ParameterRow* after) {
  if (key < values_.size()) values_[key] = after != nullptr ? after->value : 0;
}

}  // namespace starminer::protocol
