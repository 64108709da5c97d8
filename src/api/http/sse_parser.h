// Reads a text/event-stream (HTML standard, section 9.2.6) from pieces of any size. One parser per connection, one
// thread. Lines and events are bounded, so that a server cannot fill the memory of a client.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/sse.h"

namespace starminer::api::http {

class SseParser {
 public:
  enum class Status : unsigned char { More, Stopped, TooLarge };

  explicit SseParser(std::string last_event_id, std::size_t event_bytes_max = 4U << 20U)
      : event_bytes_max_(event_bytes_max), id_(last_event_id), last_event_id_(std::move(last_event_id)) {}

  /// Calls back for each complete event; a callback that returns false stops.
  [[nodiscard]] Status feed(std::string_view bytes, const std::function<bool(const SseEvent&)>& callback);
  /// Of the last complete event; what a reconnect sends.
  [[nodiscard]] const std::string& last_event_id() const { return last_event_id_; }
  /// Milliseconds the server asked to wait before a reconnect.
  [[nodiscard]] std::optional<int> retry_ms() const { return retry_ms_; }

 private:
  [[nodiscard]] bool end_line(const std::function<bool(const SseEvent&)>& callback);
  void field(std::string_view name, std::string_view value);

  std::size_t event_bytes_max_;
  std::string line_;
  bool first_line_ = true;
  bool after_cr_ = false;
  std::string id_;
  std::string name_;
  std::string data_;
  bool has_data_ = false;
  std::string last_event_id_;
  std::optional<int> retry_ms_;
};

}  // namespace starminer::api::http
