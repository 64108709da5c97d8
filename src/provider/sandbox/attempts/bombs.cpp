// Taking more than a job's share. Every attempt has an upper bound as its argument: it ends when that much was taken,
// which is success, so that outside it proves itself without harm.
#include <alloca.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

constexpr std::size_t kMegabyte = 1U << 20U;

std::size_t number(const Arguments& arguments, std::size_t at) {
  return at < arguments.size() ? std::strtoul(arguments[at].c_str(), nullptr, 10) : 0;
}

void sleep_seconds(std::size_t seconds) {
  timespec left{static_cast<time_t>(seconds), 0};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

Verdict count_verdict(std::size_t reached, std::size_t wanted) {
  const int error = errno;
  explain(std::to_string(reached) + " of " + std::to_string(wanted) +
          (reached < wanted ? std::string(": ") + std::strerror(error) : ""));
  return reached >= wanted ? Verdict::Succeeded : Verdict::Refused;
}

void end_children(const std::vector<pid_t>& children) {
  for (const pid_t child : children) ::kill(child, SIGKILL);
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
}

Verdict fork_bomb(const Arguments& arguments) {
  const std::size_t wanted = number(arguments, 0);
  std::vector<pid_t> children;
  int error = 0;
  while (children.size() < wanted) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    if (child < 0) {
      error = errno;
      break;
    }
    children.push_back(child);
  }
  end_children(children);
  errno = error;
  return count_verdict(children.size(), wanted);
}

void* wait_forever(void*) {
  for (;;) ::pause();
}

Verdict thread_bomb(const Arguments& arguments) {
  const std::size_t wanted = number(arguments, 0);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 64U << 10U);
  std::size_t started = 0;
  for (pthread_t thread = 0; started < wanted; ++started) {
    errno = ::pthread_create(&thread, &attributes, wait_forever, nullptr);
    if (errno != 0) break;
  }
  return count_verdict(started, wanted);
}

Verdict zombie_bomb(const Arguments& arguments) {
  const std::size_t wanted = number(arguments, 0);
  std::vector<pid_t> children;
  int error = 0;
  while (children.size() < wanted) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    if (child < 0) {
      error = errno;
      break;
    }
    children.push_back(child);
  }
  end_children(children);
  errno = error;
  return count_verdict(children.size(), wanted);
}

void touch(char* memory, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
}

Verdict map_and_touch(std::size_t bytes, int flags, int fd) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) return judge(false);
  touch(static_cast<char*>(memory), bytes);
  return Verdict::Succeeded;
}

Verdict heap(const Arguments& arguments) {
  return map_and_touch(number(arguments, 0) * kMegabyte, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}
Verdict shared_memory(const Arguments& arguments) {
  return map_and_touch(number(arguments, 0) * kMegabyte, MAP_SHARED | MAP_ANONYMOUS, -1);
}

// Each child stays below what one process may seem to be allowed.
Verdict heap_in_children(const Arguments& arguments) {
  constexpr std::size_t kChildren = 4;
  int ready[2];
  if (::pipe(ready) != 0) return judge(false);
  std::vector<pid_t> children;
  for (std::size_t child = 0; child < kChildren; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const bool taken = map_and_touch(number(arguments, 0) * kMegabyte / kChildren, MAP_PRIVATE | MAP_ANONYMOUS, -1) ==
                         Verdict::Succeeded;
      if (taken && ::write(ready[1], "x", 1) == 1) {
        for (;;) ::pause();
      }
      ::_exit(1);
    }
    if (pid > 0) children.push_back(pid);
  }
  ::close(ready[1]);
  // Until all have said so, or one of them was ended for it.
  std::size_t taken = 0;
  while (taken < kChildren && ::waitpid(-1, nullptr, WNOHANG) == 0) {
    pollfd entry{ready[0], POLLIN, 0};
    char byte = 0;
    if (::poll(&entry, 1, 50) == 1 && ::read(ready[0], &byte, 1) == 1) ++taken;
  }
  end_children(children);
  return count_verdict(taken, kChildren);
}

Verdict memory_file(const Arguments& arguments) {
  const std::size_t bytes = number(arguments, 0) * kMegabyte;
  const int fd = ::memfd_create("attempt", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return judge(false);
  return map_and_touch(bytes, MAP_SHARED, fd);
}

Verdict system_v_memory(const Arguments& arguments) {
  const std::size_t bytes = number(arguments, 0) * kMegabyte;
  const int id = ::shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id < 0) return judge(false);
  void* memory = ::shmat(id, nullptr, 0);
  ::shmctl(id, IPC_RMID, nullptr);
  if (memory == reinterpret_cast<void*>(-1)) return judge(false);
  touch(static_cast<char*>(memory), bytes);
  return Verdict::Succeeded;
}

void* use_stack(void* bytes) {
  const std::size_t size = *static_cast<std::size_t*>(bytes) - kMegabyte;
  auto* const memory = static_cast<volatile char*>(::alloca(size));
  for (std::size_t at = size; at > 4096; at -= 4096) memory[at - 1] = 1;  // downwards, as a stack grows
  return nullptr;
}

Verdict stack(const Arguments& arguments) {
  std::size_t bytes = (number(arguments, 0) + 2) * kMegabyte;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, bytes);
  pthread_t thread = 0;
  errno = ::pthread_create(&thread, &attributes, use_stack, &bytes);
  if (errno != 0) return judge(false);
  ::pthread_join(thread, nullptr);
  return Verdict::Succeeded;
}

// Kernel memory: bytes that wait in pipes and sockets belong to no page table.
Verdict fill_pairs(std::size_t bytes, bool sockets) {
  static char block[64U << 10U];
  std::size_t taken = 0;
  while (taken < bytes) {
    int ends[2];
    if (sockets ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 : ::pipe(ends) != 0) break;
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    if (!sockets) ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    for (;;) {
      const ssize_t count = ::write(ends[1], block, sizeof block);
      if (count <= 0) break;
      taken += static_cast<std::size_t>(count);
    }
  }
  return count_verdict(taken / kMegabyte, bytes / kMegabyte);
}

Verdict pipe_buffers(const Arguments& arguments) { return fill_pairs(number(arguments, 0) * kMegabyte, false); }
Verdict socket_buffers(const Arguments& arguments) { return fill_pairs(number(arguments, 0) * kMegabyte, true); }

Verdict fill_disk(const Arguments& arguments) {
  if (arguments.size() < 2) return Verdict::Misused;
  const std::size_t wanted = number(arguments, 1);
  const std::vector<char> block(kMegabyte, 'x');
  const int fd = ::open((arguments[0] + "/attempt-fill").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return judge(false);
  std::size_t written = 0;
  while (written < wanted * kMegabyte) {
    const ssize_t count = ::write(fd, block.data(), block.size());
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return count_verdict(written / kMegabyte, wanted);
}

Verdict many_files(const Arguments& arguments) {
  if (arguments.size() < 2) return Verdict::Misused;
  const std::size_t wanted = number(arguments, 1);
  std::size_t made = 0;
  for (; made < wanted; ++made) {
    const int fd = ::open((arguments[0] + "/f" + std::to_string(made)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) break;
    ::close(fd);
  }
  return count_verdict(made, wanted);
}

Verdict flood_log(const Arguments& arguments) {
  const std::size_t wanted = number(arguments, 0) * kMegabyte;
  const std::string block(64U << 10U, 'x');
  std::size_t written = 0;
  while (written < wanted) {
    const ssize_t count = ::write(1, block.data(), block.size());
    if (count <= 0) return judge(false);
    written += static_cast<std::size_t>(count);
  }
  return Verdict::Succeeded;
}

Verdict open_files(const Arguments& arguments) {
  const std::size_t wanted = number(arguments, 0);
  std::size_t opened = 0;
  while (opened < wanted && ::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) ++opened;
  return count_verdict(opened, wanted);
}

Verdict ignore_signals(const Arguments& arguments) {
  for (int signal_number = 1; signal_number < NSIG; ++signal_number) ::signal(signal_number, SIG_IGN);
  if (::write(1, "ready\n", 6) != 6) return judge(false);
  sleep_seconds(number(arguments, 0));
  return Verdict::Succeeded;
}

// Leaves the process group, the session and the parent, as a daemon does. The marker is on the command line.
Verdict outlive(const Arguments& arguments) {
  const std::size_t seconds = number(arguments, 0);
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      for (int signal_number = 1; signal_number < NSIG; ++signal_number) ::signal(signal_number, SIG_IGN);
      for (int fd = 0; fd < 3; ++fd) ::close(fd);
      sleep_seconds(seconds);
    }
    ::_exit(0);
  }
  ::wait(nullptr);
  return Verdict::Succeeded;
}

Verdict stop_itself(const Arguments&) {
  if (::write(1, "ready\n", 6) != 6) return judge(false);
  ::raise(SIGSTOP);
  return Verdict::Succeeded;
}

// Forks ahead of whoever kills: each process of the chain lives for a moment only, long enough to be seen.
Verdict run_away(const Arguments& arguments) {
  const time_t end = ::time(nullptr) + static_cast<time_t>(number(arguments, 0));
  ::signal(SIGTERM, SIG_IGN);
  while (::time(nullptr) < end) {
    const pid_t child = ::fork();
    if (child > 0) ::_exit(0);
    if (child == 0) ::setsid();
    const timespec moment{0, 20'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return Verdict::Succeeded;
}

void* burn(void* end) {
  volatile std::uint64_t turns = 0;
  while (::time(nullptr) < *static_cast<time_t*>(end)) {
    for (int turn = 0; turn < 100'000; ++turn) turns = turns + 1;
  }
  return nullptr;
}

Verdict burn_cpu(const Arguments& arguments) {
  time_t end = ::time(nullptr) + static_cast<time_t>(number(arguments, 1)) + 1;
  for (std::size_t thread = 1; thread < number(arguments, 0); ++thread) {
    pthread_t handle = 0;
    ::pthread_create(&handle, nullptr, burn, &end);
  }
  burn(&end);
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  explain(std::to_string(used.tv_sec * 1000 + used.tv_nsec / 1'000'000) + " ms");
  return Verdict::Succeeded;
}

}  // namespace

std::vector<Attempt> bomb_attempts() {
  constexpr Needs kSize = Needs::Input;
  return {
      {"fork-bomb", kSize, "hold N processes", fork_bomb},
      {"thread-bomb", kSize, "hold N threads", thread_bomb},
      {"zombie-bomb", kSize, "hold N dead processes", zombie_bomb},
      {"heap", kSize, "hold N MiB", heap},
      {"heap-in-children", kSize, "hold N MiB in four processes", heap_in_children},
      {"shared-memory", kSize, "hold N MiB of shared memory", shared_memory},
      {"memory-file", kSize, "hold N MiB in an anonymous file", memory_file},
      {"system-v-memory", kSize, "hold N MiB of System V memory", system_v_memory},
      {"stack", kSize, "hold N MiB of stack", stack},
      {"pipe-buffers", kSize, "hold N MiB in pipes", pipe_buffers},
      {"socket-buffers", kSize, "hold N MiB in sockets", socket_buffers},
      {"fill-disk", kSize, "write N MiB below PATH", fill_disk},
      {"many-files", kSize, "make N files below PATH", many_files},
      {"flood-log", kSize, "print N MiB", flood_log},
      {"open-files", kSize, "hold N open files", open_files},
      {"ignore-signals", kSize, "ignore every signal for N seconds", ignore_signals},
      {"outlive", kSize, "leave a process behind for N seconds", outlive},
      {"run-away", kSize, "fork ahead of the kill for N seconds", run_away},
      {"stop-itself", kSize, "stop, so that no signal is handled", stop_itself},
      {"burn-cpu", kSize, "burn N threads for M seconds", burn_cpu},
  };
}

}  // namespace starminer::provider::sandbox::attempts
