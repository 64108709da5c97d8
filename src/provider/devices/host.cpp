#include "provider/devices/host.h"

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace starminer::provider::devices {
namespace {

namespace fs = std::filesystem;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\"");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\"") - first + 1);
}

template <class T>
std::optional<T> to_number(std::string_view text) {
  T value{};
  const auto clean = trim(text);
  const auto [end, error] = std::from_chars(clean.data(), clean.data() + clean.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

/// The kernel's "key : value" files.
template <class Visit>
void for_each_pair(const fs::path& path, char separator, const Visit& visit) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    const auto at = line.find(separator);
    if (at == std::string::npos) continue;
    visit(trim(std::string_view(line).substr(0, at)), trim(std::string_view(line).substr(at + 1)));
  }
}

std::uint32_t usable_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::uint32_t>(CPU_COUNT(&set));
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<std::uint32_t>(online) : 1;
}

void read_cpu(const std::string& root, Host& host) {
  std::set<std::pair<std::string, std::string>> cores;
  std::string package;
  std::uint32_t processors = 0;
  for_each_pair(root + "/proc/cpuinfo", ':', [&](std::string_view key, std::string_view value) {
    if (key == "processor") ++processors;
    if (key == "model name" && host.cpu_model.empty()) host.cpu_model = value;
    if (key == "physical id") package = value;
    if (key == "core id") cores.emplace(package, std::string(value));
  });
  // Architectures without these keys (Arm) list one entry a core.
  host.cpu_cores = cores.empty() ? processors : static_cast<std::uint32_t>(cores.size());
  if (host.cpu_model.empty()) {
    utsname names{};
    if (uname(&names) == 0) host.cpu_model = std::string(names.machine) + " processor";
  }
  host.cpu_threads = usable_threads();
}

void read_memory(const std::string& root, Host& host) {
  for_each_pair(root + "/proc/meminfo", ':', [&](std::string_view key, std::string_view value) {
    const auto kib = to_number<std::uint64_t>(value.substr(0, value.find(' ')));
    if (!kib) return;
    if (key == "MemTotal") host.memory_bytes = *kib << 10U;
    if (key == "MemAvailable") host.memory_available_bytes = *kib << 10U;
  });
}

void read_numa(const std::string& root, Host& host) {
  std::error_code error;
  for (fs::directory_iterator entry(root + "/sys/devices/system/node", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.size() > 4 && name.compare(0, 4, "node") == 0 && to_number<std::uint32_t>(name.substr(4)))
      ++host.numa_nodes;
  }
  host.numa_nodes = std::max(host.numa_nodes, 1U);
}

void read_network(const std::string& root, Host& host) {
  std::error_code error;
  for (fs::directory_iterator entry(root + "/sys/class/net", error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& link = entry->path();
    if (link.filename() == "lo" || first_line(link / "operstate").value_or("") != "up") continue;
    // Virtual links answer -1 or refuse the read.
    const auto mbps = to_number<std::int64_t>(first_line(link / "speed").value_or(""));
    if (!mbps || *mbps <= 0 || *mbps > 10'000'000) continue;
    host.network_mbps = std::max(host.network_mbps.value_or(0), static_cast<std::uint32_t>(*mbps));
  }
}

void read_disk(const std::string& path, Host& host) {
  host.disk_path = path;
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return;
  host.disk_total_bytes = static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize;
  host.disk_free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

void read_system(const std::string& root, Host& host) {
  utsname names{};
  if (uname(&names) == 0) host.kernel = std::string(names.sysname) + " " + names.release;
  for_each_pair(root + "/etc/os-release", '=', [&](std::string_view key, std::string_view value) {
    if (key == "PRETTY_NAME") host.os = value;
  });
}

}  // namespace

Host read_host(const std::string& root, const std::string& disk_path) {
  Host host;
  read_cpu(root, host);
  read_memory(root, host);
  read_numa(root, host);
  read_network(root, host);
  read_disk(disk_path, host);
  read_system(root, host);
  return host;
}

}  // namespace starminer::provider::devices
