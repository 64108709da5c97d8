#include "cli/artifact_file.h"

#include <filesystem>
#include <fstream>
#include <ios>
#include <system_error>

#include <fmt/format.h>

#include "verification/comparison/tensor.h"

namespace starminer::cli {

namespace fs = std::filesystem;
using config::ExitCode;

Outcome<Bytes> read_artifact(const std::string& name) {
  std::error_code error;
  const fs::path path(name);
  if (!fs::exists(path, error)) {
    return fail(Trouble{ExitCode::NotFound, {fmt::format("there is no file {}", name), "", "", {}}});
  }
  const auto unreadable = [&](std::string why) {
    return Trouble{ExitCode::Usage, {fmt::format("{} cannot be read", name), "", std::move(why), {}}};
  };
  if (!fs::is_regular_file(path, error)) return fail(unreadable("it is no file with content"));
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return fail(unreadable(error.message()));
  if (size > verification::kArtifactBytesMax) {
    return fail(
        unreadable(fmt::format("it has {} bytes; at most {} are compared", size, verification::kArtifactBytesMax)));
  }
  std::ifstream file(path, std::ios::binary);
  Bytes bytes(size);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file || file.gcount() != static_cast<std::streamsize>(size))
    return fail(unreadable("it could not be read whole"));
  return bytes;
}

}  // namespace starminer::cli
