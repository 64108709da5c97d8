// Folders with a hard size limit: writing beyond it gives ENOSPC to the job. Small ones are memory file systems (their
// pages count as the job's memory), large ones an ext4 image on a loop device. Both live in the supervisor's private
// mount namespace, so the kernel takes them away with it. Used by the supervisor only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "provider/sandbox/error.h"
#include "provider/sandbox/report.h"

namespace starminer::provider::sandbox {

struct DiskRequest {
  std::filesystem::path image;        ///< Where an image file may be made for a moment; it is unlinked at once.
  std::filesystem::path mount_point;  ///< An empty directory.
  std::filesystem::path mkfs_path;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t memory_bytes = 0;  ///< The job's memory limit.
  uid_t uid = 0;
  gid_t gid = 0;
  bool may_use_loop = false;  ///< Real root in the first user namespace.
};

/// Mounts and says what was used. Memory is taken for at most 64 MiB and a quarter of the job's memory, or where loop
/// devices cannot be used. Fails with SetupFailed.
[[nodiscard]] SandboxResult<DiskKind> mount_limited_disk(const DiskRequest& request);

/// Whether nothing more fits: no free block or no free file.
[[nodiscard]] bool is_disk_full(int directory, DiskKind kind);

}  // namespace starminer::provider::sandbox
