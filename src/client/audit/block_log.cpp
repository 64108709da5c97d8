#include "client/audit/block_log.h"

#include <array>

#include <fmt/format.h>

#include "base/codec.h"

namespace starminer::client::audit {
namespace {

using protocol::LoggedBlock;

constexpr std::size_t kLengthBytes = 4;

std::size_t length_of(std::string_view text) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8U | static_cast<unsigned char>(text[i]);
  return length;
}

}  // namespace

Result<LogReader, std::string> LogReader::open(const LogFolder& folder) {
  LogReader reader;
  std::error_code error;
  reader.size_ = std::filesystem::file_size(folder.blocks(), error);
  reader.stream_.open(folder.blocks(), std::ios::binary);
  if (error || !reader.stream_) return fail(fmt::format("{} cannot be read", folder.blocks().string()));
  return reader;
}

Result<std::optional<LoggedBlock>, std::string> LogReader::next() {
  if (offset_ == size_) return std::optional<LoggedBlock>();
  const auto torn = [this] {
    return fail(fmt::format("the log ends within a block, at byte {} of {}", offset_, size_));
  };
  std::array<char, kLengthBytes> head{};
  if (size_ - offset_ < kLengthBytes || !stream_.read(head.data(), kLengthBytes)) return torn();
  const std::size_t length = length_of({head.data(), head.size()});
  if (size_ - offset_ - kLengthBytes < length) return torn();
  Bytes bytes(length);
  if (!stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(length))) return torn();
  auto block = decode<LoggedBlock>(bytes);
  if (!block) return fail(fmt::format("the bytes at {} of the log are no block", offset_));
  offset_ += kLengthBytes + length;
  return std::optional<LoggedBlock>(std::move(*block));
}

Result<std::uint64_t, std::string> count_blocks(const LogFolder& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder.blocks(), error)) return 0;
  auto reader = LogReader::open(folder);
  if (!reader) return fail(std::move(reader.error()));
  std::uint64_t blocks = 0;
  for (;;) {
    const auto block = reader->next();
    if (block && !*block) return blocks;
    if (block && (*block)->height == blocks) {
      ++blocks;
      continue;
    }
    if (block) return fail(fmt::format("block {} of the log has height {}", blocks, (*block)->height));
    std::filesystem::resize_file(folder.blocks(), reader->offset(), error);
    if (error) return fail(fmt::format("{}: {}", folder.blocks().string(), error.message()));
    return blocks;
  }
}

Result<std::uint64_t, std::string> append_page(const LogFolder& folder, std::uint64_t next, std::string_view page) {
  std::uint64_t blocks = 0;
  for (std::string_view left = page; !left.empty(); ++blocks) {
    const std::size_t length = left.size() < kLengthBytes ? left.size() : length_of(left);
    if (left.size() - std::min(left.size(), kLengthBytes) < length)
      return fail(std::string("a page ends within a block"));
    const auto block = decode<LoggedBlock>(as_bytes(left.substr(kLengthBytes, length)));
    if (!block || block->height != next + blocks) {
      return fail(fmt::format("the node sent something else than block {}", next + blocks));
    }
    left.remove_prefix(kLengthBytes + length);
  }
  std::ofstream stream(folder.blocks(), std::ios::binary | std::ios::app);
  stream << page << std::flush;
  if (!stream) return fail(fmt::format("{} cannot be written", folder.blocks().string()));
  return blocks;
}

}  // namespace starminer::client::audit
