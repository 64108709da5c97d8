// The governed parameters: a typed registry with name, unit, default, bounds and description, and the table of values
// in force. Code reads no literal that governance may want to change. Reads are array look-ups.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/amount.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

enum class Parameter : std::uint16_t {
#define PARAMETER(number, name, unit, default_, min, max, scaled, description) name = number,
#include "protocol/params/parameters.def"
#undef PARAMETER
};

enum class ParameterUnit : std::uint8_t { Milliseconds, Seconds, Base, PartsPerMillion, BasisPoints, LogPrice, Count };
enum class ParameterScale : std::uint8_t { Fixed, Time };

struct ParameterInfo {
  Parameter id;
  std::string_view name;
  ParameterUnit unit;
  std::uint64_t default_value;
  std::uint64_t min;
  std::uint64_t max;
  ParameterScale scale;
  std::string_view description;
};

[[nodiscard]] std::span<const ParameterInfo> parameter_registry();
[[nodiscard]] const ParameterInfo& parameter_info(Parameter parameter);
/// By its name in the registry, "AckMs".
[[nodiscard]] std::optional<Parameter> find_parameter(std::string_view name);
[[nodiscard]] std::string_view unit_name(ParameterUnit unit);

/// Sets of starting values. `test` divides every duration by 5 and `dev` by 10; `dev` multiplies prices by 1000, so
/// that short demonstration jobs do not cost dust. Stated bounds hold for `main`.
enum class Preset : std::uint8_t { Main = 0, Test = 1, Dev = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Preset) { return 3; }
[[nodiscard]] std::optional<Preset> find_preset(std::string_view name);
[[nodiscard]] std::string_view preset_name(Preset preset);
[[nodiscard]] std::uint64_t preset_time_divisor(Preset preset);

struct ParameterRow {
  std::uint64_t value = 0;
};

class Params final : private state::Observer<std::uint16_t, ParameterRow> {
 public:
  explicit Params(state::Store& store);

  /// Writes the starting values of a preset. Called once, at genesis.
  void write_genesis(Preset preset);

  [[nodiscard]] std::uint64_t get(Parameter parameter) const { return values_[static_cast<std::size_t>(parameter)]; }
  [[nodiscard]] DurationMs duration(Parameter parameter) const { return {get(parameter)}; }
  [[nodiscard]] Agpu agpu(Parameter parameter) const { return {get(parameter)}; }
  /// Genesis overrides, and later governance: false where the value lies outside the parameter's bounds.
  [[nodiscard]] bool set(Parameter parameter, std::uint64_t value);
  [[nodiscard]] const state::Table<std::uint16_t, ParameterRow>& table() const { return table_; }

 private:
  void on_change(const std::uint16_t& key, const ParameterRow* before, const ParameterRow* after) override;

  static constexpr std::size_t kNumberLimit = 256;
  state::Table<std::uint16_t, ParameterRow> table_;
  std::array<std::uint64_t, kNumberLimit> values_{};  // derived from the table
};

}  // namespace starminer::protocol
