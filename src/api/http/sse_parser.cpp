#include "api/http/sse_parser.h"

#include <charconv>

namespace starminer::api::http {

SseParser::Status SseParser::feed(std::string_view bytes, const std::function<bool(const SseEvent&)>& callback) {
  for (const char c : bytes) {
    const bool second_of_pair = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_of_pair) continue;
    if (c == '\r' || c == '\n') {
      if (!end_line(callback)) return Status::Stopped;
      continue;
    }
    if (line_.size() + data_.size() >= event_bytes_max_) return Status::TooLarge;
    line_.push_back(c);
  }
  return Status::More;
}

bool SseParser::end_line(const std::function<bool(const SseEvent&)>& callback) {
  static constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view line = line_;
  if (first_line_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark) line.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (!line.empty()) {
    const std::size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    // A line that starts with a colon is a comment.
    if (colon != 0) field(line.substr(0, colon), value);
    line_.clear();
    return true;
  }
  line_.clear();
  last_event_id_ = id_;
  if (!has_data_) {
    name_.clear();
    return true;
  }
  SseEvent event{id_, std::move(name_), std::move(data_)};
  event.data.pop_back();
  name_.clear();
  data_.clear();
  has_data_ = false;
  return callback(event);
}

void SseParser::field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_ += value;
    data_.push_back('\n');
    has_data_ = true;
  } else if (name == "event") {
    name_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    int retry = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), retry);
    if (!value.empty() && error == std::errc() && end == value.data() + value.size() && retry >= 0) retry_ms_ = retry;
  }
}

}  // namespace starminer::api::http
