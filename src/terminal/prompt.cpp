#include "terminal/prompt.h"

#include <unistd.h>

#include <iostream>
#include <string>

namespace starminer::terminal {
namespace {

constexpr int kAttempts = 3;

}  // namespace

Answer ask(const Terminal& terminal, std::istream& input, bool input_is_terminal, const Question& question) {
  if (question.assume_yes) return Answer::Yes;
  if (!terminal.interactive() || !input_is_terminal) {
    terminal.line(terminal.cross() + " \"" + std::string(question.text) +
                  "\" cannot be asked here: this is not a terminal. Add --yes to agree beforehand.");
    return Answer::CannotAsk;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    terminal.stream() << question.text << (question.default_yes ? " [Y/n] " : " [y/N] ") << std::flush;
    std::string line;
    if (!std::getline(input, line)) return Answer::No;
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.empty()) return question.default_yes ? Answer::Yes : Answer::No;
    if (line == "y" || line == "Y" || line == "yes" || line == "Yes") return Answer::Yes;
    if (line == "n" || line == "N" || line == "no" || line == "No") return Answer::No;
    terminal.line("Please answer y or n.");
  }
  return Answer::No;
}

Answer ask(const Terminal& terminal, const Question& question) {
  return ask(terminal, std::cin, isatty(STDIN_FILENO) == 1, question);
}

}  // namespace starminer::terminal
