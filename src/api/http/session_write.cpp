// Answers: heads, bodies in memory, streamed bodies with ranges, and the orderly end of a connection.
#include <algorithm>

#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "api/http/session.h"

namespace starminer::api::http {
namespace {

constexpr std::size_t kDownloadPiece = 128U << 10U;
constexpr std::size_t kDiscardBytes = 4U << 10U;

/// A line break in a value would end the field and start another of the attacker's choice.
void append_clean(std::string& out, std::string_view value) {
  for (const char c : value) out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

}  // namespace

void Session::settle_unread_body() {
  if (!framing_.chunked && body_remaining_ <= input().size()) {
    consume(body_remaining_);
    body_remaining_ = 0;
    body_read_ = true;
  } else {
    keep_alive_ = false;
  }
}

void Session::respond(Response response) {
  if (phase_ == Phase::Closed) return;
  if (!body_read_) {
    if (framing_.has_body()) {
      settle_unread_body();
    } else {
      keep_alive_ = false;
    }
  }
  if (stopping_) keep_alive_ = false;
  phase_ = Phase::Writing;
  set_deadline(core_.options.write_timeout);
  response_ = std::move(response);
  status_ = response_.status;
  if (auto* stream = std::get_if<StreamBody>(&response_.body)) {
    respond_stream(std::move(*stream));
  } else if (const auto* problem = std::get_if<Problem>(&response_.body)) {
    text_ = to_json(*problem, request_id_text(request_id_));
    if (problem->retry_after_s > 0) response_.with("Retry-After", std::to_string(problem->retry_after_s));
    respond_bytes(text_);
  } else if (const auto* shared = std::get_if<std::shared_ptr<const std::string>>(&response_.body)) {
    respond_bytes(**shared);
  } else {
    respond_bytes(std::get<std::string>(response_.body));
  }
}

void Session::begin_head() {
  head_.clear();
  head_ += "HTTP/1.1 ";
  head_ += fmt::format_int(status_).c_str();
  head_.push_back(' ');
  head_ += reason_phrase(status_);
  head_ += "\r\nDate: ";
  head_ += shard_->date();
  head_ += "\r\nRequest-Id: ";
  head_ += request_id_text(request_id_);
  head_ += "\r\nX-Content-Type-Options: nosniff\r\n";
  if (!response_.content_type.empty()) append_field(head_, "Content-Type", response_.content_type);
  for (const auto& [name, value] : response_.headers) append_field(head_, name, value);
}

void Session::end_head(std::optional<std::uint64_t> length) {
  if (length && !has_no_body(status_)) {
    head_ += "Content-Length: ";
    head_ += fmt::format_int(*length).c_str();
    head_ += "\r\n";
  }
  if (!keep_alive_) {
    head_ += "Connection: close\r\n";
  } else if (!framing_.http_1_1) {
    head_ += "Connection: keep-alive\r\n";
  }
  head_ += "\r\n";
}

void Session::respond_bytes(std::string_view body) {
  begin_head();
  // An answer to HEAD may state the length that a GET would have, where the handler knows it.
  const bool stated = std::any_of(response_.headers.begin(), response_.headers.end(),
                                  [](const auto& header) { return same_name(header.first, "content-length"); });
  if (stated && method_ == Method::Head) {
    end_head(std::nullopt);
  } else {
    end_head(body.size());
  }
  const bool bodiless = method_ == Method::Head || has_no_body(status_);
  write({boost::asio::buffer(head_), bodiless ? boost::asio::const_buffer() : boost::asio::buffer(body)},
        &Session::response_done);
}

bool Session::is_unchanged(const StreamBody& stream) const {
  if (stream.etag.empty() || if_none_match_.empty()) return false;
  return if_none_match_ == "*" || if_none_match_.find('"' + stream.etag + '"') != std::string::npos;
}

void Session::respond_stream(StreamBody stream) {
  const bool ranged = stream.size.has_value() && !stream.etag.empty() && status_ == 200;
  const std::string quoted = '"' + stream.etag + '"';
  if (!stream.etag.empty()) response_.with("ETag", quoted);
  if (status_ == 200 && is_unchanged(stream)) {
    status_ = 304;
    respond_bytes({});
    return;
  }
  ByteRange range{0, stream.size.value_or(0)};
  if (ranged) {
    response_.with("Accept-Ranges", "bytes");
    const bool wanted = !range_.empty() && (if_range_.empty() || if_range_ == quoted);
    const RangeChoice choice = choose_range(wanted ? std::string_view(range_) : std::string_view(), *stream.size);
    if (choice.kind == RangeKind::Unsatisfiable) {
      Problem problem = bad_request("range_not_satisfiable", "The range lies beyond the end of the content.");
      problem.status = 416;
      problem.title = std::string(reason_phrase(416));
      respond(Response(std::move(problem)).with("Content-Range", fmt::format("bytes */{}", *stream.size)));
      return;
    }
    if (choice.kind == RangeKind::Part) {
      status_ = 206;
      response_.with("Content-Range", fmt::format("bytes {}-{}/{}", choice.range.first,
                                                  choice.range.first + choice.range.length - 1, *stream.size));
    }
    range = choice.range;
  }
  download_ = std::make_shared<Download>();
  download_->source = std::move(stream.source);
  download_->sized = stream.size.has_value();
  download_->offset = range.first;
  download_->remaining = download_->sized ? range.length : UINT64_MAX;
  download_->chunked = !download_->sized && framing_.http_1_1;
  // Without chunks only the end of the connection can end a body of unknown size.
  if (!download_->sized && !download_->chunked) keep_alive_ = false;
  if (download_->chunked) response_.with("Transfer-Encoding", "chunked");
  begin_head();
  end_head(download_->sized ? std::optional(range.length) : std::nullopt);
  const bool bodiless = method_ == Method::Head || download_->remaining == 0;
  write({boost::asio::buffer(head_)}, bodiless ? &Session::response_done : &Session::read_piece);
}

void Session::read_piece() {
  Download& download = *download_;
  if (download.remaining == 0) {
    response_done();
    return;
  }
  deadline_ = Clock::time_point::max();
  core_.pool.post([download_ref = download_, back = make_return()] {
    Download& piece = *download_ref;
    piece.piece.resize(std::min<std::uint64_t>(kDownloadPiece, piece.remaining));
    std::optional<std::size_t> count;
    try {
      count =
          piece.source->read(piece.offset, {reinterpret_cast<std::uint8_t*>(piece.piece.data()), piece.piece.size()});
    } catch (const std::exception&) {
      count = std::nullopt;
    }
    piece.failed = !count || *count > piece.piece.size() || (piece.sized && *count == 0);
    piece.filled = piece.failed ? 0 : *count;
    back([](Session& session) { session.write_piece(); });
  });
}

void Session::write_piece() {
  Download& download = *download_;
  if (download.failed) {
    // Only a cut tells the client that the body is not whole.
    close();
    return;
  }
  download.offset += download.filled;
  const auto content = boost::asio::buffer(download.piece.data(), download.filled);
  if (download.sized) {
    download.remaining -= download.filled;
    write({content}, &Session::read_piece);
  } else if (!download.chunked) {
    if (download.filled == 0) download.remaining = 0;
    write({content}, &Session::read_piece);
  } else if (download.filled == 0) {
    download.remaining = 0;
    download.framing = "0\r\n\r\n";
    write({boost::asio::buffer(download.framing)}, &Session::read_piece);
  } else {
    static constexpr std::string_view kChunkEnd = "\r\n";
    download.framing = fmt::format("{:x}\r\n", download.filled);
    write({boost::asio::buffer(download.framing), content, boost::asio::buffer(kChunkEnd)}, &Session::read_piece);
  }
}

void Session::write(Buffers buffers, Step then) {
  set_deadline(core_.options.write_timeout);
  boost::asio::async_write(
      socket_, buffers,
      [this](const boost::system::error_code& error, std::size_t) -> std::size_t {
        // Runs at each progress: only a reader that takes nothing at all runs into the deadline.
        set_deadline(core_.options.write_timeout);
        return error ? 0 : kDownloadPiece;
      },
      [self = shared_from_this(), then](const boost::system::error_code& error, std::size_t) {
        if (self->phase_ == Phase::Closed) return;
        if (error) {
          self->close();
        } else {
          (self.get()->*then)();
        }
      });
}

void Session::response_done() {
  core_.metrics.request(route_ == nullptr ? HttpMetrics::kNoRoute : route_->index, status_, Clock::now() - started_);
  download_ = nullptr;
  response_ = Response();
  if (keep_alive_) {
    next_request();
  } else if (!body_read_ || !input().empty()) {
    linger();
  } else {
    close();
  }
}

// Closing while bytes of the client are unread would reset the connection, and the reset may overtake the answer.
void Session::linger() {
  phase_ = Phase::Lingering;
  set_deadline(core_.options.linger_timeout);
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  input_.resize(kDiscardBytes);
  input_begin_ = input_end_ = 0;
  discard_input();
}

void Session::discard_input() {
  socket_.async_read_some(boost::asio::buffer(input_),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                            if (self->phase_ == Phase::Closed) return;
                            if (error) {
                              self->close();
                            } else {
                              self->discard_input();
                            }
                          });
}

}  // namespace starminer::api::http
