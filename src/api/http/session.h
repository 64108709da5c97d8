// One connection: reads requests, applies the limits, calls the handlers, writes the answers, one request at a time.
// Lives on the thread of its shard; deliver() alone may be called from any thread. Each phase has a deadline that the
// shard's tick compares with the clock, so no request pays for a timer. Internal to the server.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "api/http/header_scanner.h"
#include "api/http/range.h"
#include "api/http/request_parser.h"
#include "api/http/server_core.h"
#include "api/http/sse_queue.h"

namespace starminer::api::http {

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `address_key` is what the connection was admitted under.
  Session(boost::asio::ip::tcp::socket socket, std::shared_ptr<Shard> shard, std::string peer, std::string address_key);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  /// Called by the shard a few times within the shortest limit.
  void tick(Clock::time_point now);
  /// Ends what waits; lets a request in progress finish.
  void begin_stop();
  void close();

 private:
  enum class Phase : std::uint8_t { Idle, Header, Body, Handling, Writing, Events, Lingering, Closed };
  using Step = void (Session::*)();
  using Buffers = std::array<boost::asio::const_buffer, 3>;

  struct Upload {
    Request request;
    std::unique_ptr<BodySink> sink;
    std::string chunk;
    std::size_t filled = 0;
    /// Set when an answer ends the upload.
    std::optional<Response> answer;
  };
  struct Download {
    std::shared_ptr<BodySource> source;
    std::uint64_t offset = 0;
    /// Bytes to go; the maximum when the size is unknown.
    std::uint64_t remaining = 0;
    bool sized = false;
    bool chunked = false;
    std::string piece;
    std::size_t filled = 0;
    bool failed = false;
    std::string framing;
  };

  // session.cpp: the header, the choice of the route, the call of the handler.
  void next_request();
  void process_header();
  void header_complete(std::size_t size);
  void take_over(const Request& request);
  [[nodiscard]] bool find_route();
  [[nodiscard]] std::optional<Problem> check_body_headers() const;
  [[nodiscard]] bool take_rate(RateLimiter* limiter, std::string_view key);
  void dispatch();
  void dispatch_sync(const SyncHandler& handler);
  void dispatch_async(const AsyncHandler& handler);
  [[nodiscard]] Responder make_responder();
  void deliver(std::uint64_t sequence, Response response);
  /// Continues on the shard's thread while the request `sequence_` of now is still in phase Handling.
  [[nodiscard]] std::function<void(std::function<void(Session&)>)> make_return();
  void on_deadline();
  void refuse(Problem problem);
  void refuse_and_close(Problem problem);
  void set_deadline(std::chrono::milliseconds timeout) { deadline_ = Clock::now() + timeout; }
  [[nodiscard]] bool post_to_worker(std::function<void()> task);

  // session_body.cpp: buffered and streamed request bodies.
  void begin_body();
  void read_body();
  void read_sized_body();
  void read_chunked_body();
  /// Empty: the body was refused.
  [[nodiscard]] std::optional<ChunkStatus> decode_chunks(std::string& out);
  void note_received(std::size_t bytes);
  void send_continue(Step then);
  void begin_upload(const UploadHandler& handler);
  void upload_opened();
  void read_upload();
  void read_upload_sized();
  void write_upload(bool last);
  void upload_written(bool last);
  void upload_lost();
  void drop_upload();
  /// Reads what has come into the input buffer.
  void fill_input(Step then);
  [[nodiscard]] bool interrupted(const boost::system::error_code& error);
  [[nodiscard]] std::string_view input() const { return {input_.data() + input_begin_, input_end_ - input_begin_}; }
  void consume(std::size_t bytes) { input_begin_ += bytes; }

  // session_write.cpp: answers.
  void respond(Response response);
  void settle_unread_body();
  void begin_head();
  void end_head(std::optional<std::uint64_t> length);
  void respond_bytes(std::string_view body);
  void respond_stream(StreamBody stream);
  [[nodiscard]] bool is_unchanged(const StreamBody& stream) const;
  void read_piece();
  void write_piece();
  void write(Buffers buffers, Step then);
  void response_done();
  void linger();
  void discard_input();

  // session_events.cpp: server-sent events.
  void begin_events(const EventHandler& handler);
  void events_accepted();
  void events_refused(Response response);
  void events_woken();
  void events_written();
  void write_events();
  void watch_for_end();
  void leave_events();

  std::shared_ptr<Shard> shard_;
  ServerCore& core_;
  boost::asio::ip::tcp::socket socket_;
  const std::string peer_;
  const std::string address_key_;

  Phase phase_ = Phase::Idle;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool timed_out_ = false;
  bool stopping_ = false;

  std::vector<char> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  HeaderScanner scanner_;

  std::uint64_t sequence_ = 0;
  Request request_;
  std::optional<RequestParser> parser_;
  Framing framing_;
  const Route* route_ = nullptr;
  RateLimiters* limiters_ = nullptr;
  bool body_read_ = true;
  Clock::time_point started_;
  Clock::time_point body_started_;
  std::uint64_t body_received_ = 0;
  std::uint64_t body_remaining_ = 0;
  std::shared_ptr<Upload> upload_;

  // Kept from the request for its answer, because the handler may own the request by then.
  std::uint64_t request_id_ = 0;
  Method method_ = Method::Get;
  std::string range_;
  std::string if_range_;
  std::string if_none_match_;

  bool keep_alive_ = true;
  int status_ = 0;
  std::string head_;
  Response response_;
  std::string text_;
  std::shared_ptr<Download> download_;

  std::shared_ptr<SseQueue> events_;
  bool events_counted_ = false;
  bool events_writing_ = false;
  bool events_closing_ = false;
  Clock::time_point last_event_write_;
  char probe_ = 0;
};

}  // namespace starminer::api::http
