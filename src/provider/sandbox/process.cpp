#include "provider/sandbox/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <sstream>

namespace starminer::provider::sandbox {
namespace {

constexpr std::size_t kStatBytesMax = 8192;

std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

std::string read_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 128);
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

std::optional<ProcessIdentity> find_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", kStatBytesMax);
  if (!stat) return std::nullopt;
  // The name in parentheses may hold anything, so count fields from the last parenthesis; the state is field 3.
  const auto end_of_name = stat->rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(stat->substr(end_of_name + 1));
  std::string state;
  std::string skipped;
  fields >> state;
  for (int field = 4; field <= 21; ++field) fields >> skipped;
  std::uint64_t start_ticks = 0;
  if (!(fields >> start_ticks) || state == "Z" || state == "X") return std::nullopt;
  return ProcessIdentity{pid, start_ticks, read_boot_id()};
}

Fd open_process(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return Fd{};
  Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0))};
  // Checked after opening: from here on the descriptor cannot come to mean another process.
  if (!pidfd.valid() || find_process(identity.pid) != identity) return Fd{};
  return pidfd;
}

bool signal_process(const Fd& pidfd, int signal_number) {
  return pidfd.valid() && ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal_number, nullptr, 0) == 0;
}

bool wait_process(const Fd& pidfd, std::int64_t timeout_ms) {
  if (!pidfd.valid()) return true;
  const std::int64_t deadline = steady_ms() + std::max<std::int64_t>(timeout_ms, 0);
  for (;;) {
    pollfd entry{pidfd.get(), POLLIN, 0};
    const std::int64_t left = std::clamp<std::int64_t>(deadline - steady_ms(), 0, 1'000'000);
    const int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 && steady_ms() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return true;
  }
}

std::int64_t steady_ms() { return clock_ms(CLOCK_BOOTTIME); }

std::int64_t wall_clock_ms() { return clock_ms(CLOCK_REALTIME); }

}  // namespace starminer::provider::sandbox
