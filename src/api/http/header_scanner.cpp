#include "api/http/header_scanner.h"

namespace starminer::api::http {
namespace {

/// Method, version and blanks of a request line, generously.
constexpr std::size_t kRequestLineExtra = 32;

}  // namespace

void HeaderScanner::reset() {
  at_ = 0;
  line_start_ = 0;
  lines_ = 0;
}

HeaderScan HeaderScanner::check_lengths(std::size_t arrived) const {
  if (lines_ == 0 && arrived > limits_.target_bytes_max + kRequestLineExtra) return HeaderScan::TargetTooLong;
  if (arrived > limits_.header_bytes_max) return HeaderScan::TooLarge;
  if (lines_ > limits_.header_count_max + 1) return HeaderScan::TooManyFields;
  return HeaderScan::NeedMore;
}

HeaderScan HeaderScanner::end_of_line() {
  const bool empty = at_ == line_start_;
  const HeaderScan lengths = check_lengths(at_);
  if (lengths != HeaderScan::NeedMore) return lengths;
  at_ += 2;
  if (empty) return lines_ == 0 ? HeaderScan::Malformed : HeaderScan::Complete;
  ++lines_;
  line_start_ = at_;
  return HeaderScan::NeedMore;
}

HeaderScan HeaderScanner::scan(std::string_view data) {
  while (at_ < data.size()) {
    const auto c = static_cast<unsigned char>(data[at_]);
    if (at_ == line_start_ && (c == ' ' || c == '\t')) return HeaderScan::Malformed;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') {
      ++at_;
      continue;
    }
    if (c != '\r') return HeaderScan::Malformed;
    if (at_ + 1 == data.size()) break;
    if (data[at_ + 1] != '\n') return HeaderScan::Malformed;
    const HeaderScan line = end_of_line();
    if (line != HeaderScan::NeedMore) return line;
  }
  return check_lengths(data.size());
}

}  // namespace starminer::api::http
