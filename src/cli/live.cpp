#include "cli/live.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/interrupt.h"
#include "client/api.h"

namespace starminer::cli {
namespace {

using api::http::ApiError;
using api::http::SseEvent;

constexpr int kReconnects = 1'000'000;
constexpr auto kLook = std::chrono::milliseconds(100);
// A reader that shows more slowly than the node tells gets the newest; what is older may go.
constexpr std::size_t kWaitingMax = 1'000;

struct Shared {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<SseEvent> events;
  std::optional<ApiError> fault;
  bool ended = false;
  std::atomic<bool> cancel{false};

  bool put(const SseEvent& event) {
    const std::lock_guard lock(mutex);
    if (events.size() >= kWaitingMax) return false;  // begins anew, with the whole state
    events.push_back(event);
    wake.notify_one();
    return true;
  }

  void read(client::Api& api, const std::string& target) {
    while (!cancel) {
      const auto end = api.events(
          target, [this](const SseEvent& event) { return put(event); }, &cancel, kReconnects);
      if (end || end.error().is_transient()) continue;
      const std::lock_guard lock(mutex);
      fault = end.error();
      ended = true;
      wake.notify_one();
      return;
    }
  }
};

}  // namespace

Outcome<config::ExitCode> follow_events(const Settings& settings, const std::string& target,
                                        const std::function<bool(const SseEvent&)>& take) {
  auto api = client::Api::connect(settings.api_url, std::nullopt);
  if (!api) return fail(trouble_of(api.error()));
  Shared shared;
  const InterruptScope interrupts;
  std::thread reader([&] { shared.read(**api, target); });
  Outcome<config::ExitCode> answer = config::ExitCode::Ok;
  for (bool more = true; more;) {
    std::deque<SseEvent> events;
    {
      std::unique_lock lock(shared.mutex);
      shared.wake.wait_for(lock, kLook, [&] { return shared.ended || !shared.events.empty(); });
      events.swap(shared.events);
      if (events.empty() && shared.ended) {
        if (shared.fault && shared.fault->code != "cancelled") answer = fail(trouble_of(*shared.fault));
        more = false;
      }
    }
    for (const SseEvent& event : events) more = more && take(event);
    if (more && InterruptScope::asked()) {
      answer = InterruptScope::code();
      more = false;
    }
  }
  shared.cancel = true;
  reader.join();
  return answer;
}

}  // namespace starminer::cli
