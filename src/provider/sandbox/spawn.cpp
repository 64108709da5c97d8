#include "provider/sandbox/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "provider/sandbox/file_io.h"
#include "provider/sandbox/job_dir.h"
#include "provider/sandbox/process.h"
#include "provider/sandbox/supervisor.h"

namespace starminer::provider::sandbox {
namespace {

constexpr std::int64_t kHandshakeMs = 30'000;
constexpr std::size_t kHandshakeBytesMax = 8192;

struct SpawnSettings {
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

int fill(SpawnSettings& settings, int handshake, const std::string& log) {
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  int rc = ::posix_spawn_file_actions_adddup2(&settings.actions, handshake, kHandshakeFd);
  rc |= ::posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  rc |= ::posix_spawn_file_actions_addopen(&settings.actions, 1, "/dev/null", O_WRONLY, 0);
  rc |= ::posix_spawn_file_actions_addopen(&settings.actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  rc |= ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, kHandshakeFd + 1);
  rc |= ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  rc |= ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  constexpr int kFlags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  rc |= ::posix_spawnattr_setflags(&settings.attributes, static_cast<short>(kFlags));
  return rc;
}

// Reads until the supervisor closes its end.
std::string read_handshake(const Fd& pipe) {
  const std::int64_t deadline = steady_ms() + kHandshakeMs;
  std::string text;
  char buffer[512];
  for (;;) {
    pollfd entry{pipe.get(), POLLIN, 0};
    const std::int64_t left = deadline - steady_ms();
    if (left <= 0) return "error the supervisor does not answer";
    if (::poll(&entry, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t count = ::read(pipe.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    if (text.size() < kHandshakeBytesMax) text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

SandboxResult<pid_t> spawn_supervisor(const std::filesystem::path& program, const std::filesystem::path& job_dir) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(SandboxErrc::SetupFailed, "cannot make a pipe", errno));
  const Fd reader{ends[0]};
  Fd writer{ends[1]};
  SpawnSettings settings;
  if (fill(settings, writer.get(), (job_dir / kSupervisorLogFile).string()) != 0) {
    return fail(SandboxError{SandboxErrc::SetupFailed, "cannot prepare the supervisor's start"});
  }
  std::string words[] = {program.string(), job_dir.string()};
  char* const argv[] = {words[0].data(), words[1].data(), nullptr};
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const env[] = {path.data(), nullptr};
  pid_t child = 0;
  const int rc = ::posix_spawn(&child, program.c_str(), &settings.actions, &settings.attributes, argv, env);
  if (rc != 0) return fail(system_error(SandboxErrc::SetupFailed, "cannot start " + program.string(), rc));
  writer.reset();
  const std::string answer = read_handshake(reader);
  if (answer == "ok") return child;
  if (answer.rfind("error the supervisor does not answer", 0) == 0) ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (answer.rfind("error ", 0) == 0) return fail(SandboxError{SandboxErrc::SetupFailed, answer.substr(6)});
  return fail(
      SandboxError{SandboxErrc::SetupFailed, "the supervisor died; see " + (job_dir / kSupervisorLogFile).string()});
}

}  // namespace starminer::provider::sandbox
