// The event reader: a connection of its own, reconnects with Last-Event-ID.
#include <algorithm>
#include <array>
#include <thread>

#include "api/http/client_impl.h"
#include "api/http/sse_parser.h"

namespace starminer::api::http {
namespace {

constexpr std::chrono::milliseconds kSleepSlice{50};
constexpr std::chrono::milliseconds kReconnectPauseMax{30'000};

class EventReader {
 public:
  EventReader(const HttpClient::Impl& client, std::string_view target,
              const std::function<bool(const SseEvent&)>& callback, const EventOptions& options)
      : client_(client),
        target_(target),
        callback_(callback),
        options_(options),
        connection_(client.endpoint, client.options.connect_timeout),
        last_event_id_(options.last_event_id),
        pause_(options.reconnect_pause) {}

  Result<std::string, ApiError> run() {
    int reconnects = 0;
    for (;;) {
      received_ = false;
      auto ended = connect_and_read();
      if (ended && *ended) return last_event_id_;
      connection_.close();
      if (!ended && !ended.error().is_transient()) return fail(std::move(ended.error()));
      if (received_) reconnects = 0;
      if (options_.reconnects_max >= 0 && reconnects++ >= options_.reconnects_max) {
        return fail(ended ? link_error("connection_lost", "The event stream ended.", "Try again.")
                          : std::move(ended.error()));
      }
      const auto asked = std::chrono::milliseconds(ended ? 0 : ended.error().retry_after_s * 1'000);
      if (!sleep(std::max(pause_, asked))) return fail(link_error("cancelled", "The call was cancelled.", ""));
    }
  }

 private:
  [[nodiscard]] Patience patience(std::chrono::milliseconds time) const {
    return {std::chrono::steady_clock::now() + time, options_.cancel};
  }

  [[nodiscard]] bool sleep(std::chrono::milliseconds time) const {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
      if (options_.cancel != nullptr && options_.cancel->load()) return false;
      std::this_thread::sleep_for(kSleepSlice);
    }
    return options_.cancel == nullptr || !options_.cancel->load();
  }

  /// True when the callback has enough, false when the stream ended.
  Result<bool, ApiError> connect_and_read() {
    const auto timeout = options_.call.timeout.count() > 0 ? options_.call.timeout : client_.options.timeout;
    const auto opened = connection_.open(patience(timeout));
    if (!opened) return fail(opened.error());
    CallOptions call = options_.call;
    call.headers.emplace_back("Accept", "text/event-stream");
    if (!last_event_id_.empty()) call.headers.emplace_back("Last-Event-ID", last_event_id_);
    const Headers headers = client_.prepared(Method::Get, target_, {}, call);
    auto sent =
        connection_.write(client_.request_head(Method::Get, target_, headers, std::nullopt), {}, patience(timeout));
    if (!sent) return fail(std::move(sent.error()));
    auto head = connection_.read_head(false, patience(timeout));
    if (!head) return fail(std::move(head.error()));
    // 204 is the standard's word for "do not come back".
    if (head->status == 204) return true;
    if (head->status != 200) return fail(refusal(*head, timeout));
    if (head->header("content-type").substr(0, 17) != "text/event-stream") {
      return fail(link_error("bad_response", "The server did not answer with an event stream.", "Check the path."));
    }
    return read();
  }

  Result<bool, ApiError> read() {
    SseParser parser(last_event_id_);
    std::array<char, 16U << 10U> piece{};
    const auto take = [this](const SseEvent& event) {
      received_ = true;
      last_event_id_ = event.id;
      return callback_(event);
    };
    for (;;) {
      const auto count = connection_.read_some(piece, patience(options_.silence_max));
      if (!count) return fail(count.error());
      if (*count == 0) return false;
      const auto status = parser.feed({piece.data(), *count}, take);
      if (parser.retry_ms()) pause_ = std::min(kReconnectPauseMax, std::chrono::milliseconds(*parser.retry_ms()));
      if (status == SseParser::Status::Stopped) return true;
      if (status == SseParser::Status::TooLarge) {
        return fail(link_error("too_large", "The server sent an event beyond the limit.", ""));
      }
    }
  }

  ApiError refusal(const ResponseHead& head, std::chrono::milliseconds timeout) {
    std::string body(kPieceBytes, '\0');
    std::size_t filled = 0;
    while (filled < body.size()) {
      const auto count = connection_.read_some({body.data() + filled, body.size() - filled}, patience(timeout));
      if (!count || *count == 0) break;
      filled += *count;
    }
    return error_of(head, std::string_view(body).substr(0, filled));
  }

  const HttpClient::Impl& client_;
  std::string_view target_;
  const std::function<bool(const SseEvent&)>& callback_;
  const EventOptions& options_;
  ClientConnection connection_;
  std::string last_event_id_;
  std::chrono::milliseconds pause_;
  bool received_ = false;
};

}  // namespace

Result<std::string, ApiError> HttpClient::events(std::string_view target,
                                                 const std::function<bool(const SseEvent&)>& callback,
                                                 const EventOptions& options) {
  return EventReader(*impl_, target, callback, options).run();
}

}  // namespace starminer::api::http
