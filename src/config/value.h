// Binds a variable of a program to its text form: how it is written, what it accepts, how to assign and show it. One
// binding serves the configuration file, the environment, the flags, the help, the manual and the completion.
// A binding holds a reference to its variable, which must outlive it.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/amount.h"
#include "config/units.h"

namespace starminer::config {

/// How a value is written in TOML, and whether a flag takes an argument.
enum class ValueShape : std::uint8_t { Text, Boolean, Integer, List };

/// What a shell may complete.
enum class Completion : std::uint8_t { None, File, Directory };

struct ValueBinding {
  ValueShape shape = ValueShape::Text;
  /// Stands for the value in help: "DURATION".
  std::string placeholder;
  /// Empty if any value of the type goes.
  std::vector<std::string> choices{};
  Completion completion = Completion::None;
  /// Assigns one text (a list: all of them). Returns the error, or nothing. The variable is unchanged after an error.
  std::function<std::optional<std::string>(const std::vector<std::string>&)> assign;
  /// The current value as text that `assign` accepts; a list has any number of them.
  std::function<std::vector<std::string>()> show;
};

[[nodiscard]] ValueBinding bind(std::string& target);
[[nodiscard]] ValueBinding bind(bool& target);
[[nodiscard]] ValueBinding bind(std::filesystem::path& target);
[[nodiscard]] ValueBinding bind(std::chrono::milliseconds& target);
[[nodiscard]] ValueBinding bind(ByteSize& target);
[[nodiscard]] ValueBinding bind(HostPort& target);
[[nodiscard]] ValueBinding bind(Agpu& target);
/// A percentage in parts per million.
[[nodiscard]] ValueBinding bind(Ppm& target);
[[nodiscard]] ValueBinding bind(std::vector<std::string>& target);

struct IntegerRange {
  std::uint64_t low = 0;
  std::uint64_t high = std::numeric_limits<std::uint64_t>::max();
};

/// The integer behind `assign` and `show` of an integer of any width; both ends of the range are allowed.
[[nodiscard]] ValueBinding bind_integer(std::function<void(std::uint64_t)> set, std::function<std::uint64_t()> get,
                                        IntegerRange range);

template <std::unsigned_integral T>
requires(!std::same_as<T, bool>) [[nodiscard]] ValueBinding
    bind(T& target, IntegerRange range = {0, std::numeric_limits<T>::max()}) {
  range.high = std::min<std::uint64_t>(range.high, std::numeric_limits<T>::max());
  return bind_integer([&target](std::uint64_t value) { target = static_cast<T>(value); }, [&target] { return target; },
                      range);
}

/// A value that may be absent: shows nothing until it is assigned.
template <class T>
[[nodiscard]] ValueBinding bind(std::optional<T>& target) {
  // The description comes from a binding of a stand-in that lives as long as the functions.
  const auto stand_in = std::make_shared<T>();
  ValueBinding binding = bind(*stand_in);
  binding.assign = [&target, stand_in, assign = binding.assign](const std::vector<std::string>& texts) {
    auto error = assign(texts);
    if (!error) target = *stand_in;
    return error;
  };
  binding.show = [&target, stand_in, show = binding.show]() -> std::vector<std::string> {
    if (!target) return {};
    *stand_in = *target;
    return show();
  };
  return binding;
}

/// One of a few names, for enums.
template <class T>
[[nodiscard]] ValueBinding bind_choice(T& target, std::vector<std::pair<std::string, T>> names);

/// A text that must be one of `names`; the part of bind_choice that is not a template.
[[nodiscard]] ValueBinding bind_name(std::function<void(std::size_t)> set, std::function<std::size_t()> get,
                                     std::vector<std::string> names);

template <class T>
ValueBinding bind_choice(T& target, std::vector<std::pair<std::string, T>> names) {
  std::vector<std::string> texts;
  std::vector<T> values;
  for (auto& [text, value] : names) {
    texts.push_back(std::move(text));
    values.push_back(std::move(value));
  }
  return bind_name([&target, values](std::size_t index) { target = values[index]; },
                   [&target, values] {
                     std::size_t index = 0;
                     while (index + 1 < values.size() && !(values[index] == target)) ++index;
                     return index;
                   },
                   std::move(texts));
}

}  // namespace starminer::config
