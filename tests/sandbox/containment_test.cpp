// The campaign of escape attempts and of taking more than a share. Every attempt is first run outside as root, to prove
// that it is real, and then inside, where it must fail; the report must name the limit it met. An attempt that this
// machine's kernel does not know at all cannot be proven here; those are counted and printed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include <gmock/gmock.h>

#include "provider/sandbox/self_check.h"
#include "sandbox/fixture.h"
#include "sandbox/outside.h"

namespace starminer::provider::sandbox {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kSucceeded = 0;
constexpr int kRefused = 10;
constexpr int kUnsupported = 11;

class Containment : public SandboxFixture {
 protected:
  void SetUp() override {
    SandboxFixture::SetUp();
    fs::create_directory(root() / "outside");
    ASSERT_EQ(::geteuid(), 0U) << "the proof that attempts are real needs root";
  }

  OutsideResult outside(const std::vector<std::string>& arguments, Pids pids = Pids::Own) {
    return run_outside({arguments, pids, RunAs::Root, root() / "outside", {}});
  }

  /// Real outside, refused inside.
  void expect_contained(const std::vector<std::string>& arguments, Pids pids = Pids::Own) {
    const OutsideResult real = outside(arguments, pids);
    EXPECT_EQ(real.exit_code, kSucceeded) << "not real outside: " << real.output;
    const std::string id = arguments.front() + "-" + std::to_string(++number_);
    const ExitReport report = run(attempt(id, arguments));
    EXPECT_THAT(report.exit_code, AnyOf(kRefused, kUnsupported)) << output_of(id) << describe(report);
  }

  int number_ = 0;
};

// Attempts that need nothing: each outside in a process of its own, then all inside one sandbox.
TEST_F(Containment, EveryPlainAttemptIsRealOutsideAndRefusedInside) {
  const ExitReport report = run(attempt("plain", {"--all"}));
  ASSERT_EQ(report.exit_code, 0) << describe(report) << errors_of("plain");
  std::istringstream lines(output_of("plain"));
  std::map<std::string, std::string> inside;
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    inside[line.substr(0, space)] = line.substr(space + 1);
  }
  ASSERT_GE(inside.size(), 90U) << "the list of attempts has shrunk";
  // Descriptors are leaked to it on purpose, so that it has something to find.
  const Fd leak{::fcntl(2, F_DUPFD, 40)};
  int unproven = 0;
  for (const auto& [name, verdict] : inside) {
    const OutsideResult real = outside({name});
    EXPECT_THAT(real.exit_code, AnyOf(kSucceeded, kUnsupported)) << name << " is not real outside: " << real.output;
    if (real.exit_code == kUnsupported) {
      ++unproven;
      std::printf("  not on this kernel: %s", real.output.c_str());
    }
    const bool contained = verdict.rfind("refused", 0) == 0 || verdict.rfind("unsupported", 0) == 0;
    EXPECT_TRUE(contained) << name << " inside: " << verdict;
  }
  std::printf("  %zu attempts contained, %d of them not provable on this kernel\n", inside.size(), unproven);
  EXPECT_LE(unproven, 20);
}

TEST_F(Containment, TheAgentsFilesCannotBeRead) {
  const fs::path key = root() / "agent.key";
  std::ofstream(key) << "secret";
  fs::create_directory(root() / "jobs" / "neighbour");
  std::ofstream(root() / "jobs" / "neighbour" / "spec.json") << "{}";
  const std::string shm = "/dev/shm/starminer-attempt-" + std::to_string(::getpid());
  std::ofstream(shm) << "x";
  expect_contained({"read-file", key.string()});
  expect_contained({"read-file", "/proc/self/root" + key.string()});
  expect_contained({"read-file", "/tmp/../../.." + key.string()});
  expect_contained({"list-folder", (root() / "jobs" / "neighbour").string()});
  expect_contained({"list-folder", (root() / "jobs").string()});
  expect_contained({"read-file", shm});
  expect_contained({"create-file", (root() / "planted").string()});
  expect_contained({"create-file", "/var/tmp/starminer-attempt-planted"});
  fs::remove(shm);
  fs::remove_all(root() / "jobs" / "neighbour");
}

TEST_F(Containment, InputsAndTheSandboxsOwnProgramCannotBeChanged) {
  const fs::path inputs = root() / "inputs";
  fs::create_directory(inputs);
  std::ofstream(inputs / "data") << "x";
  SandboxSpec spec = attempt("inputs", {"create-file", "/job/in/planted"});
  spec.inputs = inputs;
  EXPECT_EQ(run(spec).exit_code, kRefused) << output_of("inputs");
  EXPECT_EQ(outside({"create-file", (inputs / "planted").string()}).exit_code, kSucceeded);
  EXPECT_EQ(run(shell("init", "echo x > /.starminer-init")).exit_code, 2);
  EXPECT_THAT(errors_of("init"), HasSubstr("Read-only file system"));
}

TEST_F(Containment, ASetuidProgramGivesNothing) {
  const fs::path program = root() / "setuid-attempts";
  fs::copy_file(fs::path(STARMINER_BIN_DIR) / "starminer-attempts", program);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  fs::permissions(root(), fs::perms::others_exec | fs::perms::others_read, fs::perm_options::add);
  const OutsideResult real =
      run_outside({{"setuid-program", program.string()}, Pids::Own, RunAs::Nobody, "/", program});
  EXPECT_EQ(real.exit_code, kSucceeded) << real.output;
  SandboxSpec spec = attempt("setuid", {"setuid-program", "/opt/setuid-attempts"});
  spec.binds.push_back({program, "/opt/setuid-attempts"});
  EXPECT_EQ(run(spec).exit_code, kRefused) << output_of("setuid");
}

TEST_F(Containment, NothingOfTheHostOrANeighbourIsVisible) {
  ::setenv("STARMINER_TEST_SECRET", "x", 1);
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof host - 1), 0);
  const int shared = ::shmget(0x5713, 4096, IPC_CREAT | 0666);
  ASSERT_GE(shared, 0);
  auto neighbour = sandbox().start(shell("neighbour", "sleep 44771"));
  ASSERT_TRUE(neighbour) << neighbour.error().text;
  expect_contained({"see-environment", "STARMINER_TEST_SECRET"});
  expect_contained({"see-host-name", host}, Pids::Host);
  expect_contained({"attach-shared-memory", std::to_string(0x5713)}, Pids::Host);
  expect_contained({"see-process", "sleep 44771"}, Pids::Host);
  expect_contained({"see-process", "starminer-supervisor"}, Pids::Host);
  expect_contained({"signal-process", std::to_string(::getpid())}, Pids::Host);
  expect_contained({"signal-process", std::to_string(neighbour->identity().pid)}, Pids::Host);
  neighbour->request_kill();
  EXPECT_TRUE(neighbour->wait(10'000));
  ::shmctl(shared, IPC_RMID, nullptr);
}

// A listener on the host, for the attempts to reach.
class Listener {
 public:
  Listener(int family, int type, const sockaddr* address, socklen_t length)
      : socket_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    ready_ = ::bind(socket_.get(), address, length) == 0 && (type == SOCK_DGRAM || ::listen(socket_.get(), 16) == 0);
  }
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::string port() const {
    sockaddr_in6 address{};
    socklen_t length = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return std::to_string(ntohs(address.sin6_port));  // at the same place in both families
  }

 private:
  Fd socket_;
  bool ready_ = false;
};

TEST_F(Containment, NoAddressOfTheHostCanBeReached) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Listener tcp(AF_INET, SOCK_STREAM, reinterpret_cast<sockaddr*>(&ipv4), sizeof ipv4);
  const Listener udp(AF_INET, SOCK_DGRAM, reinterpret_cast<sockaddr*>(&ipv4), sizeof ipv4);
  ASSERT_TRUE(tcp.ready() && udp.ready());
  expect_contained({"tcp-connect", "127.0.0.1", tcp.port()});
  expect_contained({"udp-send", "127.0.0.1", udp.port()});
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  const Listener tcp6(AF_INET6, SOCK_STREAM, reinterpret_cast<sockaddr*>(&ipv6), sizeof ipv6);
  if (tcp6.ready()) expect_contained({"tcp6-connect", "::1", tcp6.port()});
}

TEST_F(Containment, NoLocalSocketOfTheHostCanBeReached) {
  const std::string path = (root() / "agent.socket").string();
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof named.sun_path);
  std::memcpy(named.sun_path, path.data(), path.size());
  const Listener by_path(AF_UNIX, SOCK_STREAM, reinterpret_cast<sockaddr*>(&named), sizeof named);
  const std::string name = "starminer-attempt-" + std::to_string(::getpid());
  sockaddr_un hidden{};
  hidden.sun_family = AF_UNIX;
  std::memcpy(hidden.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const Listener by_name(AF_UNIX, SOCK_STREAM, reinterpret_cast<sockaddr*>(&hidden), length);
  ASSERT_TRUE(by_path.ready() && by_name.ready());
  expect_contained({"unix-connect", path});
  expect_contained({"abstract-connect", name});
}

struct Bomb {
  const char* name;
  std::vector<std::string> outside;
  std::vector<std::string> inside;
  LimitHit limit;
  std::function<void(Limits&)> adjust = {};
};

// Limits inside: 64 MiB of memory, 32 processes, 8 MiB of output and of scratch, 100 output files.
std::vector<Bomb> bombs(const std::string& folder) {
  const auto same = [](std::vector<std::string> words) { return words; };
  const auto roomy = [](Limits& limits) { limits.open_files = 20'000; };
  const auto large_disks = [](Limits& limits) {
    limits.memory_bytes = 128ULL << 20U;
    limits.output_bytes = limits.scratch_bytes = 80ULL << 20U;
  };
  return {
      {"fork", {"fork-bomb", "40"}, same({"fork-bomb", "40"}), LimitHit::Processes},
      {"thread", {"thread-bomb", "40"}, same({"thread-bomb", "40"}), LimitHit::Processes},
      {"zombie", {"zombie-bomb", "40"}, same({"zombie-bomb", "40"}), LimitHit::Processes},
      {"heap", {"heap", "96"}, same({"heap", "96"}), LimitHit::Memory},
      {"heap-in-children", {"heap-in-children", "96"}, same({"heap-in-children", "96"}), LimitHit::Memory},
      {"shared-memory", {"shared-memory", "96"}, same({"shared-memory", "96"}), LimitHit::Memory},
      {"memory-file", {"memory-file", "96"}, same({"memory-file", "96"}), LimitHit::Memory},
      {"system-v", {"system-v-memory", "96"}, same({"system-v-memory", "96"}), LimitHit::Memory},
      {"stack", {"stack", "96"}, same({"stack", "96"}), LimitHit::Memory},
      {"sockets", {"socket-buffers", "96"}, same({"socket-buffers", "96"}), LimitHit::Memory, roomy},
      {"shm-file", {"fill-disk", "/dev/shm", "96"}, {"fill-disk", "/dev/shm", "96"}, LimitHit::Memory},
      {"output", {"fill-disk", folder, "10"}, {"fill-disk", "/job/out", "10"}, LimitHit::Output},
      {"scratch", {"fill-disk", folder, "10"}, {"fill-disk", "/job/scratch", "10"}, LimitHit::Scratch},
      {"temporary", {"fill-disk", folder, "10"}, {"fill-disk", "/tmp", "10"}, LimitHit::Scratch},
      {"output-image", {"fill-disk", folder, "90"}, {"fill-disk", "/job/out", "90"}, LimitHit::Output, large_disks},
      {"scratch-image", {"fill-disk", folder, "90"}, {"fill-disk", "/tmp", "90"}, LimitHit::Scratch, large_disks},
      {"output-files", {"many-files", folder, "400"}, {"many-files", "/job/out", "400"}, LimitHit::Output},
      {"output-image-files",
       {"many-files", folder, "400"},
       {"many-files", "/job/out", "400"},
       LimitHit::Output,
       large_disks},
      {"scratch-files", {"many-files", folder, "5000"}, {"many-files", "/tmp", "5000"}, LimitHit::Scratch},
      {"open-files",
       {"open-files", "300"},
       same({"open-files", "300"}),
       LimitHit::None,
       [](Limits& limits) { limits.open_files = 128; }},
  };
}

TEST_F(Containment, EveryBombMeetsItsLimit) {
  for (const Bomb& bomb : bombs((root() / "outside").string())) {
    SCOPED_TRACE(bomb.name);
    const OutsideResult real = outside(bomb.outside);
    EXPECT_EQ(real.exit_code, kSucceeded) << "not real outside: " << real.output;
    fs::remove_all(root() / "outside");
    fs::create_directory(root() / "outside");
    ::unlink("/dev/shm/attempt-fill");
    SandboxSpec spec = attempt(bomb.name, bomb.inside);
    if (bomb.adjust) bomb.adjust(spec.limits);
    const ExitReport report = run(spec);
    EXPECT_FALSE(report.end == EndKind::Exited && report.exit_code == 0) << "it took all it wanted";
    EXPECT_EQ(report.limit, bomb.limit) << describe(report) << " " << output_of(bomb.name);
    EXPECT_LE(report.memory_peak_bytes, spec.limits.memory_bytes);
    EXPECT_LE(report.processes_peak, spec.limits.processes);
    const bool image = spec.limits.output_bytes > (64ULL << 20U);
    EXPECT_EQ(report.output_disk, image ? DiskKind::LoopImage : DiskKind::Tmpfs);
    EXPECT_TRUE(sandbox().remove_job(bomb.name));
  }
}

// Bytes in pipes are bounded by the kernel per user before the memory limit is met.
TEST_F(Containment, PipesHoldAtMostTheMemoryLimit) {
  EXPECT_EQ(outside({"pipe-buffers", "96"}).exit_code, kSucceeded);
  const ExitReport report = run(attempt("pipes", {"pipe-buffers", "96"}));
  EXPECT_FALSE(report.end == EndKind::Exited && report.exit_code == 0) << describe(report);
  EXPECT_LE(report.memory_peak_bytes, 64ULL << 20U);
}

// The agent and the neighbour live on while a job takes all it can.
TEST_F(Containment, AMemoryBombDoesNotTouchItsNeighbour) {
  auto neighbour = sandbox().start(shell("neighbour", "sleep 2; echo fine > /job/out/fine"));
  ASSERT_TRUE(neighbour) << neighbour.error().text;
  for (int round = 0; round < 5; ++round) {
    const ExitReport report = run(attempt("bomb" + std::to_string(round), {"heap", "96"}));
    EXPECT_EQ(report.end, EndKind::LimitEnded) << describe(report);
    EXPECT_EQ(report.limit, LimitHit::Memory) << describe(report);
  }
  const auto ended = neighbour->wait(60'000);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((*ended)->exit_code, 0);
  EXPECT_EQ((*ended)->output_files, 1U);
}

TEST_F(Containment, AFloodOfLogIsCutAndReported) {
  const OutsideResult real = outside({"flood-log", "2"});
  EXPECT_EQ(real.exit_code, kSucceeded);
  const ExitReport report = run(attempt("flood", {"flood-log", "2"}));
  EXPECT_EQ(report.exit_code, 0) << "a job may print; what is too much is dropped";
  EXPECT_EQ(report.limit, LimitHit::Log) << describe(report);
  EXPECT_EQ(output_of("flood").size(), 64U << 10U);
  EXPECT_GE(report.log_bytes_dropped, (2U << 20U) - (64U << 10U));
}

TEST_F(Containment, AnEndlessFloodEndsWithItsTime) {
  SandboxSpec spec = shell("endless", "yes");
  spec.limits.wall_ms = 700;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.end, EndKind::LimitEnded) << describe(report);
  EXPECT_EQ(report.limit, LimitHit::WallTime);
  EXPECT_THAT(report.limits_met, ::testing::Contains(LimitHit::Log));
}

TEST_F(Containment, AJobThatIgnoresSignalsEndsWithItsTime) {
  const pid_t real = start_outside({{"ignore-signals", "60"}, Pids::Host, RunAs::Root, "/", {}});
  ::usleep(300'000);
  ::kill(real, SIGTERM);
  ::usleep(100'000);
  EXPECT_EQ(::waitpid(real, nullptr, WNOHANG), 0) << "it did not ignore TERM outside";
  ::kill(real, SIGKILL);
  ::waitpid(real, nullptr, 0);

  SandboxSpec spec = attempt("ignore", {"ignore-signals", "60"});
  spec.limits.wall_ms = 500;
  spec.limits.term_grace_ms = 300;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.end, EndKind::LimitEnded) << describe(report);
  EXPECT_EQ(report.limit, LimitHit::WallTime);
  EXPECT_TRUE(report.killed);
  EXPECT_GE(report.wall_ms, 800U);
}

TEST_F(Containment, AStoppedJobEndsWithItsTime) {
  SandboxSpec spec = attempt("stopped", {"stop-itself"});
  spec.limits.wall_ms = 500;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.end, EndKind::LimitEnded) << describe(report);
  EXPECT_EQ(report.limit, LimitHit::WallTime);
}

TEST_F(Containment, CpuTimeIsALimitToo) {
  SandboxSpec spec = attempt("cpu-time", {"burn-cpu", "1", "60"});
  spec.limits.cpu_time_ms = 300;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.end, EndKind::LimitEnded) << describe(report);
  EXPECT_EQ(report.limit, LimitHit::CpuTime);
}

TEST_F(Containment, ProcessorTimeStaysWithinTheShare) {
  SandboxSpec spec = attempt("share", {"burn-cpu", "4", "2"});
  spec.limits.cpu_milli = 200;
  const ExitReport report = run(spec);
  EXPECT_EQ(report.exit_code, 0) << describe(report);
  // One period of 100 ms of the quota may be used at each end.
  EXPECT_LE(report.cpu_ms, report.wall_ms * 200 / 1000 + 60) << "in " << report.wall_ms << " ms";
  // Outside, the same program uses more than that share of its two seconds; a busy machine may take a few tries to show
  // it.
  constexpr unsigned long kShareOfTwoSeconds = 400;
  unsigned long unlimited = 0;
  for (int i = 0; i < 10 && unlimited <= kShareOfTwoSeconds; ++i) {
    const OutsideResult real = outside({"burn-cpu", "4", "2"});
    ASSERT_THAT(real.output, HasSubstr("succeeded"));
    unlimited = std::strtoul(real.output.c_str() + real.output.rfind("succeeded") + 9, nullptr, 10);
  }
  EXPECT_GT(unlimited, kShareOfTwoSeconds) << "burning is not real outside";
}

// Leaving the session, the process group and the parent does not leave the job. The number of seconds on the command
// line marks the processes, another one inside than outside. One look may miss a process that forks ahead of it, so
// there are many looks.
TEST_F(Containment, NothingOutlivesTheJob) {
  struct Way {
    const char* name;
    const char* seconds_outside;
    const char* seconds_inside;
  };
  for (const Way& way : {Way{"outlive", "20017", "20018"}, Way{"run-away", "5", "4"}}) {
    SCOPED_TRACE(way.name);
    const auto marker = [&way](const char* seconds) { return std::string(way.name) + '\0' + seconds; };
    const pid_t real = start_outside({{way.name, way.seconds_outside}, Pids::Host, RunAs::Root, "/", {}});
    ::waitpid(real, nullptr, 0);
    EXPECT_TRUE(eventually([&] { return !find_processes(marker(way.seconds_outside)).empty(); }))
        << "it did not outlive its parent outside";
    const ExitReport report = run(attempt(way.name, {way.name, way.seconds_inside}));
    EXPECT_EQ(report.end, EndKind::Exited) << describe(report);
    for (int look = 0; look < 50; ++look) {
      ASSERT_TRUE(find_processes(marker(way.seconds_inside)).empty()) << "something outlived the job, look " << look;
    }
    EXPECT_TRUE(eventually([&] {
      for (const pid_t pid : find_processes(marker(way.seconds_outside))) ::kill(pid, SIGKILL);
      return find_processes(marker(way.seconds_outside)).empty();
    }));
  }
}

TEST_F(Containment, TheSelfTestPassesHere) {
  const auto results = self_test(sandbox());
  for (const SelfTestResult& row : results) EXPECT_TRUE(row.passed) << row.name << ": " << row.detail;
  EXPECT_GE(results.size(), 100U);
  EXPECT_TRUE(all_passed(results));
  EXPECT_THAT(sandbox().list_jobs(), ::testing::IsEmpty());
}

// A self-test that cannot fail would be none: here a program that always succeeds stands in for the attempts.
TEST_F(Containment, TheSelfTestFailsWhereAnAttemptSucceeds) {
  const fs::path program = root() / "always";
  std::ofstream(program) << "#!/bin/sh\n[ \"$1\" = --all ] && echo 'read-shadow succeeded root:x'\nexit 0\n";
  fs::permissions(program, fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  SandboxOptions other = options();
  other.attempts_path = program;
  auto sandbox_with_hole = Sandbox::open(other);
  ASSERT_TRUE(sandbox_with_hole);
  const auto results = self_test(*sandbox_with_hole);
  EXPECT_FALSE(all_passed(results));
  for (const SelfTestResult& row : results) EXPECT_FALSE(row.passed) << row.name << ": " << row.detail;
}

// Only the devices that the job leased are there.
TEST_F(Containment, OnlyNamedDevicesAreVisible) {
  fs::path device;
  for (const char* candidate : {"/dev/fuse", "/dev/net/tun", "/dev/hwrng", "/dev/rtc0", "/dev/loop-control"}) {
    if (device.empty() && fs::exists(candidate)) device = candidate;
  }
  ASSERT_FALSE(device.empty()) << "this machine has none of the devices the test knows";
  const std::string look = "test -c " + device.string();
  EXPECT_EQ(run(shell("without", look)).exit_code, 1);
  SandboxSpec spec = shell("with", look);
  spec.devices = {device};
  const ExitReport report = run(spec);
  EXPECT_EQ(report.exit_code, 0) << describe(report);
}

}  // namespace
}  // namespace starminer::provider::sandbox
