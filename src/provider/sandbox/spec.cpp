#include "provider/sandbox/spec.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include <fmt/format.h>

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdLengthMax = 64;
constexpr std::size_t kArgumentBytesMax = 256 * 1024;
constexpr std::uint64_t kMemoryBytesMin = 16ULL << 20U;
constexpr std::uint64_t kDiskBytesMin = 64ULL << 10U;
constexpr std::uint32_t kProcessesMin = 4;
constexpr std::uint32_t kProcessesMax = 1'000'000;
constexpr std::uint64_t kMillisecondsMax = 400ULL * 24 * 3600 * 1000;

tl::unexpected<SandboxError> refuse(std::string text) {
  return fail(SandboxError{SandboxErrc::BadSpec, std::move(text)});
}

bool is_plain_absolute(const fs::path& path) {
  const std::string& text = path.native();
  if (text.empty() || text.front() != '/' || text.find('\0') != std::string::npos) return false;
  return std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".." || part == "."; });
}

bool is_env_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

SandboxResult<void> validate_program(const SandboxSpec& spec) {
  if (spec.argv.empty() || !is_plain_absolute(spec.argv.front())) {
    return refuse("argv must start with the program's absolute path inside the sandbox, for example /usr/bin/python3");
  }
  std::size_t bytes = 0;
  for (const std::string& argument : spec.argv) {
    bytes += argument.size() + 1;
    if (argument.find('\0') != std::string::npos) return refuse("an argument holds a zero byte");
  }
  for (const auto& [name, value] : spec.env) {
    bytes += name.size() + value.size() + 2;
    if (!is_env_name(name)) return refuse(fmt::format("environment name '{}' must match [A-Za-z_][A-Za-z0-9_]*", name));
    if (value.find('\0') != std::string::npos)
      return refuse(fmt::format("environment value of {} holds a zero byte", name));
  }
  if (bytes > kArgumentBytesMax) {
    return refuse(
        fmt::format("arguments and environment take {} bytes, at most {} are possible", bytes, kArgumentBytesMax));
  }
  return {};
}

SandboxResult<void> validate_paths(const SandboxSpec& spec) {
  static constexpr std::array<std::string_view, 5> kOwn{"/", "/proc", "/dev", "/tmp", "/job"};
  for (const ReadOnlyBind& bind : spec.binds) {
    if (!is_plain_absolute(bind.host) || !is_plain_absolute(bind.inside)) {
      return refuse(fmt::format("bind {} -> {}: both paths must be absolute and without '..'", bind.host.string(),
                                bind.inside.string()));
    }
    const std::string inside = bind.inside.lexically_normal().string();
    for (const std::string_view own : kOwn) {
      if (inside == own || (own != "/" && inside.rfind(std::string(own) + "/", 0) == 0)) {
        return refuse(fmt::format("bind to {}: the sandbox itself provides {}", inside, own));
      }
    }
  }
  if (!spec.inputs.empty() && !is_plain_absolute(spec.inputs)) {
    return refuse(fmt::format("inputs directory {} must be absolute and without '..'", spec.inputs.string()));
  }
  for (const fs::path& device : spec.devices) {
    if (!is_plain_absolute(device) || device.native().rfind("/dev/", 0) != 0) {
      return refuse(fmt::format("device {} must be a path below /dev", device.string()));
    }
  }
  return {};
}

SandboxResult<void> validate_limits(const Limits& limits) {
  if (limits.cpu_milli < 10 || limits.cpu_milli > 1'024'000) {
    return refuse(fmt::format("cpu limit of {}/1000 cores is outside 10 to 1024000", limits.cpu_milli));
  }
  if (limits.memory_bytes < kMemoryBytesMin) {
    return refuse(fmt::format("memory limit of {} bytes is below {}", limits.memory_bytes, kMemoryBytesMin));
  }
  if (limits.processes < kProcessesMin || limits.processes > kProcessesMax) {
    return refuse(
        fmt::format("process limit of {} is outside {} to {}", limits.processes, kProcessesMin, kProcessesMax));
  }
  if (limits.output_bytes < kDiskBytesMin || limits.scratch_bytes < kDiskBytesMin) {
    return refuse(fmt::format("output and scratch limits must be at least {} bytes", kDiskBytesMin));
  }
  if (limits.output_files == 0 || limits.log_bytes == 0 || limits.open_files < 16) {
    return refuse("limits of output files and log bytes must be above 0, of open files at least 16");
  }
  if (limits.wall_ms == 0 || limits.wall_ms > kMillisecondsMax || limits.term_grace_ms > 600'000) {
    return refuse("wall time must be above 0 and at most 400 days, the grace time at most 600 s");
  }
  return {};
}

}  // namespace

std::vector<ReadOnlyBind> default_runtime_binds() {
  static constexpr std::array<const char*, 16> kPaths{"/usr",
                                                      "/bin",
                                                      "/sbin",
                                                      "/lib",
                                                      "/lib32",
                                                      "/lib64",
                                                      "/libx32",
                                                      "/etc/alternatives",
                                                      "/etc/OpenCL",
                                                      "/etc/ld.so.cache",
                                                      "/etc/ld.so.conf",
                                                      "/etc/ld.so.conf.d",
                                                      "/etc/fonts",
                                                      "/etc/magic",
                                                      "/etc/mime.types",
                                                      "/sys/devices/system"};
  std::vector<ReadOnlyBind> binds;
  for (const char* path : kPaths) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) binds.push_back({path, path});
  }
  return binds;
}

bool is_job_id(std::string_view id) {
  if (id.empty() || id.size() > kIdLengthMax || id.front() == '.') return false;
  return std::all_of(id.begin(), id.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

SandboxResult<void> validate(const SandboxSpec& spec) {
  if (!is_job_id(spec.job_id)) {
    return refuse(
        fmt::format("job id '{}' must be 1 to 64 characters of [A-Za-z0-9._-] without a leading dot", spec.job_id));
  }
  if (auto checked = validate_program(spec); !checked) return checked;
  if (auto checked = validate_paths(spec); !checked) return checked;
  return validate_limits(spec.limits);
}

}  // namespace starminer::provider::sandbox
