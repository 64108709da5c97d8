#include "engine/cometbft/frame.h"

#include <algorithm>
#include <cstring>

#include <google/protobuf/message_lite.h>

#include "base/check.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::size_t kChunk = 64U << 10U;   // of a read
constexpr std::size_t kKept = 1U << 20U;     // of an empty buffer
constexpr std::size_t kVarintBytesMax = 10;  // of 64 bits
constexpr unsigned kVarintBits = 7;
constexpr std::uint8_t kMore = 0x80;

struct Varint {
  std::uint64_t value = 0;
  std::size_t bytes = 0;
};

enum class VarintEnd : std::uint8_t { Incomplete, Malformed };

Result<Varint, VarintEnd> read_varint(ByteView bytes) {
  Varint read;
  for (unsigned shift = 0; read.bytes < kVarintBytesMax; shift += kVarintBits) {
    if (read.bytes == bytes.size()) return fail(VarintEnd::Incomplete);
    const std::uint8_t byte = bytes[read.bytes++];
    // The tenth byte holds the last of 64 bits.
    if (read.bytes == kVarintBytesMax && byte > 1) break;
    read.value |= static_cast<std::uint64_t>(byte & (kMore - 1U)) << shift;
    if ((byte & kMore) == 0) return read;
  }
  return fail(VarintEnd::Malformed);
}

}  // namespace

std::string_view describe(FrameFault fault) {
  switch (fault) {
    case FrameFault::BadLength: return "the length is no varint of 64 bits";
    case FrameFault::Empty: return "a message of no bytes is no request";
    case FrameFault::TooLong: return "the message is longer than this server takes";
  }
  return "";
}

std::span<std::uint8_t> FrameReader::prepare() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKept) Bytes(kChunk).swap(buffer_);
  }
  const std::size_t held = end_ - begin_;
  if (begin_ > 0 && (buffer_.size() == end_ || begin_ >= buffer_.size() / 2)) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, held);
    begin_ = 0;
    end_ = held;
  }
  if (buffer_.size() == end_) {
    // No more than twice of what came: a length alone costs no memory.
    const std::size_t doubled = std::max(kChunk, 2 * buffer_.size());
    const std::size_t most = std::max(end_ + kChunk, wanted_);
    buffer_.resize(std::max(end_ + 1, std::min(doubled, most)));
  }
  return std::span(buffer_).subspan(end_);
}

void FrameReader::commit(std::size_t count) {
  STARMINER_CHECK(count <= buffer_.size() - end_);
  end_ += count;
}

Result<std::optional<ByteView>, FrameFault> FrameReader::next() {
  const ByteView held = ByteView(buffer_).subspan(begin_, end_ - begin_);
  wanted_ = 0;
  const auto length = read_varint(held);
  if (!length) {
    if (length.error() == VarintEnd::Malformed) return fail(FrameFault::BadLength);
    return std::nullopt;
  }
  if (length->value == 0) return fail(FrameFault::Empty);
  if (length->value > payload_max_) return fail(FrameFault::TooLong);
  const auto payload = static_cast<std::size_t>(length->value);
  if (held.size() - length->bytes < payload) {
    wanted_ = begin_ + length->bytes + payload;
    return std::nullopt;
  }
  begin_ += length->bytes + payload;
  return held.subspan(length->bytes, payload);
}

void append_frame(const google::protobuf::MessageLite& message, Bytes& out) {
  const std::size_t payload = message.ByteSizeLong();
  std::size_t rest = payload;
  while (rest >= kMore) {
    out.push_back(static_cast<std::uint8_t>(rest | kMore));
    rest >>= kVarintBits;
  }
  out.push_back(static_cast<std::uint8_t>(rest));
  const std::size_t begin = out.size();
  out.resize(begin + payload);
  message.SerializeWithCachedSizesToArray(out.data() + begin);
}

std::uint32_t first_field(ByteView message) {
  const auto tag = read_varint(message);
  constexpr unsigned kWireTypeBits = 3;
  if (!tag || tag->value >> kWireTypeBits > UINT32_MAX >> kWireTypeBits) return 0;
  return static_cast<std::uint32_t>(tag->value >> kWireTypeBits);
}

}  // namespace starminer::engine::cometbft
