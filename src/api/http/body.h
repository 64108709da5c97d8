// Bodies that are too large to hold in memory: sinks take an upload piece by piece, sources give a download piece by
// piece. The server calls one object from one worker thread at a time, in order, never from an I/O thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::api::http {

struct Response;

/// Takes the body of one upload. When the client goes away early, the object is destroyed without finish(): what it
/// has taken so far may be kept for a resume.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Takes the next bytes. Back-pressure: no further bytes are read from the client before it returns.
  /// A response ends the upload with it; the rest of the body is not stored.
  [[nodiscard]] virtual std::optional<Response> write(ByteView bytes) = 0;
  /// The body is complete; the response goes to the client.
  [[nodiscard]] virtual Response finish() = 0;
};

/// Gives the bytes of one download.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// Fills the span from `offset` and returns the number of bytes, 0 at the end. Empty optional: the source failed and
  /// the connection is cut, so that the client sees a truncated body. Calls come with rising offsets.
  [[nodiscard]] virtual std::optional<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
};

/// A source over an open file descriptor, which it closes in the end. Requires: a regular file.
[[nodiscard]] std::shared_ptr<BodySource> make_file_source(int fd);

}  // namespace starminer::api::http
