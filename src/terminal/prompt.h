// A yes/no question that never hangs a script: it asks only where both sides are a terminal and otherwise says which
// flag answers it. One thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "terminal/terminal.h"

namespace starminer::terminal {

enum class Answer : std::uint8_t { Yes, No, CannotAsk };

struct Question {
  std::string_view text;
  /// What an empty line means.
  bool default_yes = false;
  /// True if the user gave --yes: the answer is Yes without asking.
  bool assume_yes = false;
};

/// CannotAsk if input or output is not a terminal; a line that says to use --yes has then been written. The end of the
/// input counts as no.
[[nodiscard]] Answer ask(const Terminal& terminal, std::istream& input, bool input_is_terminal,
                         const Question& question);
/// The same for standard input.
[[nodiscard]] Answer ask(const Terminal& terminal, const Question& question);

}  // namespace starminer::terminal
