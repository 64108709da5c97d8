// The regular expressions that parser and JSON Schema share, by POSIX regcomp: its matcher needs neither recursion nor
// exponential time, unlike std::regex. Written in the common part of ECMA 262 and POSIX extended expressions.
// Immutable, cheap to copy, safe from several threads.
#pragma once

#include <memory>
#include <string>

namespace starminer::client::job_file {

class Pattern {
 public:
  /// Requires a valid expression; it is anchored by its own ^ and $.
  explicit Pattern(const std::string& expression);

  [[nodiscard]] bool matches(const std::string& text) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace starminer::client::job_file
