#include "provider/devices/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace starminer::provider::devices {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kResultFd = 3;
constexpr int kChildFailureStatus = 70;
constexpr int kExecFailureStatus = 127;
constexpr std::size_t kErrorTailBytes = 512;
constexpr std::size_t kErrorBytesMax = 64 * kErrorTailBytes;
constexpr std::chrono::milliseconds kReapStep{2};
constexpr std::chrono::seconds kKillWait{2};

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

/// Runs in the child between fork and the work: own group, own signals, only the descriptors it needs.
void enter_child(pid_t parent, int result_fd, int error_fd) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kChildFailureStatus);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM}) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Duplicates above all standard numbers first, so that no dup2 below overwrites a source still needed.
  const int result = ::fcntl(result_fd, F_DUPFD, 16);
  const int error = ::fcntl(error_fd, F_DUPFD, 16);
  const int null_fd = ::open("/dev/null", O_RDWR);
  if (result < 0 || error < 0 || null_fd < 0) ::_exit(kChildFailureStatus);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(null_fd, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::dup2(result, kResultFd);
  ::close_range(kResultFd + 1, ~0U, 0);
}

bool write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

/// Appends what can be read now, until `into` is longer than the limit. False at the end of the stream.
bool drain(int fd, std::string& into, std::size_t bytes_max) {
  std::array<char, 16'384> buffer{};
  for (;;) {
    if (into.size() > bytes_max) return true;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    return n < 0 && errno == EAGAIN;
  }
}

std::string tail_of(const std::string& text) {
  const std::size_t keep = std::min(text.size(), kErrorTailBytes);
  std::string tail = text.substr(text.size() - keep);
  std::replace_if(
      tail.begin(), tail.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  const auto last = tail.find_last_not_of(' ');
  tail.resize(last == std::string::npos ? 0 : last + 1);
  return tail.empty() ? tail : fmt::format(": {}", tail);
}

ChildFailure start_failure(const char* what) {
  const int code = errno;
  return {ChildEnd::StartFailed, code, fmt::format("cannot start a child process: {}: {}", what, std::strerror(code))};
}

class Supervisor {
 public:
  Supervisor(pid_t pid, Fd result, Fd error, const ChildLimits& limits)
      : pid_(pid), result_(std::move(result)), error_(std::move(error)), limits_(limits) {}

  Result<std::string, ChildFailure> wait() {
    const auto deadline = Clock::now() + limits_.deadline;
    while (!reap()) {
      if (is_too_long()) return kill_as(ChildEnd::OutputTooLong, too_long_text());
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) {
        return kill_as(ChildEnd::TimedOut, fmt::format("no answer within {} ms", limits_.deadline.count()));
      }
      read_some(left);
    }
    if (result_open_) drain(result_.get(), output_, limits_.output_bytes_max);
    if (error_open_) drain(error_.get(), errors_, kErrorBytesMax);
    return judge();
  }

 private:
  [[nodiscard]] bool is_too_long() const { return output_.size() > limits_.output_bytes_max; }
  [[nodiscard]] std::string too_long_text() const {
    return fmt::format("wrote more than {} bytes", limits_.output_bytes_max);
  }

  bool reap() {
    const pid_t got = ::waitpid(pid_, &status_, WNOHANG);
    if (got == 0) return false;
    // Someone else collected the status (SIGCHLD ignored by the program): judge by what was written.
    if (got < 0) status_ = output_.empty() ? W_EXITCODE(kChildFailureStatus, 0) : 0;
    return true;
  }

  void read_some(std::chrono::milliseconds left) {
    if (!result_open_ && !error_open_) {
      std::this_thread::sleep_for(kReapStep);
      return;
    }
    // A process that the driver started may hold the pipes open after the child's end, so never wait long for them.
    const auto step = std::min<std::chrono::milliseconds::rep>(left.count(), 20);
    std::array<pollfd, 2> polled{pollfd{result_open_ ? result_.get() : -1, POLLIN, 0},
                                 pollfd{error_open_ ? error_.get() : -1, POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(step)) <= 0) return;
    if (polled[0].revents != 0) result_open_ = drain(result_.get(), output_, limits_.output_bytes_max);
    if (polled[1].revents != 0) error_open_ = drain(error_.get(), errors_, kErrorBytesMax);
    if (errors_.size() > kErrorBytesMax) errors_.erase(0, errors_.size() - kErrorTailBytes);
  }

  Result<std::string, ChildFailure> kill_as(ChildEnd end, const std::string& why) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    const auto deadline = Clock::now() + kKillWait;
    while (!reap()) {
      if (Clock::now() > deadline) {
        return fail(
            ChildFailure{ChildEnd::Stuck, SIGKILL,
                         why + ", and the process cannot be killed: it is held inside the kernel" + tail_of(errors_)});
      }
      std::this_thread::sleep_for(kReapStep);
    }
    return fail(ChildFailure{end, SIGKILL, why + tail_of(errors_)});
  }

  Result<std::string, ChildFailure> judge() {
    if (WIFSIGNALED(status_)) {
      const int number = WTERMSIG(status_);
      return fail(
          ChildFailure{ChildEnd::Crashed, number,
                       fmt::format("ended by signal {} ({}){}", number, ::strsignal(number), tail_of(errors_))});
    }
    if (is_too_long()) return fail(ChildFailure{ChildEnd::OutputTooLong, 0, too_long_text()});
    const int code = WEXITSTATUS(status_);
    if (code != 0) {
      return fail(ChildFailure{ChildEnd::Failed, code, fmt::format("ended with status {}{}", code, tail_of(errors_))});
    }
    return std::move(output_);
  }

  pid_t pid_;
  Fd result_;
  Fd error_;
  ChildLimits limits_;
  std::string output_;
  std::string errors_;
  bool result_open_ = true;
  bool error_open_ = true;
  int status_ = 0;
};

template <class ChildMain>
Result<std::string, ChildFailure> spawn(const ChildMain& child_main, const ChildLimits& limits) {
  auto result = make_pipe();
  auto error = make_pipe();
  if (!result || !error) return fail(start_failure("pipe"));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(start_failure("fork"));
  if (pid == 0) {
    enter_child(parent, result->write.get(), error->write.get());
    ::_exit(child_main());
  }
  result->write.reset();
  error->write.reset();
  return Supervisor(pid, std::move(result->read), std::move(error->read), limits).wait();
}

}  // namespace

Result<std::string, ChildFailure> run_in_child(const std::function<std::string()>& work, const ChildLimits& limits) {
  return spawn(
      [&work] {
        try {
          return write_all(kResultFd, work()) ? 0 : kChildFailureStatus;
        } catch (const std::exception& e) {
          write_all(STDERR_FILENO, e.what());
        } catch (...) {
          write_all(STDERR_FILENO, "unknown exception");
        }
        return kChildFailureStatus;
      },
      limits);
}

Result<std::string, ChildFailure> run_program(const std::vector<std::string>& argv, const ChildLimits& limits) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  return spawn(
      [&arguments] {
        ::dup2(kResultFd, STDOUT_FILENO);
        ::close(kResultFd);
        ::execv(arguments[0], arguments.data());
        return kExecFailureStatus;
      },
      limits);
}

}  // namespace starminer::provider::devices
