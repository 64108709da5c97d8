// First, strict look at the bytes of a request header, as they arrive: lines end with CR LF and nothing else, no
// control characters, no folded lines, bounded lengths and counts. Only bytes that pass reach the parser, so that no
// lenience of a parser lets two programs read one request differently. One scanner per connection, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace starminer::api::http {

struct HeaderLimits {
  std::size_t target_bytes_max;
  std::size_t header_bytes_max;
  std::size_t header_count_max;
};

enum class HeaderScan : std::uint8_t { NeedMore, Complete, Malformed, TargetTooLong, TooLarge, TooManyFields };

class HeaderScanner {
 public:
  explicit HeaderScanner(const HeaderLimits& limits) : limits_(limits) {}

  /// `data` starts at the first byte of the request and only grows between calls.
  [[nodiscard]] HeaderScan scan(std::string_view data);
  /// Bytes of the header with its empty line. Requires: Complete.
  [[nodiscard]] std::size_t size() const { return at_; }
  void reset();

 private:
  [[nodiscard]] HeaderScan end_of_line();
  [[nodiscard]] HeaderScan check_lengths(std::size_t arrived) const;

  HeaderLimits limits_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
};

}  // namespace starminer::api::http
