// Request bodies: buffered for ordinary routes, piece by piece into a sink for uploads. The rate at which bytes must
// come is enforced through the deadline.
#include <algorithm>
#include <cstring>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "api/http/session.h"

namespace starminer::api::http {
namespace {

constexpr std::size_t kInputBytes = 4U << 10U;
constexpr std::size_t kBodyStep = 16U << 10U;
constexpr std::size_t kUploadPiece = 128U << 10U;
constexpr std::size_t kChunkLineBytes = 4U << 10U;

bool has_bare_lf(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return true;
  }
  return false;
}

Problem too_large(std::uint64_t limit) {
  Problem problem =
      bad_request("body_too_large", "The body is larger than the " + std::to_string(limit) + " bytes this path takes.");
  problem.status = 413;
  problem.title = std::string(reason_phrase(413));
  return problem;
}

}  // namespace

void Session::fill_input(Step then) {
  if (input_.empty()) input_.resize(kInputBytes);
  if (input_end_ == input_.size()) {
    if (input_begin_ > 0) {
      std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
      input_end_ -= input_begin_;
      input_begin_ = 0;
    } else {
      input_.resize(input_.size() * 2);
    }
  }
  const auto room = boost::asio::buffer(input_.data() + input_end_, input_.size() - input_end_);
  socket_.async_read_some(room,
                          [self = shared_from_this(), then](const boost::system::error_code& error, std::size_t bytes) {
                            if (self->interrupted(error)) return;
                            self->input_end_ += bytes;
                            if (self->phase_ == Phase::Body) self->note_received(bytes);
                            (self.get()->*then)();
                          });
}

void Session::note_received(std::size_t bytes) {
  body_received_ += bytes;
  const std::uint64_t earned_ms =
      body_received_ * 1'000 / std::max<std::uint64_t>(1, core_.options.body_bytes_per_s_min);
  deadline_ = body_started_ + core_.options.body_timeout + std::chrono::milliseconds(earned_ms);
}

void Session::send_continue(Step then) {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  boost::asio::async_write(socket_, boost::asio::buffer(kContinue),
                           [self = shared_from_this(), then](const boost::system::error_code& error, std::size_t) {
                             if (!self->interrupted(error)) (self.get()->*then)();
                           });
}

void Session::begin_body() {
  phase_ = Phase::Body;
  body_started_ = Clock::now();
  body_received_ = 0;
  note_received(0);
  if (framing_.expect_continue && input().empty()) {
    send_continue(&Session::read_body);
  } else {
    read_body();
  }
}

void Session::read_body() {
  if (framing_.chunked) {
    read_chunked_body();
    return;
  }
  const std::size_t here = std::min<std::uint64_t>(input().size(), body_remaining_);
  request_.body.reserve(std::min<std::uint64_t>(body_remaining_, kBodyStep));
  request_.body.assign(input().substr(0, here));
  consume(here);
  body_remaining_ -= here;
  read_sized_body();
}

// The room grows with the bytes that came, never with the length a client only claims.
void Session::read_sized_body() {
  if (body_remaining_ == 0) {
    body_read_ = true;
    dispatch();
    return;
  }
  std::string& body = request_.body;
  const std::size_t filled = body.size();
  const std::size_t step = std::min<std::uint64_t>(body_remaining_, std::max(kBodyStep, filled));
  body.resize(filled + step);
  socket_.async_read_some(
      boost::asio::buffer(body.data() + filled, step),
      [self = shared_from_this(), filled](const boost::system::error_code& error, std::size_t bytes) {
        if (self->interrupted(error)) return;
        self->request_.body.resize(filled + bytes);
        self->body_remaining_ -= bytes;
        self->note_received(bytes);
        self->read_sized_body();
      });
}

std::optional<ChunkStatus> Session::decode_chunks(std::string& out) {
  std::size_t used = 0;
  const std::uint64_t limit = route_->options.body_limit;
  const ChunkStatus status = parser_->feed_chunks(input(), used, out, limit);
  consume(used);
  if (status == ChunkStatus::TooLarge) {
    refuse(too_large(limit));
    return std::nullopt;
  }
  // What the decoder leaves is the line of one chunk, or the trailers. The decoder would wait for a CR for ever.
  const bool stuck = status == ChunkStatus::NeedMore && (input().size() >= kChunkLineBytes || has_bare_lf(input()));
  if (status == ChunkStatus::Malformed || stuck) {
    refuse_and_close(bad_request("malformed_request", "The chunks of the body are malformed.",
                                 "Send HTTP/1.1 as RFC 9112 defines it."));
    return std::nullopt;
  }
  return status;
}

void Session::read_chunked_body() {
  const auto status = decode_chunks(request_.body);
  if (!status) return;
  if (*status == ChunkStatus::NeedMore) {
    fill_input(&Session::read_chunked_body);
    return;
  }
  body_read_ = true;
  dispatch();
}

void Session::begin_upload(const UploadHandler& handler) {
  phase_ = Phase::Handling;
  upload_ = std::make_shared<Upload>();
  upload_->request = std::move(request_);
  (void)post_to_worker([&handler, upload = upload_, back = make_return()] {
    try {
      auto opened = handler(upload->request);
      if (opened) {
        upload->sink = std::move(*opened);
      } else {
        upload->answer = std::move(opened.error());
      }
    } catch (const std::exception&) {
      upload->answer = internal_error();
    }
    back([](Session& session) { session.upload_opened(); });
  });
}

void Session::upload_opened() {
  if (upload_->answer) {
    const auto upload = std::move(upload_);
    respond(std::move(*upload->answer));
    return;
  }
  phase_ = Phase::Body;
  body_started_ = Clock::now();
  body_received_ = 0;
  note_received(0);
  if (framing_.expect_continue && input().empty() && framing_.has_body()) {
    send_continue(&Session::read_upload);
  } else {
    read_upload();
  }
}

void Session::read_upload() {
  if (!framing_.chunked) {
    read_upload_sized();
    return;
  }
  upload_->chunk.clear();
  const auto status = decode_chunks(upload_->chunk);
  if (!status) return;
  upload_->filled = upload_->chunk.size();
  if (*status == ChunkStatus::Done) {
    write_upload(true);
  } else if (upload_->filled > 0) {
    write_upload(false);
  } else {
    fill_input(&Session::read_upload);
  }
}

void Session::read_upload_sized() {
  const std::size_t piece = std::min<std::uint64_t>(kUploadPiece, body_remaining_);
  const std::size_t here = std::min(input().size(), piece);
  upload_->chunk.resize(piece);
  std::memcpy(upload_->chunk.data(), input().data(), here);
  consume(here);
  upload_->filled = here;
  if (here == piece) {
    body_remaining_ -= piece;
    write_upload(body_remaining_ == 0);
    return;
  }
  const std::uint64_t received_before = body_received_;
  boost::asio::async_read(
      socket_, boost::asio::buffer(upload_->chunk.data() + here, piece - here),
      [this, received_before](const boost::system::error_code& error, std::size_t bytes) -> std::size_t {
        // Each arrival counts, or a slow but honest piece would look like silence.
        note_received(static_cast<std::size_t>(received_before + bytes - body_received_));
        return error ? 0 : kUploadPiece;
      },
      [self = shared_from_this(), here](const boost::system::error_code& error, std::size_t bytes) {
        if (self->upload_ != nullptr) self->upload_->filled = here + bytes;
        if (self->interrupted(error)) return;
        self->body_remaining_ -= here + bytes;
        self->write_upload(self->body_remaining_ == 0);
      });
}

void Session::write_upload(bool last) {
  // While the sink works, the client waits for us.
  deadline_ = Clock::time_point::max();
  const Clock::time_point handed = Clock::now();
  core_.pool.post([upload = upload_, last, handed, back = make_return()] {
    try {
      if (upload->filled > 0) {
        upload->answer = upload->sink->write(as_bytes(std::string_view(upload->chunk).substr(0, upload->filled)));
      }
      if (!upload->answer && last) upload->answer = upload->sink->finish();
    } catch (const std::exception&) {
      upload->answer = internal_error();
    }
    back([last, handed](Session& session) {
      session.body_started_ += Clock::now() - handed;
      session.upload_written(last);
    });
  });
}

void Session::upload_written(bool last) {
  if (last) body_read_ = true;
  if (upload_->answer) {
    const auto upload = std::move(upload_);
    Response answer = std::move(*upload->answer);
    core_.pool.post([upload] {});
    respond(std::move(answer));
    return;
  }
  upload_->filled = 0;
  note_received(0);
  read_upload();
}

// The end of a sink may touch the disk, so it is a worker's.
void Session::drop_upload() {
  if (upload_ != nullptr) core_.pool.post([upload = std::move(upload_)] {});
  upload_ = nullptr;
}

// The bytes that came before the end are worth keeping for a resume.
void Session::upload_lost() {
  if (upload_ == nullptr || upload_->sink == nullptr) return;
  core_.pool.post([upload = std::move(upload_)] {
    if (upload->filled == 0) return;
    try {
      (void)upload->sink->write(as_bytes(std::string_view(upload->chunk).substr(0, upload->filled)));
    } catch (const std::exception&) {
      // The client is gone: nobody is left to answer, and the sink keeps what it has.
      return;
    }
  });
  upload_ = nullptr;
}

}  // namespace starminer::api::http
