// How every program reports an error: what happened, why, what to do; as text with the figures, or as one JSON object
// where the command was given --json. Pure rendering; texts from elsewhere are sanitised here.
#pragma once

#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace starminer::terminal {

struct Failure {
  /// What happened: "balance too small".
  std::string what;
  /// Stable code of a refusal ("E2104"); empty for none.
  std::string code{};
  /// Why, with the figures: "cap 12.5000 AGPU, you have 3.0000".
  std::string why{};
  /// What to do, one line each: "starminer buy 9.5".
  std::vector<std::string> advice{};
};

/// "✖ what [code]  why" and the advice on lines below.
[[nodiscard]] std::string failure_text(const Terminal& terminal, const Failure& failure);
/// {"error":{"what":..,"code":..,"why":..,"advice":[..],"exit_code":n}} on one line.
[[nodiscard]] std::string failure_json(const Failure& failure, int exit_code);
/// A JSON string literal of the text; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace starminer::terminal
