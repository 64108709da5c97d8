// Server-sent events: one response without end, written from the subscriber's queue.
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "api/http/session.h"

namespace starminer::api::http {
namespace {

/// A reader that does not read is noticed by a full send buffer; a large one would hide it behind megabytes.
constexpr int kSendBufferBytes = 64 << 10;

}  // namespace

void Session::begin_events(const EventHandler& handler) {
  if (core_.event_streams.fetch_add(1) >= core_.options.event_streams_max) {
    core_.event_streams.fetch_sub(1);
    refuse(unavailable("too_many_streams", "The server has as many event streams open as it can hold.", 5));
    return;
  }
  events_counted_ = true;
  core_.metrics.event_streams(1);
  const auto weak = weak_from_this();
  events_ = std::make_shared<SseQueue>(
      SseQueue::Limits{core_.options.sse_queue_events_max, core_.options.sse_queue_bytes_max}, [weak] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        boost::asio::post(self->shard_->io, [weak] {
          if (const auto session = weak.lock()) session->events_woken();
        });
      });
  auto request = std::make_shared<Request>(std::move(request_));
  const bool posted = post_to_worker([&handler, request, queue = events_, back = make_return()] {
    std::optional<Response> refusal;
    try {
      refusal = handler(*request, SseStream(queue));
    } catch (const std::exception&) {
      refusal = internal_error();
    }
    if (refusal) {
      back([answer = std::make_shared<Response>(std::move(*refusal))](Session& session) {
        session.events_refused(std::move(*answer));
      });
    } else {
      back([](Session& session) { session.events_accepted(); });
    }
  });
  if (!posted) leave_events();
}

void Session::leave_events() {
  if (events_ != nullptr) {
    const auto queue = std::move(events_);
    events_ = nullptr;
    queue->detach();
  }
  if (events_counted_) {
    events_counted_ = false;
    core_.event_streams.fetch_sub(1);
    core_.metrics.event_streams(-1);
  }
}

void Session::events_refused(Response response) {
  leave_events();
  respond(std::move(response));
}

void Session::events_accepted() {
  keep_alive_ = false;
  status_ = 200;
  response_ = Response();
  response_.content_type = "text/event-stream";
  response_.with("Cache-Control", "no-store");
  begin_head();
  end_head(std::nullopt);
  if (method_ == Method::Head || stopping_) {
    leave_events();
    phase_ = Phase::Writing;
    write({boost::asio::buffer(head_)}, &Session::response_done);
    return;
  }
  core_.metrics.request(route_->index, status_, Clock::now() - started_);
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
  phase_ = Phase::Events;
  events_writing_ = true;
  write({boost::asio::buffer(head_)}, &Session::events_written);
  watch_for_end();
}

void Session::watch_for_end() {
  socket_.async_read_some(boost::asio::buffer(&probe_, 1),
                          [self = shared_from_this()](const boost::system::error_code&, std::size_t) {
                            // Its end, or bytes that do not belong on an event stream.
                            if (self->phase_ == Phase::Events) self->close();
                          });
}

void Session::events_woken() {
  if (phase_ != Phase::Events) return;
  if (events_->is_dropped()) {
    core_.metrics.event_stream_dropped();
    close();
    return;
  }
  if (!events_writing_) write_events();
}

void Session::events_written() {
  events_writing_ = false;
  deadline_ = Clock::time_point::max();
  last_event_write_ = Clock::now();
  write_events();
}

void Session::write_events() {
  if (events_->is_dropped()) {
    core_.metrics.event_stream_dropped();
    close();
    return;
  }
  const SseQueue::Batch batch = events_->take();
  if (batch.frames.empty()) {
    if (batch.closing) close();
    return;
  }
  text_.clear();
  for (const SseFrame& frame : batch.frames) text_ += *frame;
  events_writing_ = true;
  write({boost::asio::buffer(text_)}, &Session::events_written);
}

}  // namespace starminer::api::http
