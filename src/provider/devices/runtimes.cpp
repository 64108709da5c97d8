#include "provider/devices/runtimes.h"

#include <unistd.h>

#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "base/result.h"
#include "provider/devices/child_process.h"

namespace starminer::provider::devices {
namespace {

constexpr ChildLimits kProbeLimits{std::chrono::milliseconds(20'000), 64 * 1024};

/// What every sandbox of a Debian runtime shows: programs and libraries, the links that choose among them, the loader's
/// cache, time zone and CPU topology (OpenCL and thread pools read it).
constexpr std::array<std::string_view, 6> kBasePaths{"/usr",           "/etc/alternatives",   "/etc/ld.so.cache",
                                                     "/etc/localtime", "/sys/devices/system", "/etc/OpenCL"};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The first "digits.digits[.digits...]" in the text.
std::optional<std::string> find_version(std::string_view text) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    std::size_t end = at;
    while (end < text.size() &&
           (is_digit(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1]))))
      ++end;
    if (text.substr(at, end - at).find('.') != std::string_view::npos) return std::string(text.substr(at, end - at));
    at = end;
  }
  return std::nullopt;
}

std::string major_minor(const std::string& version) {
  const auto second = version.find('.', version.find('.') + 1);
  return version.substr(0, second);
}

std::vector<std::string> existing_paths(const std::string& root) {
  std::vector<std::string> paths;
  for (const auto path : kBasePaths) {
    std::error_code error;
    if (std::filesystem::exists(root + std::string(path), error)) paths.emplace_back(path);
  }
  return paths;
}

using Version = Result<std::string, std::string>;

/// The version by `program --version`; the error says what to do.
Version ask_program(const std::string& root, const std::string& program, const std::string& package) {
  const std::string path = root + program;
  if (::access(path.c_str(), X_OK) != 0) return fail(fmt::format("install it with `apt-get install {}`", package));
  const auto output = run_program({path, "--version"}, kProbeLimits);
  if (!output) return fail(fmt::format("`{} --version` {}; reinstall {}", program, output.error().message, package));
  const auto version = find_version(*output);
  if (!version) return fail(fmt::format("`{} --version` names no version; reinstall {}", program, package));
  return *version;
}

Version probe_base(const std::string& root) {
  const std::string release = read_file(root + "/etc/os-release");
  if (release.find("\nID=debian\n") == std::string::npos && release.rfind("ID=debian\n", 0) == std::string::npos) {
    return fail(std::string("the host is not Debian; debian/* runtimes need a Debian host"));
  }
  const std::string version = read_file(root + "/etc/debian_version");
  if (version.empty()) return fail(std::string("/etc/debian_version is missing; reinstall base-files"));
  return version.substr(0, version.find_first_of(" \n"));
}

Version probe_python(const std::string& root) { return ask_program(root, "/usr/bin/python3", "python3"); }

Version probe_blender(const std::string& root) { return ask_program(root, "/usr/bin/blender", "blender"); }

/// Importing torch takes a second; its version file says the same.
Version probe_pytorch(const std::string& root) {
  if (::access((root + "/usr/bin/python3").c_str(), X_OK) != 0)
    return fail(std::string("install it with `apt-get install python3 python3-torch`"));
  const std::string text = read_file(root + "/usr/lib/python3/dist-packages/torch/version.py");
  if (text.empty()) return fail(std::string("install it with `apt-get install python3-torch`"));
  const auto version = find_version(text);
  if (!version) return fail(std::string("torch/version.py names no version; reinstall python3-torch"));
  return *version;
}

struct RuntimeRow {
  std::string_view family;
  std::string_view program;
  bool versioned_tag;
  Version (*probe)(const std::string& root);
};

constexpr std::array<RuntimeRow, 4> kRuntimes{{
    {"debian/base", "/bin/sh", false, probe_base},
    {"debian/python", "/usr/bin/python3", true, probe_python},
    {"debian/pytorch", "/usr/bin/python3", true, probe_pytorch},
    {"debian/blender", "/usr/bin/blender", true, probe_blender},
}};

}  // namespace

RuntimeReport probe_runtimes(const std::string& root) {
  RuntimeReport report;
  const auto base = probe_base(root);
  for (const auto& row : kRuntimes) {
    const auto version = base ? row.probe(root) : base;
    if (!version) {
      report.missing.push_back({std::string(row.family), version.error()});
      continue;
    }
    Runtime runtime;
    runtime.tag = row.versioned_tag ? fmt::format("{}-{}", row.family, major_minor(*version)) : std::string(row.family);
    runtime.version = *version;
    runtime.program = row.program;
    runtime.read_only_paths = existing_paths(root);
    report.present.push_back(std::move(runtime));
  }
  return report;
}

}  // namespace starminer::provider::devices
