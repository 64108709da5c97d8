#include "api/http/sse.h"

#include "api/http/sse_queue.h"

namespace starminer::api::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  out.push_back('\n');
}

}  // namespace

SseFrame encode_event(const SseEvent& event) {
  auto out = std::make_shared<std::string>();
  out->reserve(event.data.size() + event.id.size() + event.name.size() + 32);
  if (!event.id.empty()) append_field(*out, "id", event.id);
  if (!event.name.empty()) append_field(*out, "event", event.name);
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    append_field(*out, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    const bool pair = rest[end] == '\r' && end + 1 < rest.size() && rest[end + 1] == '\n';
    rest.remove_prefix(end + (pair ? 2 : 1));
  }
  out->push_back('\n');
  return out;
}

bool SseQueue::push(const SseFrame& frame) {
  bool accepted = true;
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return false;
    if (frames_.size() >= limits_.events_max || queued_bytes_ + flying_bytes_ + frame->size() > limits_.bytes_max) {
      open_ = false;
      dropped_ = true;
      accepted = false;
    } else {
      frames_.push_back(frame);
      queued_bytes_ += frame->size();
    }
    // The session must hear of an overflow even while it waits for a write to end.
    if (woken_ && accepted) return true;
    woken_ = true;
  }
  wake_();
  return accepted;
}

void SseQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    open_ = false;
    if (woken_) return;
    woken_ = true;
  }
  wake_();
}

bool SseQueue::is_dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

bool SseQueue::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

void SseQueue::on_close(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!detached_) {
      on_close_ = std::move(callback);
      return;
    }
  }
  callback();
}

SseQueue::Batch SseQueue::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  Batch batch;
  batch.frames.assign(frames_.begin(), frames_.end());
  frames_.clear();
  flying_bytes_ = queued_bytes_;
  queued_bytes_ = 0;
  batch.closing = !open_;
  return batch;
}

void SseQueue::detach() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (detached_) return;
    detached_ = true;
    open_ = false;
    frames_.clear();
    queued_bytes_ = 0;
    callback = std::move(on_close_);
    on_close_ = nullptr;
  }
  if (callback) callback();
}

bool SseStream::push(const SseFrame& frame) { return queue_ != nullptr && queue_->push(frame); }

void SseStream::close() {
  if (queue_ != nullptr) queue_->close();
}

bool SseStream::is_open() const { return queue_ != nullptr && queue_->is_open(); }

void SseStream::on_close(std::function<void()> callback) {
  if (queue_ != nullptr) queue_->on_close(std::move(callback));
}

}  // namespace starminer::api::http
