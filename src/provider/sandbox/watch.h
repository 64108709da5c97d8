// Watching one launched job until nothing of it runs: logs, time and CPU limits, requests to stop, samples of what it
// used. Used by the supervisor only; single-threaded.
#pragma once

#include <optional>
#include <string>

#include "provider/sandbox/cgroup.h"
#include "provider/sandbox/launch.h"
#include "provider/sandbox/log_pump.h"
#include "provider/sandbox/report.h"
#include "provider/sandbox/spec.h"
#include "provider/sandbox/stage.h"

namespace starminer::provider::sandbox {

class Watch {
 public:
  /// The signals SIGCHLD, SIGTERM, SIGINT and SIGUSR1 must be blocked.
  Watch(const Limits& limits, const Stage& stage, const Cgroup& cgroup, pid_t bwrap, Fd report, LogPump standard_output,
        LogPump standard_error);

  /// Waits for starminer-sandbox-init's word. Fails with SetupFailed, with what bubblewrap or it said.
  [[nodiscard]] SandboxResult<void> await_start();

  /// Runs until the job has ended and all of it is gone.
  void run();

  /// Everything but what concerns collected outputs.
  [[nodiscard]] ExitReport make_report() const;

 private:
  void wait_events(std::int64_t until_ms);
  void read_signals();
  void read_report();
  void reap();
  void sample();
  void begin_end(LimitHit limit);
  void end_now();
  void enforce();
  void drain_logs();

  const Limits& limits_;
  const Stage& stage_;
  const Cgroup& cgroup_;
  pid_t bwrap_;
  Fd report_;
  LogPump standard_output_;
  LogPump standard_error_;
  Fd signals_;
  std::string report_text_;
  std::string trouble_;
  std::optional<int> status_;
  std::int64_t started_ms_ = 0;
  std::int64_t started_unix_ms_ = 0;
  std::int64_t ended_ms_ = 0;
  std::int64_t sampled_ms_ = 0;
  std::int64_t kill_at_ms_ = -1;
  bool stop_requested_ = false;
  bool kill_requested_ = false;
  bool killed_ = false;
  bool output_full_ = false;
  bool scratch_full_ = false;
  LimitHit ended_by_ = LimitHit::None;
  CgroupUsage usage_;
  std::uint64_t memory_peak_ = 0;
  std::uint64_t processes_peak_ = 0;
};

}  // namespace starminer::provider::sandbox
