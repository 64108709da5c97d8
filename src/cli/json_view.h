// Reads what a node answered without trusting its shape: a member that is missing or of another type is empty, never an
// exception. Amounts and prices travel as strings of base units and are numbers here. Texts that are shown pass the
// sanitiser. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace starminer::cli {

/// The member of an object, or null.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, std::string_view name);
/// The member if it is an array, else an empty one.
[[nodiscard]] const nlohmann::json& list_of(const nlohmann::json& object, std::string_view name);
[[nodiscard]] bool has(const nlohmann::json& object, std::string_view name);

/// As it came, for ids and comparison.
[[nodiscard]] std::string text_of(const nlohmann::json& object, std::string_view name);
/// Made safe to print, on one line.
[[nodiscard]] std::string shown(const nlohmann::json& object, std::string_view name);
[[nodiscard]] std::optional<std::uint64_t> find_number(const nlohmann::json& object, std::string_view name);
[[nodiscard]] std::uint64_t number_of(const nlohmann::json& object, std::string_view name);
[[nodiscard]] bool flag_of(const nlohmann::json& object, std::string_view name);

/// "0.4035 AGPU".
[[nodiscard]] std::string agpu(std::uint64_t base_units);
[[nodiscard]] std::string agpu_of(const nlohmann::json& object, std::string_view name);
/// "0.4035" without the symbol, for rows of figures.
[[nodiscard]] std::string tokens_of(const nlohmann::json& object, std::string_view name);
/// Parts per million as a factor: "1.05", "0.9975".
[[nodiscard]] std::string factor_text(std::uint64_t ppm);

/// One line of text, with replacement characters where it is no UTF-8.
[[nodiscard]] std::string compact(const nlohmann::json& value);
/// Indented, for files that people open.
[[nodiscard]] std::string pretty(const nlohmann::json& value);

}  // namespace starminer::cli
