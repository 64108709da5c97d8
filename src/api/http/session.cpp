#include "api/http/session.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "api/http/target.h"

namespace starminer::api::http {
namespace {

constexpr std::size_t kInputBytes = 4U << 10U;

/// Handlers are ours, but a library below one may throw: the client then gets a 500 and the log the reason.
template <class F>
Response guarded(std::uint64_t request_id, F&& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    spdlog::error("http: request {} failed in its handler: {}", request_id_text(request_id), error.what());
    return internal_error();
  }
}

Problem problem_of(HeaderScan scan) {
  const auto make = [](int status, std::string code, std::string detail, std::string advice) {
    Problem problem = bad_request(std::move(code), std::move(detail), std::move(advice));
    problem.status = status;
    problem.title = std::string(reason_phrase(status));
    return problem;
  };
  switch (scan) {
    case HeaderScan::TargetTooLong:
      return make(414, "target_too_long", "The request target is longer than this server takes.", "Shorten the query.");
    case HeaderScan::TooLarge:
      return make(431, "header_too_large", "The request header is larger than this server takes.", "Send less of it.");
    case HeaderScan::TooManyFields:
      return make(431, "too_many_headers", "The request has more header fields than this server takes.",
                  "Send fewer of them.");
    default:
      return make(400, "malformed_request",
                  "The request header has control characters, folded lines or lines that do not end with CR LF.",
                  "Send HTTP/1.1 as RFC 9112 defines it.");
  }
}

std::string_view media_type_of(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  return content_type;
}

Problem unsupported_media(std::string detail, std::string advice) {
  Problem problem = bad_request("unsupported_media_type", std::move(detail), std::move(advice));
  problem.status = 415;
  problem.title = std::string(reason_phrase(415));
  return problem;
}

}  // namespace

Session::Session(boost::asio::ip::tcp::socket socket, std::shared_ptr<Shard> shard, std::string peer,
                 std::string address_key)
    : shard_(std::move(shard)),
      core_(*shard_->core),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      address_key_(std::move(address_key)),
      scanner_({core_.options.target_bytes_max, core_.options.header_bytes_max, core_.options.header_count_max}) {
  core_.metrics.connections(1);
}

Session::~Session() {
  core_.release(address_key_);
  core_.metrics.connections(-1);
}

void Session::start() {
  if (shard_->stopping()) return;
  shard_->add(shared_from_this());
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  set_deadline(core_.options.header_timeout);
  process_header();
}

void Session::close() {
  if (phase_ == Phase::Closed) return;
  const auto self = shared_from_this();
  phase_ = Phase::Closed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  leave_events();
  drop_upload();
  shard_->remove(self);
}

void Session::begin_stop() {
  stopping_ = true;
  if (phase_ == Phase::Idle || phase_ == Phase::Header || phase_ == Phase::Events) close();
}

void Session::tick(Clock::time_point now) {
  if (now >= deadline_) {
    on_deadline();
    return;
  }
  if (phase_ == Phase::Events && !events_writing_ && now - last_event_write_ >= core_.options.sse_heartbeat) {
    events_writing_ = true;
    text_ = ":\n\n";
    write({boost::asio::buffer(text_)}, &Session::events_written);
  }
}

void Session::on_deadline() {
  if (phase_ != Phase::Header && phase_ != Phase::Body) {
    close();
    return;
  }
  // The pending read ends by this, and its completion answers 408.
  timed_out_ = true;
  deadline_ = Clock::time_point::max();
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

bool Session::interrupted(const boost::system::error_code& error) {
  if (phase_ == Phase::Closed) return true;
  if (!timed_out_ && !error) return false;
  upload_lost();
  if (!timed_out_) {
    close();
    return true;
  }
  timed_out_ = false;
  Problem problem = bad_request("request_timeout", "The request did not arrive in the time this server waits for it.",
                                "Send it faster or in smaller parts.");
  problem.status = 408;
  problem.title = std::string(reason_phrase(408));
  refuse_and_close(std::move(problem));
  return true;
}

void Session::next_request() {
  if (stopping_ || shard_->stopping()) {
    close();
    return;
  }
  phase_ = Phase::Idle;
  ++sequence_;
  scanner_.reset();
  parser_.reset();
  request_ = Request();
  route_ = nullptr;
  body_read_ = true;
  drop_upload();
  set_deadline(core_.options.idle_timeout);
  if (input().empty()) {
    input_begin_ = input_end_ = 0;
    // Thousands of idle connections must not each keep the room of their largest header.
    if (input_.size() > kInputBytes) {
      input_.resize(kInputBytes);
      input_.shrink_to_fit();
    }
  }
  process_header();
}

void Session::process_header() {
  if (input().empty()) {
    fill_input(&Session::process_header);
    return;
  }
  if (phase_ == Phase::Idle) {
    phase_ = Phase::Header;
    // The time of the first request counts from the connect.
    if (sequence_ > 0) set_deadline(core_.options.header_timeout);
  }
  const HeaderScan scan = scanner_.scan(input());
  if (scan == HeaderScan::NeedMore) {
    fill_input(&Session::process_header);
  } else if (scan == HeaderScan::Complete) {
    header_complete(scanner_.size());
  } else {
    started_ = Clock::now();
    request_id_ = core_.next_request_id.fetch_add(1);
    method_ = Method::Get;
    refuse_and_close(problem_of(scan));
  }
}

void Session::header_complete(std::size_t size) {
  started_ = Clock::now();
  deadline_ = Clock::time_point::max();
  request_.id = core_.next_request_id.fetch_add(1);
  request_.peer = peer_;
  parser_.emplace(request_);
  auto problem = parser_->parse_head(input().substr(0, size));
  consume(size);
  framing_ = parser_->framing();
  take_over(request_);
  if (problem) {
    refuse_and_close(std::move(*problem));
    return;
  }
  if (!find_route()) return;
  if (auto refusal = check_body_headers()) {
    refuse(std::move(*refusal));
    return;
  }
  if (const auto* upload = std::get_if<UploadHandler>(&route_->handler)) {
    begin_upload(*upload);
  } else if (framing_.has_body()) {
    begin_body();
  } else {
    dispatch();
  }
}

void Session::take_over(const Request& request) {
  request_id_ = request.id;
  method_ = request.method;
  keep_alive_ = framing_.keep_alive;
  body_read_ = !framing_.has_body();
  body_remaining_ = framing_.content_length;
  range_ = request.header("range");
  if_range_ = request.header("if-range");
  if_none_match_ = request.header("if-none-match");
}

bool Session::find_route() {
  const auto segments = split_path(request_.path);
  Router::Match match;
  if (segments) match = core_.router.find(request_.method, *segments, request_.params);
  route_ = match.route;
  limiters_ = core_.limiters_of(route_);
  if (limiters_ != nullptr && !take_rate(limiters_->per_address.get(), address_key_)) return false;
  if (!segments) {
    refuse(bad_request("bad_path", "The path has a bad escape, an empty segment, a dot segment or an encoded slash.",
                       "Send a path as listed in /openapi.json."));
    return false;
  }
  if (route_ != nullptr) return true;
  if (match.allow.empty()) {
    refuse(not_found("no_such_path", "There is nothing at this path.", "The paths are listed in /openapi.json."));
  } else if (request_.method == Method::Options) {
    respond(Response::empty(204).with("Allow", match.allow));
  } else {
    Problem problem = bad_request("method_not_allowed", "This path does not take this method.",
                                  "Use one of the methods that the Allow header lists.");
    problem.status = 405;
    problem.title = std::string(reason_phrase(405));
    core_.metrics.refusal(problem.code);
    respond(Response(std::move(problem)).with("Allow", match.allow));
  }
  return false;
}

std::optional<Problem> Session::check_body_headers() const {
  if (!framing_.has_body()) return std::nullopt;
  const RouteOptions& options = route_->options;
  if (options.body_limit == 0) return bad_request("body_not_allowed", "This path takes no body with this method.");
  const std::string_view encoding = request_.header("content-encoding");
  if (!encoding.empty() && !same_name(encoding, "identity")) {
    return unsupported_media("This server takes no compressed bodies.", "Send the body as it is.");
  }
  const std::string_view type = media_type_of(request_.header("content-type"));
  const auto& types = options.content_types;
  if (!types.empty() &&
      std::none_of(types.begin(), types.end(), [&](const std::string& known) { return same_name(known, type); })) {
    return unsupported_media("This path does not take bodies of this Content-Type.",
                             fmt::format("Send {}.", fmt::join(types, " or ")));
  }
  if (framing_.content_length > options.body_limit) {
    Problem problem = bad_request("body_too_large", fmt::format("The body has {} bytes; this path takes up to {}.",
                                                                framing_.content_length, options.body_limit));
    problem.status = 413;
    problem.title = std::string(reason_phrase(413));
    return problem;
  }
  return std::nullopt;
}

bool Session::take_rate(RateLimiter* limiter, std::string_view key) {
  const int wait_s = limiter == nullptr ? 0 : limiter->take(key);
  if (wait_s == 0) return true;
  refuse(too_many_requests(wait_s));
  return false;
}

void Session::dispatch() {
  phase_ = Phase::Handling;
  deadline_ = Clock::time_point::max();
  if (limiters_ != nullptr && limiters_->per_key != nullptr && core_.options.rate_key) {
    const std::string key = core_.options.rate_key(request_);
    if (!key.empty() && !take_rate(limiters_->per_key.get(), key)) return;
  }
  if (const auto* sync = std::get_if<SyncHandler>(&route_->handler)) {
    dispatch_sync(*sync);
  } else if (const auto* async = std::get_if<AsyncHandler>(&route_->handler)) {
    dispatch_async(*async);
  } else {
    begin_events(std::get<EventHandler>(route_->handler));
  }
}

void Session::dispatch_sync(const SyncHandler& handler) {
  if (route_->options.run == Run::Inline) {
    respond(guarded(request_.id, [&] { return handler(request_); }));
    return;
  }
  auto request = std::make_shared<Request>(std::move(request_));
  (void)post_to_worker([&handler, request, responder = make_responder()] {
    responder.send(guarded(request->id, [&] { return handler(*request); }));
  });
}

void Session::dispatch_async(const AsyncHandler& handler) {
  // A handler that throws has dropped or kept its Responder; the extra copy here answers for it.
  const auto call = [&handler](const std::shared_ptr<Request>& request, const Responder& responder) {
    const std::uint64_t id = request->id;
    try {
      handler(std::move(*request), responder);
    } catch (const std::exception& error) {
      spdlog::error("http: request {} failed in its handler: {}", request_id_text(id), error.what());
      responder.send(internal_error());
    }
  };
  auto request = std::make_shared<Request>(std::move(request_));
  if (route_->options.run == Run::Inline) {
    call(request, make_responder());
    return;
  }
  (void)post_to_worker([call, request, responder = make_responder()] { call(request, responder); });
}

Responder Session::make_responder() {
  return Responder([weak = weak_from_this(), sequence = sequence_](Response response) {
    if (const auto self = weak.lock()) self->deliver(sequence, std::move(response));
  });
}

void Session::deliver(std::uint64_t sequence, Response response) {
  // Posted work holds no strong reference: it would keep a stopped loop alive, which holds the work.
  if (shard_->io.get_executor().running_in_this_thread()) {
    if (phase_ == Phase::Handling && sequence_ == sequence) respond(std::move(response));
    return;
  }
  boost::asio::post(shard_->io, [weak = weak_from_this(), sequence, response = std::move(response)]() mutable {
    if (const auto self = weak.lock()) self->deliver(sequence, std::move(response));
  });
}

std::function<void(std::function<void(Session&)>)> Session::make_return() {
  return [weak = weak_from_this(), sequence = sequence_](std::function<void(Session&)> step) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    boost::asio::post(self->shard_->io, [weak, sequence, step = std::move(step)] {
      const auto session = weak.lock();
      if (session != nullptr && session->sequence_ == sequence && session->phase_ != Phase::Closed) step(*session);
    });
  };
}

bool Session::post_to_worker(std::function<void()> task) {
  // A refused task stays here until the answer is on its way: its end would drop a Responder and answer 500.
  if (core_.pool.try_post(std::move(task))) return true;
  refuse(unavailable("overloaded", "The server has more requests waiting than it can hold.", 1));
  return false;
}

void Session::refuse(Problem problem) {
  core_.metrics.refusal(problem.code);
  respond(std::move(problem));
}

void Session::refuse_and_close(Problem problem) {
  keep_alive_ = false;
  framing_ = Framing();
  body_read_ = false;
  refuse(std::move(problem));
}

}  // namespace starminer::api::http
