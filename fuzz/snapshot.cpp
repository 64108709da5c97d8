// Bytes as the files of a stranger's snapshot: a manifest, or a chunk that unpacks and splits into rows. What is
// accepted is what the writer would have written.
#include <algorithm>

#include "fuzz/expect.h"
#include "storage/snapshot_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    // The hash at its end would keep a fuzzer out, so it is made to fit.
    Bytes file(bytes.begin(), bytes.end());
    const Hash32 hash = sha256(bytes);
    file.insert(file.end(), hash.bytes.begin(), hash.bytes.end());
    const auto manifest = storage::decode_manifest(file);
    if (!manifest) {
      fuzz::expect(!manifest.error().empty(), "an error says what is wrong");
    } else {
      fuzz::expect(storage::encode_manifest(*manifest) == file, "one manifest has one encoding");
    }
    return 0;
  }
  storage::SnapshotChunk chunk;
  chunk.bytes = bytes.size();
  chunk.raw_bytes = size < 4 ? bytes.size() : std::uint64_t{data[1]} << 8U | data[2];
  const auto rows = storage::unpack_chunk(chunk, Bytes(bytes.begin(), bytes.end()));
  if (!rows) return 0;
  fuzz::expect(rows->size() == chunk.raw_bytes, "a chunk unpacks to as many bytes as its manifest says");
  Bytes again;
  const bool sound = storage::for_each_row_of(*rows, [&again](ByteView key, ByteView value) {
    storage::append_row(key, value, again);
    return true;
  });
  if (sound) fuzz::expect(again == *rows, "rows are written as they were read");
  return 0;
}
