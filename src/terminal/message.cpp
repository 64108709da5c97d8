#include "terminal/message.h"

#include <fmt/format.h>

#include "terminal/text.h"

namespace starminer::terminal {

std::string failure_text(const Terminal& terminal, const Failure& failure) {
  std::string out = terminal.cross() + " " + terminal.paint(Style::Strong, sanitize_line(failure.what));
  if (!failure.code.empty()) out += " [" + sanitize_line(failure.code) + "]";
  if (!failure.why.empty()) {
    const std::string why = sanitize(failure.why);
    // One line stays beside the title, several lines (all errors of a file) go below it.
    const bool several = why.find('\n') != std::string::npos;
    out += several ? "\n" + wrap(why, 10'000, 2) : "  " + why;
  }
  for (const std::string& advice : failure.advice) out += "\n  " + sanitize_line(advice);
  return out + "\n";
}

std::string json_quote(std::string_view text) {
  // Sanitising also repairs UTF-8, without which the output would not be JSON.
  std::string quoted = "\"";
  for (const char c : sanitize(text)) {
    if (c == '"' || c == '\\') {
      quoted.append("\\").push_back(c);
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

std::string failure_json(const Failure& failure, int exit_code) {
  std::string advice;
  for (const std::string& line : failure.advice) advice += (advice.empty() ? "" : ",") + json_quote(line);
  return fmt::format("{{\"error\":{{\"what\":{},\"code\":{},\"why\":{},\"advice\":[{}],\"exit_code\":{}}}}}",
                     json_quote(failure.what), json_quote(failure.code), json_quote(failure.why), advice, exit_code);
}

}  // namespace starminer::terminal
