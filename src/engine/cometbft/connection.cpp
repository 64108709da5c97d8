#include "engine/cometbft/connection.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <spdlog/spdlog.h>

#include "base/check.h"

namespace starminer::engine::cometbft {
namespace {

Bytes flush_frame() {
  abci::Response response;
  response.mutable_flush();
  Bytes frame;
  append_frame(response, frame);
  return frame;
}

/// Nothing where the bytes are no echo.
std::optional<Bytes> echo_frame(ByteView request) {
  const google::protobuf::LogSilencer silence;
  abci::Request parsed;
  if (!parsed.ParseFromArray(request.data(), static_cast<int>(request.size())) || !parsed.has_echo()) {
    return std::nullopt;
  }
  abci::Response response;
  response.mutable_echo()->set_message(parsed.echo().message());
  Bytes frame;
  append_frame(response, frame);
  return frame;
}

}  // namespace

Connection::Connection(Socket socket, const Shared& shared)
    : socket_(std::move(socket)), shared_(shared), reader_(shared.options.message_bytes_max) {}

void Connection::start() {
  ++shared_.counters.connections;
  ++shared_.counters.open;
  read();
}

void Connection::read() {
  if (reading_ || ended_ || closed_) return;
  reading_ = true;
  const std::span<std::uint8_t> room = reader_.prepare();
  socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
                            self->on_read(error, count);
                          });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t count) {
  reading_ = false;
  if (closed_) return;
  if (error) {
    if (error != boost::asio::error::eof) return close();
    if (reader_.within_frame()) spdlog::warn("an ABCI connection ended within a message");
    ended_ = true;
    // Whoever closed only its sending half still gets its answers.
    return send();
  }
  reader_.commit(count);
  consume();
  send();
}

bool Connection::has_room() const {
  const ServerOptions& options = shared_.options;
  // The answer to a query may be as long as a block, whatever its request is.
  if (waiting_ >= options.unanswered_queries_max && lane_ == Lane::Query) return false;
  return slots_.size() < options.unanswered_max && waiting_bytes_ < options.unanswered_bytes_max &&
         unsent_bytes_ < options.unsent_bytes_max;
}

void Connection::consume() {
  while (!ended_ && !closed_ && has_room()) {
    if (held_) {
      if (!take(*std::exchange(held_, std::nullopt))) return;
      continue;
    }
    const auto frame = reader_.next();
    if (!frame) return fault(std::string(describe(frame.error())));
    if (!*frame) return read();
    if (!take(Bytes((*frame)->begin(), (*frame)->end()))) return;
  }
}

bool Connection::take(Bytes request) {
  const std::uint32_t field = first_field(request);
  const auto lane = lane_of_field(field);
  // The answers of a connection are those of its requests one after the other, whoever gives them.
  if (lane && waiting_ > 0 && lane_ != *lane) {
    held_ = std::move(request);
    return false;
  }
  ++shared_.counters.requests;
  if (lane) {
    dispatch(*lane, std::move(request));
    return true;
  }
  if (field == abci::Request::kFlush) {
    ++shared_.counters.flushes;
    answer_now(flush_frame());
    return true;
  }
  auto echo = field == abci::Request::kEcho ? echo_frame(request) : std::nullopt;
  if (!echo) {
    fault(fmt::format("request {} is none of ABCI 2.0", field));
    return true;
  }
  answer_now(std::move(*echo));
  return true;
}

void Connection::dispatch(Lane lane, Bytes request) {
  lane_ = lane;
  ++waiting_;
  waiting_bytes_ += request.size();
  slots_.push_back({false, false, request.size(), {}});
  shared_.lanes.post(lane, {shared_from_this(), first_slot_ + slots_.size() - 1, std::move(request)});
}

void Connection::answer_now(Bytes frame) {
  unsent_bytes_ += frame.size();
  slots_.push_back({true, false, 0, std::move(frame)});
}

void Connection::fault(const std::string& what) {
  ++shared_.counters.faults;
  spdlog::error("an ABCI connection is ended: {}", what);
  ended_ = true;
  answer_now(exception_frame(what));
  slots_.back().fatal = true;
}

void Connection::settle(Done& done) {
  // Behind an exception nothing is answered.
  if (closed_ || done.slot < first_slot_) return;
  STARMINER_CHECK(done.slot - first_slot_ < slots_.size());
  Slot& slot = slots_[static_cast<std::size_t>(done.slot - first_slot_)];
  --waiting_;
  waiting_bytes_ -= slot.request_bytes;
  unsent_bytes_ += done.frame.size();
  slot.ready = true;
  slot.fatal = done.fatal;
  slot.frame = std::move(done.frame);
  if (done.fatal) {
    ++shared_.counters.faults;
    ended_ = true;
  }
}

void Connection::send() {
  if (closed_) return;
  while (!slots_.empty() && slots_.front().ready) {
    Slot& slot = slots_.front();
    const bool fatal = slot.fatal;
    outgoing_.insert(outgoing_.end(), slot.frame.begin(), slot.frame.end());
    slots_.pop_front();
    ++first_slot_;
    if (!fatal) continue;
    // Requests behind an exception have no answer; what their lanes say is not waited for.
    slots_.clear();
    waiting_ = 0;
    held_.reset();
    first_slot_ = UINT64_MAX;
  }
  if (!writing_.empty()) return;
  if (outgoing_.empty()) {
    if (ended_ && slots_.empty() && !held_) return close();
    consume();
    // What could be answered at once is to be sent, too.
    if (!closed_ && !slots_.empty() && slots_.front().ready) send();
    return;
  }
  writing_.swap(outgoing_);
  boost::asio::async_write(
      socket_, boost::asio::buffer(writing_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) { self->on_written(error); });
}

void Connection::on_written(const boost::system::error_code& error) {
  if (closed_) return;
  if (error) return close();
  unsent_bytes_ -= writing_.size();
  writing_.clear();
  consume();
  send();
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
  slots_.clear();
  --shared_.counters.open;
  shared_.on_end(shared_from_this());
}

}  // namespace starminer::engine::cometbft
