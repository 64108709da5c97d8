// A job on the screen while it is followed: lasting lines for what has happened, one redrawn line for what is going on.
// Pure rendering of news; time is given. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/job_feed.h"
#include "terminal/progress.h"
#include "terminal/terminal.h"

namespace starminer::cli {

class RunView {
 public:
  RunView(const terminal::Terminal& terminal, std::string node_url)
      : terminal_(terminal), node_url_(std::move(node_url)) {}

  /// Prints what is new. `node` is the node's name where it is known, else empty.
  void show(const JobNews& news, const std::string& node);
  /// Redraws; call at least every half second. `silence`: how long the node has not answered.
  void tick(std::chrono::milliseconds silence);
  /// A contract of this job that ended without being the last.
  void show_lost_attempt(const nlohmann::json& contract);
  /// Prints a text above the redrawn line: log lines of the job.
  void print(const std::string& text);
  /// Takes the redrawn line away.
  void clear();

 private:
  enum class Stage { Unknown, Queued, Assigned, Preparing, Running, Delivered, Ended };

  void enter(Stage stage);
  void start_spinner();
  void draw_running();
  void announce_match(const std::string& node);
  [[nodiscard]] std::string waiting_text() const;
  [[nodiscard]] std::string running_note() const;
  [[nodiscard]] std::uint64_t run_ms() const;

  terminal::Terminal terminal_;
  std::string node_url_;
  JobNews news_;
  Stage stage_ = Stage::Unknown;
  std::string contract_;
  std::chrono::steady_clock::time_point progress_at_;
  std::unique_ptr<terminal::Spinner> spinner_;
  std::unique_ptr<terminal::ProgressBar> bar_;
  bool was_silent_ = false;
};

/// What a contract has cost after so long a run, in base units.
[[nodiscard]] std::uint64_t cost_so_far(const nlohmann::json& contract, std::uint64_t run_ms);

}  // namespace starminer::cli
