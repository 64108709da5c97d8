#include "cli/run_view.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "cli/json_view.h"
#include "protocol/pricing/pricing.h"
#include "terminal/format.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSilenceShown{2'000};
constexpr std::uint64_t kSecondMs = 1'000;

}  // namespace

std::uint64_t cost_so_far(const nlohmann::json& contract, std::uint64_t run_ms) {
  const Agpu cost = protocol::Pricing::cost(Price{number_of(contract, "unit_price")},
                                            number_of(contract, "billing_milli"), run_ms, Rounding::Ceil);
  return std::min(cost.base, number_of(contract, "cap"));
}

void RunView::clear() {
  if (spinner_ != nullptr) spinner_->clear();
  if (bar_ != nullptr) bar_->clear();
}

void RunView::print(const std::string& text) {
  if (text.empty()) return;
  clear();
  terminal_.stream() << text << (text.ends_with('\n') ? "" : "\n") << std::flush;
}

std::uint64_t RunView::run_ms() const {
  if (stage_ != Stage::Running) return number_of(news_.progress, "run_ms");
  const auto since = std::chrono::duration_cast<milliseconds>(steady_clock::now() - progress_at_);
  return number_of(news_.progress, "run_ms") + static_cast<std::uint64_t>(since.count());
}

void RunView::announce_match(const std::string& node) {
  const std::string name = node.empty() ? shown(news_.contract, "node") : node;
  print(fmt::format("{} matched {}   contract {}   {} per GPU-hour locked", terminal_.tick(), name,
                    shown(news_.contract, "id"), agpu_of(news_.contract, "unit_price")));
}

void RunView::enter(Stage stage) {
  if (stage == stage_) return;
  clear();
  spinner_.reset();
  bar_.reset();
  stage_ = stage;
  progress_at_ = steady_clock::now();
  start_spinner();
  if (stage == Stage::Running) terminal_.line(fmt::format("{} running", terminal_.tick()));
  if (stage == Stage::Delivered) {
    terminal_.line(fmt::format("{} delivered, {} metered", terminal_.tick(),
                               terminal::human_duration(number_of(news_.contract, "metered_ms"))));
  }
}

void RunView::start_spinner() {
  const auto waits_for = [this]() -> std::string_view {
    switch (stage_) {
      case Stage::Queued: return "waiting";
      case Stage::Assigned: return "waiting for the node";
      case Stage::Preparing: return "the node fetches the inputs";
      default: return {};
    }
  }();
  if (!waits_for.empty()) spinner_ = std::make_unique<terminal::Spinner>(terminal_, std::string(waits_for));
}

void RunView::show(const JobNews& news, const std::string& node) {
  const bool has_progress = news.progress.is_object();
  if (has_progress && news.progress != news_.progress) progress_at_ = steady_clock::now();
  news_ = news;
  const std::string state = text_of(news_.job, "state");
  const std::string contract = text_of(news_.contract, "id");
  if (state == "settled" || state == "refunded") {
    enter(Stage::Ended);
    return;
  }
  if (contract.empty()) {
    contract_.clear();
    enter(Stage::Queued);
    return;
  }
  if (contract != contract_) {
    contract_ = contract;
    announce_match(node);
  }
  const std::string stage = text_of(news_.contract, "state");
  if (stage == "assigned") enter(Stage::Assigned);
  if (stage == "preparing") enter(Stage::Preparing);
  if (stage == "running") enter(Stage::Running);
  if (stage == "delivered") enter(Stage::Delivered);
}

void RunView::show_lost_attempt(const nlohmann::json& contract) {
  print(fmt::format("{} attempt {} ended: {} (responsible: {}); the job is matched again", terminal_.bullet(),
                    number_of(contract, "attempt") + 1, shown(contract, "end_reason_text"), shown(contract, "party")));
}

std::string RunView::waiting_text() const {
  if (stage_ != Stage::Queued) return {};
  if (flag_of(news_.job, "parked")) {
    return fmt::format("for the price to come down to {} per GPU-hour", agpu_of(news_.job, "max_price"));
  }
  const auto position = find_number(news_.job, "queue_position");
  if (!position) return {};
  return *position == 0 ? "first in the queue"
                        : fmt::format("{} before it in the queue", terminal::human_count(*position));
}

std::string RunView::running_note() const {
  const std::uint64_t ran = run_ms();
  const std::string note = shown(news_.progress, "note");
  const std::string cost = agpu(cost_so_far(news_.contract, ran)) + " so far";
  const std::string expected = terminal::clock_text(number_of(news_.contract, "expected_s") * kSecondMs);
  const std::string begin = note.empty() ? "" : note + "  ";
  // A redrawn line ends with its own clock.
  if (terminal_.interactive()) return fmt::format("{}{}  ~{} expected", begin, cost, expected);
  return fmt::format("{}{} / ~{}  {}", begin, terminal::clock_text(ran), expected, cost);
}

void RunView::draw_running() {
  // Clocks count from the start of the job, also where it was attached to later.
  const auto clock = [skipped = milliseconds(run_ms())]() mutable {
    return steady_clock::now() - std::exchange(skipped, milliseconds(0));
  };
  const std::string unit = shown(news_.progress, "unit");
  const std::string label = unit.empty() ? "running" : unit;
  if (number_of(news_.progress, "total") == 0) {
    if (spinner_ == nullptr) spinner_ = std::make_unique<terminal::Spinner>(terminal_, label, clock);
    spinner_->tick(running_note());
    return;
  }
  if (bar_ == nullptr) {
    if (spinner_ != nullptr) spinner_->clear();
    spinner_.reset();
    bar_ = std::make_unique<terminal::ProgressBar>(terminal_, label, 0, terminal::ProgressUnit::Steps, clock);
  }
  bar_->set_total(number_of(news_.progress, "total"));
  bar_->update(number_of(news_.progress, "done"), running_note());
}

void RunView::tick(milliseconds silence) {
  if (silence >= kSilenceShown) {
    if (!was_silent_) {
      clear();
      spinner_ = std::make_unique<terminal::Spinner>(terminal_, "no answer from " + node_url_);
      was_silent_ = true;
    }
    spinner_->tick("the job goes on; trying again");
    return;
  }
  if (was_silent_) {
    was_silent_ = false;
    print(fmt::format("{} {} answers again", terminal_.bullet(), node_url_));
    spinner_.reset();
    start_spinner();
  }
  if (stage_ == Stage::Running) {
    draw_running();
  } else if (spinner_ != nullptr) {
    spinner_->tick(waiting_text());
  }
}

}  // namespace starminer::cli
