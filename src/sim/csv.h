// A comma-separated file with a heading, as published traces are: one record a line, fields without quotes. Every field
// knows its line and column, so that whoever reads it can say where a mistake is. Views into the text, which must
// outlive them. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starminer::sim {

/// A mistake in an input file; both figures count from 1, the column in bytes.
struct InputError {
  std::size_t line = 1;
  std::size_t column = 1;
  /// What is wrong and what a right one looks like, without a full stop.
  std::string text;

  /// "FILE:LINE:COLUMN: text".
  [[nodiscard]] std::string in(std::string_view file) const;
};

struct Field {
  std::string_view text;
  std::size_t line = 1;
  std::size_t column = 1;

  [[nodiscard]] InputError error(std::string what) const { return {line, column, std::move(what)}; }
};

class Csv {
 public:
  /// Fails where a line has other than as many fields as the heading, a name of the heading is empty or stands twice,
  /// or a field is quoted. Empty lines are skipped; lines may end in CR LF.
  [[nodiscard]] static Result<Csv, InputError> parse(std::string_view text);

  [[nodiscard]] std::optional<std::size_t> find_column(std::string_view name) const;
  /// Fails where the heading has no such name.
  [[nodiscard]] Result<std::size_t, InputError> column(std::string_view name) const;
  [[nodiscard]] const std::vector<Field>& heading() const { return heading_; }
  [[nodiscard]] const std::vector<std::vector<Field>>& rows() const { return rows_; }

 private:
  std::vector<Field> heading_;
  std::vector<std::vector<Field>> rows_;
};

/// A decimal integer of low..high.
[[nodiscard]] Result<std::uint64_t, InputError> parse_integer(const Field& field, std::string_view what,
                                                              std::uint64_t low, std::uint64_t high);
/// Seconds from 0 on with at most three decimals that count ("5095", "5095.0", "0.25"), as milliseconds; further ones
/// are cut off.
[[nodiscard]] Result<std::uint64_t, InputError> parse_seconds(const Field& field, std::string_view what,
                                                              std::uint64_t high_s);

}  // namespace starminer::sim
