// Frames of the ABCI socket: the length of a message as an unsigned varint, then the message. Reading takes bytes in
// any pieces and holds no more of them than arrived; a length above the limit is refused before anything is kept for
// it. No I/O; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace starminer::engine::cometbft {

/// Why bytes are no frame. After a fault the stream cannot be read on.
enum class FrameFault : std::uint8_t { BadLength, Empty, TooLong };
/// A sentence for people.
[[nodiscard]] std::string_view describe(FrameFault fault);

class FrameReader {
 public:
  /// `payload_max` is the longest message that is taken.
  explicit FrameReader(std::size_t payload_max) : payload_max_(payload_max) {}

  /// Room for bytes to come, at least one; what is written there counts after `commit`. Invalidates what `next` gave.
  [[nodiscard]] std::span<std::uint8_t> prepare();
  /// So many bytes were written to the beginning of what `prepare` gave.
  void commit(std::size_t count);

  /// The next whole message, or nothing until more bytes come.
  [[nodiscard]] Result<std::optional<ByteView>, FrameFault> next();

  /// Whether the bytes so far end within a frame.
  [[nodiscard]] bool within_frame() const { return begin_ != end_; }
  /// Memory in use.
  [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }

 private:
  std::size_t payload_max_;
  Bytes buffer_;
  std::size_t begin_ = 0;   // of what was not given yet
  std::size_t end_ = 0;     // of what came
  std::size_t wanted_ = 0;  // bytes of the frame at `begin_`, where its length is known
};

/// Appends the frame of a message.
void append_frame(const google::protobuf::MessageLite& message, Bytes& out);

/// Number of the first field of an encoded message: which member of a Request it holds. 0 where there is none.
[[nodiscard]] std::uint32_t first_field(ByteView message);

}  // namespace starminer::engine::cometbft
