#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 1U << 20U;
constexpr std::array<const char*, 5> kControllersV1{"memory", "pids", "cpu", "cpuacct", "freezer"};

struct Hierarchy {
  fs::path mount;
  std::string root;  ///< Which folder of the hierarchy is mounted there.
};

struct Hierarchies {
  std::map<std::string, Hierarchy> v1;  ///< By controller.
  std::optional<Hierarchy> v2;
};

std::set<std::string> split(const std::string& text, char separator) {
  std::set<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, separator);) {
    if (!word.empty()) words.insert(word);
  }
  return words;
}

// proc(5), mountinfo: "id parent major:minor root mount-point options [fields] - type source super-options".
Hierarchies find_hierarchies() {
  Hierarchies found;
  const auto text = read_file("/proc/self/mountinfo", kFileBytesMax);
  if (!text) return found;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string mount;
    std::string type;
    std::string super_options;
    fields >> skipped >> skipped >> skipped >> root >> mount;
    while (fields >> skipped && skipped != "-") {
    }
    fields >> type >> skipped >> super_options;
    if (type == "cgroup2" && !found.v2) found.v2 = Hierarchy{mount, root};
    if (type != "cgroup") continue;
    const auto options = split(super_options, ',');
    for (const char* controller : kControllersV1) {
      if (options.count(controller) > 0) found.v1.try_emplace(controller, Hierarchy{mount, root});
    }
  }
  return found;
}

// The folder of this process in a hierarchy, relative to what is mounted; proc(5), cgroup: "id:controllers:path".
fs::path own_group(const Hierarchy& hierarchy, const std::string& controller) {
  const auto text = read_file("/proc/self/cgroup", kFileBytesMax);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool matches = controller.empty() ? controllers.empty() : split(controllers, ',').count(controller) > 0;
    if (!matches) continue;
    std::string path = line.substr(second + 1);
    if (hierarchy.root != "/" && path.rfind(hierarchy.root, 0) == 0) path = path.substr(hierarchy.root.size());
    return fs::path(path).relative_path();
  }
  return {};
}

// A folder we may make groups in: at the root of the hierarchy, else below our own group.
std::optional<fs::path> make_parent(const Hierarchy& hierarchy, const std::string& controller,
                                    const std::string& name) {
  for (const fs::path& base : {hierarchy.mount, hierarchy.mount / own_group(hierarchy, controller)}) {
    const fs::path parent = base / name;
    std::error_code error;
    fs::create_directory(parent, error);
    if (!error && ::access(parent.c_str(), W_OK | X_OK) == 0) return parent;
  }
  return std::nullopt;
}

bool write_text(const fs::path& file, const std::string& text) {
  const Fd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  return fd.valid() && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool has_controllers(const fs::path& directory) {
  const auto text = read_file(directory / "cgroup.controllers", kFileBytesMax);
  if (!text) return false;
  std::istringstream words(*text);
  std::set<std::string> controllers;
  for (std::string word; words >> word;) controllers.insert(word);
  return controllers.count("memory") > 0 && controllers.count("pids") > 0;
}

// In version 2 a group with processes hands no controllers down. A service manager delegates to the agent the group the
// agent itself is in, so the agent moves to a leaf of its own first.
void hand_down(const fs::path& directory) {
  static constexpr const char* kControllers = "+memory +pids +cpu";
  if (write_text(directory / "cgroup.subtree_control", kControllers) || errno != EBUSY) return;
  const fs::path leaf = directory / "agent";
  std::error_code error;
  fs::create_directory(leaf, error);
  const auto processes = read_file(directory / "cgroup.procs", kFileBytesMax);
  if (error || !processes) return;
  std::istringstream lines(*processes);
  for (std::string pid; lines >> pid;) write_text(leaf / "cgroup.procs", pid);
  write_text(directory / "cgroup.subtree_control", kControllers);
}

std::optional<CgroupLayout> probe_v2(const Hierarchy& hierarchy, const std::string& name) {
  for (const fs::path& base : {hierarchy.mount, hierarchy.mount / own_group(hierarchy, "")}) {
    if (!has_controllers(base)) continue;
    hand_down(base);
    const fs::path parent = base / name;
    std::error_code error;
    fs::create_directory(parent, error);
    if (error || !has_controllers(parent) || ::access(parent.c_str(), W_OK | X_OK) != 0) continue;
    write_text(parent / "cgroup.subtree_control", "+memory +pids +cpu");
    return CgroupLayout{2, {{"unified", parent}}};
  }
  return std::nullopt;
}

}  // namespace

SandboxResult<CgroupLayout> probe_cgroups(const std::string& parent) {
  const Hierarchies found = find_hierarchies();
  if (found.v2) {
    if (auto layout = probe_v2(*found.v2, parent)) return *layout;
  }
  CgroupLayout layout{1, {}};
  std::string missing;
  for (const char* controller : kControllersV1) {
    const auto hierarchy = found.v1.find(controller);
    std::optional<fs::path> directory;
    if (hierarchy != found.v1.end()) directory = make_parent(hierarchy->second, controller, parent);
    if (directory) {
      layout.parents[controller] = *directory;
    } else if (std::string_view(controller) == "memory" || std::string_view(controller) == "pids") {
      missing += (missing.empty() ? "" : " and ") + std::string(controller);
    }
  }
  if (missing.empty()) return layout;
  return fail(SandboxError{
      SandboxErrc::Unsupported,
      fmt::format(
          "control groups cannot limit {} for this agent, so it must not run jobs. As root: on a version 2 system "
          "run the agent as a service with Delegate=yes; on version 1 make /sys/fs/cgroup/<controller>/{} for "
          "memory, pids, cpu, cpuacct and freezer and give the folders to the agent's user with chown -R",
          missing, parent)});
}

}  // namespace starminer::provider::sandbox
