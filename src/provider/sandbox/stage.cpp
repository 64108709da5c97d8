#include "provider/sandbox/stage.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "provider/sandbox/disk.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kJobUidBase = 1'900'000'000;  // far above what distributions and container tools hand out
constexpr uid_t kJobUidCount = 65'536;
constexpr const char* kStagePlace = "/tmp";
constexpr std::uint64_t kScratchFilesMin = 4'096;
constexpr std::uint64_t kScratchFilesMax = 1'048'576;
constexpr std::uint64_t kScratchBytesPerFile = 16'384;

tl::unexpected<SandboxError> refuse(std::string what) {
  return fail(system_error(SandboxErrc::SetupFailed, std::move(what), errno));
}

bool is_first_user_namespace() {
  const auto map = read_file("/proc/self/uid_map", 4096);
  return map && map->find("4294967295") != std::string::npos;
}

bool write_proc(const char* file, const std::string& text) {
  const Fd fd{::open(file, O_WRONLY | O_CLOEXEC)};
  return fd.valid() && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Inputs belong to the agent; the job is another user on the host and reads them as one.
SandboxResult<void> open_to_readers(const fs::path& directory) {
  const auto read = fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
  const auto pass = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  std::error_code error;
  fs::permissions(directory, read | pass, fs::perm_options::add, error);
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    if (fs::is_symlink(status)) continue;
    if (!fs::is_directory(status) && !fs::is_regular_file(status)) {
      return fail(SandboxError{SandboxErrc::BadSpec,
                               "inputs hold something that is not a plain file: " + entry->path().string()});
    }
    const bool runs = fs::is_directory(status) || (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
    const auto wanted = (status.permissions() & fs::perms::owner_write) | (runs ? read | pass : read);
    if (status.permissions() != wanted) fs::permissions(entry->path(), wanted, error);
  }
  if (error) {
    return fail(SandboxError{SandboxErrc::SetupFailed,
                             "cannot open the inputs " + directory.string() + " to the job: " + error.message()});
  }
  return {};
}

SandboxResult<void> bind_into(const fs::path& host, const fs::path& place) {
  std::error_code error;
  const bool directory = fs::is_directory(host, error);
  if (error || !fs::exists(host, error)) {
    return fail(SandboxError{SandboxErrc::SetupFailed, "there is no " + host.string() + " on this host"});
  }
  if (directory) {
    if (::mkdir(place.c_str(), 0755) != 0) return refuse("cannot create " + place.string());
  } else {
    const Fd file{::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!file.valid()) return refuse("cannot create " + place.string());
  }
  if (::mount(host.c_str(), place.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return refuse("cannot bind " + host.string());
  }
  return {};
}

SandboxResult<void> write_stage_file(const fs::path& place, const std::string& text) {
  const Fd file{::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
  if (!file.valid()) return refuse("cannot create " + place.string());
  if (::fchmod(file.get(), 0444) != 0) return refuse("cannot open to readers " + place.string());
  return write_all(file.get(), text);
}

SandboxResult<Fd> mount_disk(DiskRequest request, const char* name, const fs::path& base, const fs::path& job_dir,
                             DiskKind& used) {
  request.mount_point = base / name;
  request.image = job_dir / (std::string(name) + ".img");
  if (::mkdir(request.mount_point.c_str(), 0700) != 0) return refuse("cannot create " + request.mount_point.string());
  auto kind = mount_limited_disk(request);
  if (!kind) return fail(kind.error());
  used = *kind;
  return open_directory(request.mount_point);
}

SandboxResult<void> stage_disks(const StoredSpec& stored, const JobUser& user, const fs::path& base,
                                const fs::path& job_dir, Stage& stage) {
  const Limits& limits = stored.spec.limits;
  DiskRequest request;
  request.mkfs_path = stored.launch.mkfs_path;
  request.memory_bytes = limits.memory_bytes;
  request.uid = user.uid;
  request.gid = user.gid;
  request.may_use_loop = user.drops_root;
  request.bytes = limits.output_bytes;
  // Room for folders and for the one file too many that the collection then reports.
  request.files = 2ULL * limits.output_files + 64;
  auto outputs = mount_disk(request, "out", base, job_dir, stage.output_disk);
  if (!outputs) return fail(outputs.error());
  request.bytes = limits.scratch_bytes;
  request.files = std::clamp(limits.scratch_bytes / kScratchBytesPerFile, kScratchFilesMin, kScratchFilesMax);
  auto scratch = mount_disk(request, "scratch", base, job_dir, stage.scratch_disk);
  if (!scratch) return fail(scratch.error());
  for (const char* part : {"work", "tmp"}) {
    const fs::path place = base / "scratch" / part;
    if (::mkdir(place.c_str(), 0700) != 0 || ::chown(place.c_str(), user.uid, user.gid) != 0) {
      return refuse("cannot create " + place.string());
    }
  }
  stage.output_directory = std::move(*outputs);
  stage.scratch_directory = std::move(*scratch);
  return {};
}

SandboxResult<void> stage_binds(const SandboxSpec& spec, const fs::path& base, Stage& stage) {
  std::vector<ReadOnlyBind> binds = default_runtime_binds();
  binds.insert(binds.end(), spec.binds.begin(), spec.binds.end());
  const fs::path place{kStagePlace};
  int number = 0;
  for (const ReadOnlyBind& bind : binds) {
    std::error_code error;
    if (bind.host == bind.inside && bind.host.parent_path() == "/" && fs::is_symlink(bind.host, error)) {
      stage.links.emplace_back(fs::read_symlink(bind.host, error).string(), bind.inside);
      continue;
    }
    const std::string name = fmt::format("b{}", number++);
    if (auto bound = bind_into(bind.host, base / name); !bound) return bound;
    stage.binds.push_back({place / name, bind.inside});
  }
  for (const fs::path& device : spec.devices) {
    const std::string name = fmt::format("d{}", number++);
    if (auto bound = bind_into(device, base / name); !bound) return bound;
    stage.devices.push_back({place / name, device});
  }
  return {};
}

SandboxResult<void> stage_small_files(const StoredSpec& stored, const JobUser& user, const fs::path& base,
                                      Stage& stage) {
  if (auto bound = bind_into(stored.launch.init_path, base / "init"); !bound) return bound;
  if (auto done = write_stage_file(base / "empty", ""); !done) return done;
  if (auto done = write_stage_file(base / "passwd", "job:x:65534:65534::/job/scratch:/usr/sbin/nologin\n"); !done)
    return done;
  if (auto done = write_stage_file(base / "group", "job:x:65534:\n"); !done) return done;
  const fs::path place{kStagePlace};
  stage.init = place / "init";
  stage.empty = place / "empty";
  stage.passwd = place / "passwd";
  stage.group = place / "group";
  stage.outputs = place / "out";
  stage.scratch = place / "scratch";
  if (stored.spec.inputs.empty()) return {};
  if (user.drops_root) {
    if (auto opened = open_to_readers(stored.spec.inputs); !opened) return opened;
  }
  stage.inputs = place / "in";
  return bind_into(stored.spec.inputs, base / "in");
}

}  // namespace

JobUser choose_job_user(const SandboxSpec& spec) {
  JobUser user{::geteuid(), ::getegid(), false, {}};
  if (::geteuid() == 0 && is_first_user_namespace()) {
    std::uint32_t hash = 2166136261U;  // FNV-1a; any spread will do
    for (const char c : spec.job_id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    user.uid = kJobUidBase + hash % kJobUidCount;
    user.gid = user.uid;
    user.drops_root = true;
  }
  const auto add_group = [&user](const fs::path& node) {
    struct stat info {};
    const bool is_node = ::stat(node.c_str(), &info) == 0 && S_ISCHR(info.st_mode);
    if (is_node && (info.st_mode & 0060U) == 0060U && (info.st_mode & 0006U) != 0006U && info.st_gid != 0) {
      user.device_groups.push_back(info.st_gid);
    }
  };
  for (const fs::path& device : spec.devices) {
    std::error_code error;
    if (!fs::is_directory(device, error)) add_group(device);
    for (fs::recursive_directory_iterator entry(device, error), end; !error && entry != end; entry.increment(error)) {
      add_group(entry->path());
    }
  }
  return user;
}

SandboxResult<void> enter_namespaces(const JobUser& user) {
  const bool root = ::geteuid() == 0;
  if (::unshare(root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return fail(
        system_error(SandboxErrc::Unsupported,
                     root ? "cannot make a mount namespace"
                          : "cannot make a user namespace; allow them (sysctl user.max_user_namespaces, and on some "
                            "systems kernel.unprivileged_userns_clone) or run the agent as root",
                     errno));
  }
  if (!root && (!write_proc("/proc/self/setgroups", "deny") ||
                !write_proc("/proc/self/uid_map", fmt::format("{0} {0} 1", user.uid)) ||
                !write_proc("/proc/self/gid_map", fmt::format("{0} {0} 1", user.gid)))) {
    return refuse("cannot map the user into its namespace");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return refuse("cannot make mounts private");
  return {};
}

SandboxResult<Stage> make_stage(const StoredSpec& stored, const JobUser& user, const fs::path& job_dir,
                                int job_directory) {
  const fs::path base = job_dir / "stage";
  if (::mkdir(base.c_str(), 0700) != 0) return refuse("cannot create " + base.string());
  if (::mount("tmpfs", base.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0) {
    return refuse("cannot mount the stage");
  }
  Stage stage;
  if (auto done = stage_disks(stored, user, base, job_dir, stage); !done) return fail(done.error());
  if (auto done = stage_binds(stored.spec, base, stage); !done) return fail(done.error());
  if (auto done = stage_small_files(stored, user, base, stage); !done) return fail(done.error());
  // Only now, because what is bound may itself lie below /tmp.
  if (::mount(base.c_str(), kStagePlace, nullptr, MS_MOVE, nullptr) != 0) return refuse("cannot move the stage");
  if (::unlinkat(job_directory, "stage", AT_REMOVEDIR) != 0) return refuse("cannot remove the stage folder");
  return stage;
}

}  // namespace starminer::provider::sandbox
