// Progress of long work: a bar for known totals (bytes or steps), a spinner for unknown ones. On a terminal they redraw
// one line; elsewhere they print a plain line at most every ten seconds and one at the end, so logs stay short and
// nothing waits in silence. For one thread; the destructor ends the line if finish was not called.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "terminal/terminal.h"

namespace starminer::terminal {

/// Injected, so that tests decide when time passes.
using ProgressClock = std::function<std::chrono::steady_clock::time_point()>;

/// The redrawn line that bar and spinner share.
class ProgressLine {
 public:
  ProgressLine(const Terminal& terminal, ProgressClock clock);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// True if it is time to show something again.
  [[nodiscard]] bool due() const;
  void show(const std::string& text);
  /// Replaces the redrawn line by a lasting one.
  void finish(const std::string& text);
  /// Takes the redrawn line away, so that other output can be printed; the next show draws it again.
  void clear();

  [[nodiscard]] const Terminal& terminal() const { return terminal_; }
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

 private:
  Terminal terminal_;
  ProgressClock clock_;
  std::chrono::steady_clock::time_point started_;
  std::optional<std::chrono::steady_clock::time_point> shown_;
  bool drawn_ = false;
};

enum class ProgressUnit : std::uint8_t { Bytes, Steps };

class ProgressBar {
 public:
  /// `total` 0 means unknown: the bar shows what is done without a share.
  ProgressBar(const Terminal& terminal, std::string label, std::uint64_t total, ProgressUnit unit,
              ProgressClock clock = std::chrono::steady_clock::now);

  /// `done` may exceed the total or fall; `note` is foreign text behind the bar ("loss 1.83") and is sanitised.
  void update(std::uint64_t done, std::string_view note = {});
  void set_total(std::uint64_t total) { total_ = total; }
  /// Ends with "label  12.4 MB in 3.1 s", or with `text` instead if given.
  void finish(std::string_view text = {});
  /// See ProgressLine::clear.
  void clear() { line_.clear(); }

 private:
  [[nodiscard]] std::string amount(std::uint64_t n) const;
  [[nodiscard]] std::string drawn(std::string_view note) const;
  [[nodiscard]] std::string plain(std::string_view note) const;

  ProgressLine line_;
  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  ProgressUnit unit_;
};

class Spinner {
 public:
  Spinner(const Terminal& terminal, std::string label, ProgressClock clock = std::chrono::steady_clock::now);

  /// Call as often as you like (at least every half second); redraws at most ten times a second.
  void tick(std::string_view note = {});
  void finish(std::string_view text);
  void clear() { line_.clear(); }

 private:
  ProgressLine line_;
  std::string label_;
  std::size_t frame_ = 0;
};

}  // namespace starminer::terminal
