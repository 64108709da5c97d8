#include "terminal/progress.h"

#include <algorithm>
#include <array>
#include <ostream>

#include <fmt/format.h>

#include "terminal/format.h"
#include "terminal/text.h"

namespace starminer::terminal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedrawInterval{100};
constexpr milliseconds kPlainInterval{10'000};
constexpr std::size_t kBarWidth = 20;
constexpr std::uint64_t kPercent = 100;

/// done / total in `parts`, at most `parts`; 128 bits because a byte total may be large.
std::size_t share_of(std::uint64_t done, std::uint64_t total, std::uint64_t parts) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>(Wide{std::min(done, total)} * parts / total);
}

std::string bar_text(std::uint64_t done, std::uint64_t total, bool unicode) {
  if (!unicode) {
    const std::size_t full = share_of(done, total, kBarWidth);
    return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "]";
  }
  const std::size_t halves = share_of(done, total, 2 * kBarWidth);
  std::string bar;
  for (std::size_t i = 0; i < halves / 2; ++i) bar += "\u2588";
  if (halves % 2 == 1) bar += "\u258c";
  return pad_right(bar, kBarWidth);
}

}  // namespace

ProgressLine::ProgressLine(const Terminal& terminal, ProgressClock clock)
    : terminal_(terminal), clock_(std::move(clock)), started_(clock_()) {
  // The first plain line comes one interval after the start: short work prints only its end.
  if (!terminal_.interactive()) shown_ = started_;
}

ProgressLine::~ProgressLine() { clear(); }

milliseconds ProgressLine::elapsed() const { return std::chrono::duration_cast<milliseconds>(clock_() - started_); }

bool ProgressLine::due() const {
  return !shown_ || clock_() - *shown_ >= (terminal_.interactive() ? kRedrawInterval : kPlainInterval);
}

void ProgressLine::show(const std::string& text) {
  shown_ = clock_();
  if (!terminal_.interactive()) {
    terminal_.line(text);
    return;
  }
  // One column stays free: a full line would wrap and could not be redrawn.
  terminal_.stream() << "\r\x1b[K" << cut_to_width(text, terminal_.width() - 1, terminal_.unicode()) << std::flush;
  drawn_ = true;
}

void ProgressLine::clear() {
  if (!drawn_) return;
  terminal_.stream() << "\r\x1b[K" << std::flush;
  drawn_ = false;
  shown_.reset();
}

void ProgressLine::finish(const std::string& text) {
  clear();
  terminal_.line(text);
}

ProgressBar::ProgressBar(const Terminal& terminal, std::string label, std::uint64_t total, ProgressUnit unit,
                         ProgressClock clock)
    : line_(terminal, std::move(clock)), label_(std::move(label)), total_(total), unit_(unit) {}

std::string ProgressBar::amount(std::uint64_t n) const {
  return unit_ == ProgressUnit::Bytes ? human_bytes(n) : std::to_string(n);
}

std::string ProgressBar::drawn(std::string_view note) const {
  std::string text = " " + label_ + " ";
  if (total_ == 0) {
    text += amount(done_);
  } else {
    text += fmt::format("{} {}/{}", bar_text(done_, total_, line_.terminal().unicode()), amount(done_), amount(total_));
  }
  if (!note.empty()) text += "  " + sanitize_line(note);
  text += "  " + clock_text(static_cast<std::uint64_t>(line_.elapsed().count()));
  return text;
}

std::string ProgressBar::plain(std::string_view note) const {
  std::string text = label_ + " " + amount(done_);
  if (total_ > 0) text += fmt::format(" of {} ({} %)", amount(total_), share_of(done_, total_, kPercent));
  if (!note.empty()) text += ", " + sanitize_line(note);
  return text;
}

void ProgressBar::update(std::uint64_t done, std::string_view note) {
  done_ = done;
  if (line_.due()) line_.show(line_.terminal().interactive() ? drawn(note) : plain(note));
}

void ProgressBar::finish(std::string_view text) {
  if (!text.empty()) {
    line_.finish(std::string(text));
    return;
  }
  const std::string took = human_duration(static_cast<std::uint64_t>(line_.elapsed().count()));
  line_.finish(fmt::format(" {} {} in {}", label_, amount(done_), took));
}

Spinner::Spinner(const Terminal& terminal, std::string label, ProgressClock clock)
    : line_(terminal, std::move(clock)), label_(std::move(label)) {}

void Spinner::tick(std::string_view note) {
  if (!line_.due()) return;
  std::string text = label_;
  if (!note.empty()) text += "  " + sanitize_line(note);
  const auto elapsed = static_cast<std::uint64_t>(line_.elapsed().count());
  if (!line_.terminal().interactive()) {
    line_.show(fmt::format("{} ({})", text, human_duration(elapsed)));
    return;
  }
  constexpr std::array<std::string_view, 10> kFrames = {"\u280b", "\u2819", "\u2839", "\u2838", "\u283c",
                                                        "\u2834", "\u2826", "\u2827", "\u2807", "\u280f"};
  constexpr std::array<std::string_view, 4> kPlainFrames = {"|", "/", "-", "\\"};
  const std::string_view frame = line_.terminal().unicode() ? kFrames[frame_ % kFrames.size()]  //
                                                            : kPlainFrames[frame_ % kPlainFrames.size()];
  ++frame_;
  line_.show(fmt::format(" {} {}  {}", frame, text, clock_text(elapsed)));
}

void Spinner::finish(std::string_view text) { line_.finish(std::string(text)); }

}  // namespace starminer::terminal
