#include "verification/comparison/png.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace starminer::verification {
namespace {

using std::string;

struct Chunk {
  std::string_view kind;
  ByteView content;
};

struct Header {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  std::size_t channels = 0;
  std::size_t sample_bytes = 0;

  [[nodiscard]] std::size_t pixel_bytes() const { return channels * sample_bytes; }
  [[nodiscard]] std::size_t row_bytes() const { return width * pixel_bytes(); }
};

constexpr std::array<std::string_view, 6> kDisplayKinds = {"gAMA", "cHRM", "sRGB", "iCCP", "cICP", "pHYs"};
// What would change or add to the samples of the first picture.
constexpr std::array<std::string_view, 5> kRefusedKinds = {"PLTE", "tRNS", "acTL", "fcTL", "fdAT"};
// Deflate packs at most 1032 bytes into one; a few more for its own frame.
constexpr std::uint64_t kDeflateRatio = 1'032;

template <class List>
bool contains(const List& list, std::string_view kind) {
  return std::find(list.begin(), list.end(), kind) != list.end();
}

std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

/// The next chunk, whose checksum is right.
std::optional<Chunk> take_chunk(ByteView& rest) {
  constexpr std::size_t kFrame = 12;
  if (rest.size() < kFrame) return std::nullopt;
  const std::uint64_t length = big_endian(rest.first(4));
  if (length > rest.size() - kFrame) return std::nullopt;
  const ByteView kind = rest.subspan(4, 4);
  const ByteView checked = rest.subspan(4, 4 + length);
  const auto letter = [](std::uint8_t byte) { return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'); };
  if (!std::all_of(kind.begin(), kind.end(), letter)) return std::nullopt;
  if (crc32(0, checked.data(), static_cast<uInt>(checked.size())) != big_endian(rest.subspan(8 + length, 4)))
    return std::nullopt;
  const Chunk chunk{as_text(kind), rest.subspan(8, length)};
  rest = rest.subspan(kFrame + length);
  return chunk;
}

Result<Header, string> parse_header(const Chunk& chunk) {
  constexpr std::size_t kHeaderBytes = 13;
  if (chunk.kind != "IHDR" || chunk.content.size() != kHeaderBytes) return fail(string("it has no header"));
  Header header;
  header.width = big_endian(chunk.content.first(4));
  header.height = big_endian(chunk.content.subspan(4, 4));
  const std::uint8_t depth = chunk.content[8];
  const std::uint8_t colour = chunk.content[9];
  if (chunk.content[10] != 0 || chunk.content[11] != 0) return fail(string("its compression or filter is unknown"));
  if (chunk.content[12] != 0) return fail(string("it is interlaced, which is not compared"));
  if (depth != 8 && depth != 16) return fail(string("its samples have neither 8 nor 16 bits"));
  header.sample_bytes = depth / 8U;
  switch (colour) {
    case 0: header.channels = 1; break;
    case 2: header.channels = 3; break;
    case 4: header.channels = 2; break;
    case 6: header.channels = 4; break;
    default: return fail(string("it has a palette, or an unknown kind of colour"));
  }
  if (header.width == 0 || header.height == 0 || !element_count({header.height, header.width, header.pixel_bytes()}) ||
      !element_count({header.height, header.row_bytes() + 1})) {
    return fail(string("its width or height is 0 or too large"));
  }
  return header;
}

struct Contents {
  Bytes packed;   // all of IDAT
  Bytes display;  // kinds, lengths and contents of what changes how it is shown
};

Result<Contents, string> collect(ByteView rest) {
  Contents contents;
  bool data_ended = false;
  for (;;) {
    const auto chunk = take_chunk(rest);
    if (!chunk) return fail(string("a part is cut off, or its checksum is wrong"));
    if (chunk->kind == "IEND") {
      if (!chunk->content.empty() || !rest.empty()) return fail(string("there is more behind its end"));
      if (contents.packed.empty()) return fail(string("it has no data"));
      return contents;
    }
    if (chunk->kind == "IDAT") {
      if (data_ended) return fail(string("its data is not in one piece"));
      contents.packed.insert(contents.packed.end(), chunk->content.begin(), chunk->content.end());
      continue;
    }
    data_ended = data_ended || !contents.packed.empty();
    const bool critical = chunk->kind[0] >= 'A' && chunk->kind[0] <= 'Z';
    if (critical || contains(kRefusedKinds, chunk->kind)) {
      return fail("it has a part " + string(chunk->kind) + ", which is not compared");
    }
    if (contains(kDisplayKinds, chunk->kind)) {
      const Bytes name(chunk->kind.begin(), chunk->kind.end());
      const Hash32 content = sha256(chunk->content);
      contents.display.insert(contents.display.end(), name.begin(), name.end());
      contents.display.insert(contents.display.end(), content.bytes.begin(), content.bytes.end());
    }
  }
}

/// Exactly `size` bytes, packed by nothing more than all of `packed`.
std::optional<Bytes> inflate_exactly(Bytes& packed, std::size_t size) {
  if (size / kDeflateRatio > packed.size()) return std::nullopt;
  Bytes out(size);
  z_stream stream{};
  stream.next_in = packed.data();
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  const int result = inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!whole) return std::nullopt;
  return out;
}

/// The predictor of filter 4 (section 9.4): whichever of left, above and left above is nearest to their sum.
std::uint8_t paeth(int left, int above, int corner) {
  const int sum = left + above - corner;
  const int to_left = std::abs(sum - left);
  const int to_above = std::abs(sum - above);
  const int to_corner = std::abs(sum - corner);
  if (to_left <= to_above && to_left <= to_corner) return static_cast<std::uint8_t>(left);
  return static_cast<std::uint8_t>(to_above <= to_corner ? above : corner);
}

/// Undoes the filter of one row. `above` is the row before, zeros for the first. False for an unknown filter.
bool unfilter(std::uint8_t filter, std::size_t pixel, std::span<std::uint8_t> row, ByteView above) {
  const auto add = [](std::uint8_t a, int b) { return static_cast<std::uint8_t>(a + b); };
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int left = i < pixel ? 0 : row[i - pixel];
    const int corner = i < pixel ? 0 : above[i - pixel];
    switch (filter) {
      case 0: return true;
      case 1: row[i] = add(row[i], left); break;
      case 2: row[i] = add(row[i], above[i]); break;
      case 3: row[i] = add(row[i], (left + above[i]) / 2); break;
      case 4: row[i] = add(row[i], paeth(left, above[i], corner)); break;
      default: return false;
    }
  }
  return true;
}

/// The samples of all rows, each of which begins with the number of its filter.
std::optional<Bytes> samples_of(const Header& header, const Bytes& rows) {
  const std::size_t bytes = header.row_bytes();
  Bytes samples(bytes * header.height);
  const Bytes zeros(bytes);
  for (std::size_t y = 0; y < header.height; ++y) {
    const ByteView filtered = ByteView(rows).subspan(y * (bytes + 1), bytes + 1);
    const std::span<std::uint8_t> row = std::span(samples).subspan(y * bytes, bytes);
    std::copy(filtered.begin() + 1, filtered.end(), row.begin());
    const ByteView above = y == 0 ? ByteView(zeros) : ByteView(samples).subspan((y - 1) * bytes, bytes);
    if (!unfilter(filtered[0], header.pixel_bytes(), row, above)) return std::nullopt;
  }
  return samples;
}

}  // namespace

Result<Tensor, string> parse_png(ByteView file) {
  if (!as_text(file).starts_with(kPngMagic)) return fail(string("it does not begin as PNG files do"));
  ByteView rest = file.subspan(kPngMagic.size());
  const auto first = take_chunk(rest);
  if (!first) return fail(string("a part is cut off, or its checksum is wrong"));
  const auto header = parse_header(*first);
  if (!header) return fail(header.error());
  auto contents = collect(rest);
  if (!contents) return fail(contents.error());
  const auto rows = inflate_exactly(contents->packed, (header->row_bytes() + 1) * header->height);
  if (!rows) return fail(string("its data does not unpack to its rows and nothing else"));
  auto samples = samples_of(*header, *rows);
  if (!samples) return fail(string("a row has an unknown filter"));
  Tensor tensor;
  tensor.element = header->sample_bytes == 2 ? Element::U16 : Element::U8;
  tensor.shape = {header->height, header->width, header->channels};
  tensor.own = header->sample_bytes == 2 ? turned(*samples, 2) : std::make_shared<const Bytes>(std::move(*samples));
  tensor.data = *tensor.own;
  if (!contents->display.empty()) tensor.display = tagged_hash("starminer/verification/png/1", contents->display);
  return tensor;
}

}  // namespace starminer::verification
