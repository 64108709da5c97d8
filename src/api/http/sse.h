// Server-sent events (HTML standard, section 9.2). A stream is a handle to one subscriber: push from any thread. The
// queue of a subscriber is bounded in events and bytes; one that does not keep up is dropped and may come back with
// Last-Event-ID. Copies of a stream share one subscriber.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace starminer::api::http {

/// One event. Empty id or name: the field is not sent.
struct SseEvent {
  std::string id{};
  std::string name{};
  std::string data{};
};

/// An event in its wire form, shared by all subscribers that get it.
using SseFrame = std::shared_ptr<const std::string>;

/// Line breaks in id and name end the field and are dropped; data may have any number of lines.
[[nodiscard]] SseFrame encode_event(const SseEvent& event);

class SseQueue;

class SseStream {
 public:
  SseStream() = default;
  explicit SseStream(std::shared_ptr<SseQueue> queue) : queue_(std::move(queue)) {}

  /// False when the subscriber is gone or was dropped just now because its queue is full.
  bool push(const SseFrame& frame);
  bool push(const SseEvent& event) { return push(encode_event(event)); }
  /// Ends the stream after the events pushed so far.
  void close();
  [[nodiscard]] bool is_open() const;
  /// Called once, from an I/O thread, when the subscriber is gone; at once when it is gone already.
  void on_close(std::function<void()> callback);

 private:
  std::shared_ptr<SseQueue> queue_{};
};

}  // namespace starminer::api::http
