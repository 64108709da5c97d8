// Finds the input files of a job on this machine and hashes them. Nothing outside the folder of the job file is ever
// sent: a link that leads out is refused, wherever on the way it lies. Reads the disk; one thread per call.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/job_file/job_file.h"
#include "client/job_file/manifest.h"

namespace starminer::client::job_file {

struct InputFile {
  std::filesystem::path host;
  /// Below /job/in.
  std::string path;
  std::uint64_t size = 0;
};

/// Every file that the job's inputs name, sorted by path. All problems at once: nothing there, a link out, not a file
/// or folder, two files for one place, more than 64 files.
[[nodiscard]] Result<std::vector<InputFile>, std::vector<Problem>> find_inputs(const JobFile& job,
                                                                               const std::filesystem::path& folder);

/// Called with the bytes hashed so far.
using HashProgress = std::function<void(std::uint64_t)>;

/// Reads the files. Fails for files that cannot be read or that change their size meanwhile.
[[nodiscard]] Result<std::vector<ManifestInput>, Problem> hash_inputs(const std::vector<InputFile>& files,
                                                                      const HashProgress& progress = {});

}  // namespace starminer::client::job_file
