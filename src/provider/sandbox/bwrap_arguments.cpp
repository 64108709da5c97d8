#include "provider/sandbox/bwrap_arguments.h"

#include <unistd.h>

#include <array>
#include <initializer_list>
#include <map>

namespace starminer::provider::sandbox {
namespace {

constexpr const char* kInitInside = "/.starminer-init";

// Of /proc these name the host's kernel, its command line or its addresses, which no job needs.
constexpr std::array<const char*, 7> kMasked{
    "/proc/cmdline",    "/proc/kallsyms",         "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/version_signature"};

void add_file_view(std::vector<std::string>& words, const SandboxSpec& spec, const Stage& stage) {
  const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  for (const StagedBind& bind : stage.binds) add({"--ro-bind", bind.staged, bind.inside});
  for (const auto& [target, place] : stage.links) add({"--symlink", target, place});
  add({"--ro-bind", stage.passwd, "/etc/passwd", "--ro-bind", stage.group, "/etc/group", "--proc", "/proc"});
  for (const char* masked : kMasked) {
    if (::access(masked, F_OK) == 0) add({"--ro-bind", stage.empty, masked});
  }
  add({"--dev", "/dev"});
  for (const StagedBind& device : stage.devices) add({"--dev-bind", device.staged, device.inside});
  add({"--size", std::to_string(spec.limits.memory_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"});
  if (stage.inputs.empty()) {
    add({"--dir", kInputsInside});
  } else {
    add({"--ro-bind", stage.inputs, kInputsInside});
  }
  add({"--bind", stage.outputs, kOutputsInside, "--bind", stage.scratch / "work", kScratchInside, "--bind",
       stage.scratch / "tmp", "/tmp", "--ro-bind", stage.init, kInitInside, "--remount-ro", "/"});
}

}  // namespace

std::vector<std::string> make_bwrap_arguments(const SandboxSpec& spec, const Stage& stage, const BwrapFds& fds) {
  std::vector<std::string> words{"--unshare-all",
                                 "--unshare-user",
                                 "--disable-userns",
                                 "--die-with-parent",
                                 "--new-session",
                                 "--uid",
                                 "65534",
                                 "--gid",
                                 "65534",
                                 "--cap-drop",
                                 "ALL",
                                 "--hostname",
                                 "job",
                                 "--chdir",
                                 kScratchInside,
                                 "--clearenv"};
  std::map<std::string, std::string> env{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                         {"HOME", kScratchInside},
                                         {"TMPDIR", "/tmp"},
                                         {"LANG", "C.UTF-8"},
                                         {"TZ", "UTC"}};
  for (const auto& [name, value] : spec.env) env[name] = value;
  for (const auto& [name, value] : env) words.insert(words.end(), {"--setenv", name, value});
  add_file_view(words, spec, stage);
  words.insert(words.end(), {"--add-seccomp-fd", std::to_string(fds.seccomp_allow_list), "--add-seccomp-fd",
                             std::to_string(fds.seccomp_arguments)});
  return words;
}

std::vector<std::string> make_command(const SandboxSpec& spec, const Stage& stage, int report_fd) {
  std::vector<std::string> words{"--", kInitInside, std::to_string(report_fd)};
  const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  for (const StagedBind& bind : stage.binds) add({"--read", bind.inside});
  add({"--read", "/etc/passwd", "--read", "/etc/group", "--read", "/proc", "--read", kInputsInside});
  add({"--write", "/dev", "--write", kOutputsInside, "--write", kScratchInside, "--write", "/tmp", "--"});
  words.insert(words.end(), spec.argv.begin(), spec.argv.end());
  return words;
}

}  // namespace starminer::provider::sandbox
