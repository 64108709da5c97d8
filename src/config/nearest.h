// "Did you mean ...": the known name nearest to a mistyped one, for unknown options, fields, commands and choices.
// Pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starminer::config {

/// The known name with the fewest typing errors (insertion, deletion, replacement, neighbouring swap) if these are few
/// for the length of the word; upper and lower case, '-', '_' and '.' count as equal. The first of equally near ones.
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view given, std::span<const std::string> known);

/// "; did you mean \"gpus\"?" or an empty text.
[[nodiscard]] std::string did_you_mean(std::string_view given, std::span<const std::string> known);

}  // namespace starminer::config
