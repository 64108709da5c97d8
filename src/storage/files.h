// Files as storage needs them: whole reads, synced writes, synced folders. On failure errno says why.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace starminer::storage {

/// Makes what was created, renamed or removed in a folder durable.
[[nodiscard]] bool sync_folder(const std::filesystem::path& folder);
/// Makes a folder and what is missing above it. Their names are durable then, also that of a folder which was there.
[[nodiscard]] bool make_folder(const std::filesystem::path& folder);
/// All of the bytes at an offset. Where it fails, `written` says how many of them the file took.
[[nodiscard]] bool write_all(int fd, ByteView bytes, std::uint64_t offset, std::size_t* written = nullptr);
/// Whether an errno means that there is no room (ENOSPC, EDQUOT, EFBIG): the same may succeed later.
[[nodiscard]] bool is_out_of_room(int error);
/// What an operator can do about a failed write, by its errno.
[[nodiscard]] std::string_view write_advice(int error);
/// Nothing where the file cannot be read as a whole.
[[nodiscard]] std::optional<Bytes> read_file(const std::filesystem::path& path);
/// Writes a new file and syncs it. Fails where the file exists.
[[nodiscard]] bool write_new_file(const std::filesystem::path& path, ByteView bytes);

}  // namespace starminer::storage
