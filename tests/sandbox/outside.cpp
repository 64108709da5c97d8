#include "sandbox/outside.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace starminer::provider::sandbox {
namespace {

constexpr int kHarnessFailed = 99;
constexpr uid_t kNobody = 65534;

[[noreturn]] void become_attempt(const OutsideRun& run) {
  const std::string program = run.program.empty() ? STARMINER_BIN_DIR "/starminer-attempts" : run.program.string();
  std::vector<std::string> words{program};
  words.insert(words.end(), run.arguments.begin(), run.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::chdir(run.folder.c_str()) != 0) ::_exit(kHarnessFailed);
  if (run.user == RunAs::Nobody && (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
                                    ::setresuid(kNobody, kNobody, kNobody) != 0)) {
    ::_exit(kHarnessFailed);
  }
  ::execv(program.c_str(), argv.data());
  ::_exit(kHarnessFailed);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

[[noreturn]] void run_apart(const OutsideRun& run) {
  const bool own = run.pids == Pids::Own;
  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | (own ? CLONE_NEWPID | CLONE_NEWIPC : 0)) != 0) ::_exit(kHarnessFailed);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(kHarnessFailed);
  if (!own) become_attempt(run);
  const pid_t first = ::fork();
  if (first != 0) ::_exit(wait_for(first));
  // Process 1 of the new namespace: with it everything the attempt leaves behind ends.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(kHarnessFailed);
  const pid_t attempt = ::fork();
  if (attempt == 0) become_attempt(run);
  ::_exit(wait_for(attempt));
}

}  // namespace

OutsideResult run_outside(const OutsideRun& run) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {kHarnessFailed, "no pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    run_apart(run);
  }
  ::close(ends[1]);
  OutsideResult result;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0 && result.output.size() < 65536) result.output.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  result.exit_code = wait_for(child);
  return result;
}

pid_t start_outside(const OutsideRun& run) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, 1);
    become_attempt(run);
  }
  return child;
}

}  // namespace starminer::provider::sandbox
