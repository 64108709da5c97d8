#include "provider/sandbox/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "provider/sandbox/file_io.h"
#include "provider/sandbox/process.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 1U << 20U;
constexpr std::uint64_t kCpuPeriodUs = 100'000;

// O_CREAT does nothing in a control group file system, where the kernel makes the files; it serves a made-up tree.
SandboxResult<void> write_value(const fs::path& file, const std::string& value) {
  const Fd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
  if (!fd.valid()) return fail(system_error(SandboxErrc::SetupFailed, "cannot open " + file.string(), errno));
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return fail(system_error(SandboxErrc::SetupFailed, "cannot write " + value + " to " + file.string(), errno));
  }
  return {};
}

void write_if_present(const fs::path& file, const std::string& value) {
  if (::access(file.c_str(), W_OK) == 0) (void)write_value(file, value);
}

std::uint64_t read_number(const fs::path& file) {
  const auto text = read_file(file, kFileBytesMax);
  std::uint64_t number = 0;
  if (text) std::istringstream(*text) >> number;
  return number;
}

// Files of lines "key number".
std::uint64_t read_keyed(const fs::path& file, const std::string& key) {
  const auto text = read_file(file, kFileBytesMax);
  if (!text) return 0;
  std::istringstream lines(*text);
  std::string name;
  std::uint64_t number = 0;
  while (lines >> name >> number) {
    if (name == key) return number;
  }
  return 0;
}

SandboxResult<void> write_limits_v1(const CgroupPaths& paths, const CgroupLimits& limits) {
  for (const auto& [controller, directory] : paths.directories) {
    if (controller == "memory") {
      if (auto done = write_value(directory / "memory.limit_in_bytes", std::to_string(limits.memory_bytes)); !done) {
        return done;
      }
      write_if_present(directory / "memory.memsw.limit_in_bytes", std::to_string(limits.memory_bytes));
      write_if_present(directory / "memory.swappiness", "0");
    } else if (controller == "pids") {
      if (auto done = write_value(directory / "pids.max", std::to_string(limits.processes)); !done) return done;
    } else if (controller == "cpu") {
      const std::uint64_t quota = limits.cpu_milli * kCpuPeriodUs / 1000;
      if (auto done = write_value(directory / "cpu.cfs_period_us", std::to_string(kCpuPeriodUs)); !done) return done;
      if (auto done = write_value(directory / "cpu.cfs_quota_us", std::to_string(quota)); !done) return done;
    }
  }
  return {};
}

SandboxResult<void> write_limits_v2(const CgroupPaths& paths, const CgroupLimits& limits) {
  const fs::path& directory = paths.directories.at("unified");
  const std::string quota = std::to_string(limits.cpu_milli * kCpuPeriodUs / 1000) + " " + std::to_string(kCpuPeriodUs);
  if (auto done = write_value(directory / "memory.max", std::to_string(limits.memory_bytes)); !done) return done;
  if (auto done = write_value(directory / "pids.max", std::to_string(limits.processes)); !done) return done;
  write_if_present(directory / "memory.swap.max", "0");
  write_if_present(directory / "memory.oom.group", "1");
  write_if_present(directory / "cpu.max", quota);
  return {};
}

// The folder above is shared by an agent's jobs and goes with the last of them, so it may vanish in between.
std::error_code make_directory(const fs::path& directory, int version) {
  std::error_code error;
  for (int attempt = 0; attempt < 10; ++attempt) {
    fs::create_directory(directory.parent_path(), error);
    if (error) return error;
    // Version 2 hands controllers down one level at a time.
    if (version == 2) write_if_present(directory.parent_path() / "cgroup.subtree_control", "+memory +pids +cpu");
    const bool made = fs::create_directory(directory, error);
    if (!error && !made) return std::make_error_code(std::errc::file_exists);
    if (error != std::errc::no_such_file_or_directory) return error;
  }
  return error;
}

}  // namespace

SandboxResult<Cgroup> Cgroup::create(const CgroupLayout& layout, const std::string& name, const CgroupLimits& limits) {
  CgroupPaths paths{layout.version, {}};
  for (const auto& [controller, parent] : layout.parents) paths.directories[controller] = parent / name;
  Cgroup group(std::move(paths));
  for (const auto& [controller, directory] : group.paths_.directories) {
    if (const auto error = make_directory(directory, layout.version); error) {
      // A folder that was there before belongs to another job, so nothing is taken back from it.
      if (error != std::errc::file_exists) group.remove();
      return fail(SandboxError{SandboxErrc::SetupFailed,
                               "cannot make the control group " + directory.string() + ": " + error.message()});
    }
  }
  const auto written =
      layout.version == 2 ? write_limits_v2(group.paths_, limits) : write_limits_v1(group.paths_, limits);
  if (!written) {
    group.remove();
    return fail(written.error());
  }
  return group;
}

SandboxResult<void> Cgroup::join() const {
  for (const auto& [controller, directory] : paths_.directories) {
    if (auto joined = write_value(directory / "cgroup.procs", "0"); !joined) return joined;
  }
  return {};
}

CgroupUsage Cgroup::read_usage() const {
  CgroupUsage usage;
  for (const auto& [controller, directory] : paths_.directories) {
    if (controller == "unified") {
      usage.cpu_ms = read_keyed(directory / "cpu.stat", "usage_usec") / 1000;
      usage.memory_bytes = read_number(directory / "memory.current");
      usage.memory_peak_bytes = read_number(directory / "memory.peak");
      usage.memory_kills = read_keyed(directory / "memory.events", "oom_kill");
    } else if (controller == "cpuacct") {
      usage.cpu_ms = read_number(directory / "cpuacct.usage") / 1'000'000;
    } else if (controller == "memory") {
      usage.memory_bytes = read_number(directory / "memory.usage_in_bytes");
      usage.memory_peak_bytes = read_number(directory / "memory.max_usage_in_bytes");
      usage.memory_kills = read_keyed(directory / "memory.oom_control", "oom_kill");
    }
    if (controller == "unified" || controller == "pids") {
      usage.processes = read_number(directory / "pids.current");
      usage.processes_refused = read_keyed(directory / "pids.events", "max");
    }
  }
  usage.memory_peak_bytes = std::max(usage.memory_peak_bytes, usage.memory_bytes);
  return usage;
}

std::vector<pid_t> Cgroup::list_processes() const {
  std::set<pid_t> processes;
  for (const auto& [controller, directory] : paths_.directories) {
    const auto text = read_file(directory / "cgroup.procs", kFileBytesMax);
    if (!text) continue;
    std::istringstream lines(*text);
    pid_t pid = 0;
    while (lines >> pid) {
      if (pid > 0) processes.insert(pid);
    }
  }
  return {processes.begin(), processes.end()};
}

void Cgroup::freeze(bool frozen) const {
  const auto freezer = paths_.directories.find("freezer");
  if (freezer != paths_.directories.end()) {
    write_if_present(freezer->second / "freezer.state", frozen ? "FROZEN" : "THAWED");
  }
}

bool Cgroup::kill_all(std::int64_t timeout_ms) const {
  const std::int64_t deadline = steady_ms() + timeout_ms;
  for (;;) {
    if (const auto unified = paths_.directories.find("unified"); unified != paths_.directories.end()) {
      write_if_present(unified->second / "cgroup.kill", "1");
    }
    const auto processes = list_processes();
    if (processes.empty()) return true;
    // Frozen first, so that no process forks between the listing and its signal; the thaw delivers the signals.
    freeze(true);
    for (const pid_t pid : list_processes()) ::kill(pid, SIGKILL);
    freeze(false);
    if (steady_ms() >= deadline) return list_processes().empty();
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

bool Cgroup::remove() const {
  bool gone = true;
  for (const auto& [controller, directory] : paths_.directories) {
    // The kernel lets go of a group shortly after its last process is gone.
    int tries = 50;
    while (::rmdir(directory.c_str()) != 0 && errno == EBUSY && --tries > 0) {
      const timespec pause{0, 2'000'000};
      ::nanosleep(&pause, nullptr);
    }
    gone = gone && ::access(directory.c_str(), F_OK) != 0;
    ::rmdir(directory.parent_path().c_str());  // succeeds for the last job of an agent
  }
  return gone;
}

std::map<std::string, CgroupPaths> list_groups(const CgroupLayout& layout, const std::string& group) {
  std::map<std::string, CgroupPaths> groups;
  for (const auto& [controller, parent] : layout.parents) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent / group, error)) {
      if (!entry.is_directory(error)) continue;
      CgroupPaths& paths = groups[entry.path().filename().string()];
      paths.version = layout.version;
      paths.directories[controller] = entry.path();
    }
  }
  return groups;
}

}  // namespace starminer::provider::sandbox
