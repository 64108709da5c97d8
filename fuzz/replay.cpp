// Runs a fuzz target over files and folders: every input once, and up to sixteen beginnings of it, since a cut input is
// what networks and disks make of a whole one. Used where the compiler has no fuzzer.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/expect.h"

namespace {

constexpr std::size_t kBeginnings = 16;

bool run_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return false;
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
  for (std::size_t i = 0; i < kBeginnings; ++i) {
    // A copy of its own for each, so that memory checkers see a read behind the end.
    const std::vector<std::uint8_t> beginning(
        input.begin(), input.begin() + static_cast<std::ptrdiff_t>(input.size() * i / kBeginnings));
    LLVMFuzzerTestOneInput(beginning.data(), beginning.size());
  }
  LLVMFuzzerTestOneInput(input.data(), input.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    std::printf("%s\n", file.filename().c_str());
    if (!run_file(file)) {
      std::fprintf(stderr, "cannot read %s\n", file.c_str());
      return 2;
    }
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 2 : 0;
}
