// The governed parameters: a typed registry with name, unit, default, bounds and description, and the table of values
// in force. Code reads no literal that governance may want to change. Reads are array look-ups.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

enum class Parameter : std::uint16_t {
#define PARAMETER(number, name, unit, default_, min, max, scaled, set_by, description) name = number,
#include "protocol/params/parameters.def"
#undef PARAMETER
};

enum class ParameterUnit : std::uint8_t { Milliseconds, Seconds, Base, PartsPerMillion, BasisPoints, LogPrice, Count };
enum class ParameterScale : std::uint8_t { Fixed, Time };
/// Who may set a parameter: the governance account within the bounds, the genesis alone, or the preset alone.
enum class ParameterSetter : std::uint8_t { Governed, Genesis, Preset };

struct ParameterInfo {
  Parameter id;
  std::string_view name;
  ParameterUnit unit;
  std::uint64_t default_value;
  std::uint64_t min;
  std::uint64_t max;
  ParameterScale scale;
  ParameterSetter setter;
  std::string_view description;
};

[[nodiscard]] std::span<const ParameterInfo> parameter_registry();
[[nodiscard]] const ParameterInfo& parameter_info(Parameter parameter);
/// By its name in the registry, "AckMs".
[[nodiscard]] std::optional<Parameter> find_parameter(std::string_view name);
/// By its number in the registry.
[[nodiscard]] std::optional<Parameter> find_parameter(std::uint16_t number);
[[nodiscard]] std::string_view unit_name(ParameterUnit unit);
[[nodiscard]] std::string_view setter_name(ParameterSetter setter);

/// What holds between parameters: their sum is at most `limit`, or, where that is 0, the first is at most the second.
struct ParameterRule {
  std::span<const Parameter> parameters;
  std::uint64_t limit = 0;
};
[[nodiscard]] std::span<const ParameterRule> parameter_rules();
/// "AcceptMinMs <= AcceptMaxMs".
[[nodiscard]] std::string format_rule(const ParameterRule& rule);

/// Sets of starting values. `test` divides every duration by 5 and `dev` by 10; `dev` multiplies prices by 1000, so
/// that short demonstration jobs do not cost dust. The bounds of durations are divided as they are (Params::bounds).
enum class Preset : std::uint8_t { Main = 0, Test = 1, Dev = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Preset) { return 3; }
[[nodiscard]] std::optional<Preset> find_preset(std::string_view name);
[[nodiscard]] std::string_view preset_name(Preset preset);
[[nodiscard]] std::uint64_t preset_time_divisor(Preset preset);

/// Both ends included.
struct ParameterBounds {
  std::uint64_t min = 0;
  std::uint64_t max = 0;

  [[nodiscard]] bool contain(std::uint64_t value) const { return min <= value && value <= max; }
};

struct ParameterRow {
  std::uint64_t value = 0;
};

class Params final : private state::Observer<std::uint16_t, ParameterRow> {
 public:
  static constexpr std::size_t kNumberLimit = 256;
  using Values = std::array<std::uint64_t, kNumberLimit>;  // by number

  explicit Params(state::Store& store);

  /// Writes the starting values of a preset. Called once, at genesis.
  void write_genesis(Preset preset);

  [[nodiscard]] std::uint64_t get(Parameter parameter) const { return values_[static_cast<std::size_t>(parameter)]; }
  [[nodiscard]] DurationMs duration(Parameter parameter) const { return {get(parameter)}; }
  [[nodiscard]] Agpu agpu(Parameter parameter) const { return {get(parameter)}; }
  /// What the parameter may be in this network.
  [[nodiscard]] ParameterBounds bounds(Parameter parameter) const;
  [[nodiscard]] const Values& values() const { return values_; }
  /// The first rule that these values break, or null.
  [[nodiscard]] static const ParameterRule* find_conflict(const Values& values);
  /// Genesis overrides and governance: false where the value lies outside the parameter's bounds. Rules are for the
  /// caller, who knows what else changes at the same moment.
  [[nodiscard]] bool set(Parameter parameter, std::uint64_t value);
  [[nodiscard]] const state::Table<std::uint16_t, ParameterRow>& table() const { return table_; }

 private:
  void on_change(const std::uint16_t& key, const ParameterRow* before, const ParameterRow* after) override;

  state::Table<std::uint16_t, ParameterRow> table_;
  Values values_{};  // derived from the table
};

}  // namespace starminer::protocol
