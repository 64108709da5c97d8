// Bytes as a segment of the block log: the first ones say which page has which record of the right checksum, the rest
// is what stands there. Reading ends in records in order or in a refusal that names the file; never in another record.
#include "storage/block_log.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/codec.h"
#include "fuzz/expect.h"
#include "storage/recent_blocks.h"

namespace {

using namespace starminer;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 6;

void write_file(const std::filesystem::path& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// A record as the log writes it, for a salt of zeroes.
Bytes record(std::uint64_t height, ByteView payload) {
  const Hash32 salt;
  Bytes head;
  codec::put(height, head);
  codec::put(static_cast<std::uint64_t>(payload.size()), head);
  const Hash32 hash = Sha256().update(salt.view()).update(head).update(payload).finish();
  Bytes bytes{'S', 'M', 'L', 'O', 'G', '0', '0', '1'};
  bytes.insert(bytes.end(), head.begin(), head.end());
  bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.begin() + 16);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPages) return 0;
  static const std::filesystem::path folder = [] {
    auto path = std::filesystem::temp_directory_path() / ("fuzz-block-log-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    const Hash32 salt;
    Bytes file(salt.bytes.begin(), salt.bytes.end());
    const Hash32 proof = sha256(salt.view());
    file.insert(file.end(), proof.bytes.begin(), proof.bytes.end());
    write_file(path / "salt", file);
    return path;
  }();
  const ByteView rest(data + kPages, size - kPages);
  Bytes segment(kPages * kPage);
  for (std::size_t page = 0; page < kPages; ++page) {
    // A record of some height, a piece of the input as it is, or nothing.
    const std::uint8_t choice = data[page];
    const ByteView piece = rest.subspan(rest.size() * page / kPages, rest.size() / kPages);
    const Bytes bytes = choice % 4 == 0   ? Bytes()
                        : choice % 4 == 1 ? Bytes(piece.begin(), piece.end())
                                          : record(1 + choice / 4 % 8, piece);
    std::copy_n(bytes.begin(), std::min(bytes.size(), kPage),
                segment.begin() + static_cast<std::ptrdiff_t>(page * kPage));
  }
  write_file(folder / "00000000000000000001.log", segment);
  std::uint64_t last = 0;
  const auto log = storage::BlockLog::open(folder, {}, 0, [&last](std::uint64_t height, ByteView payload) {
    fuzz::expect(height == last + 1, "records come in order and without a gap");
    last = height;
    static_cast<void>(decode<storage::LogRecord>(payload));
    return true;
  });
  if (!log) {
    fuzz::expect(log.error().fault == storage::StorageFault::Corrupt, "bytes are damage, never another fault");
    fuzz::expect(log.error().text.find(".log") != std::string::npos, "a refusal names the file");
  }
  return 0;
}
