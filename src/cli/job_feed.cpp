#include "cli/job_feed.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/json_view.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The stream tells everything at once; asking is for the time when it is broken and nobody has noticed yet.
constexpr auto kPollBesideStream = std::chrono::seconds(5);
constexpr auto kPollWithoutStream = std::chrono::seconds(1);
constexpr int kReconnects = 1'000'000;

}  // namespace

struct JobFeed::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  JobNews news;
  bool fresh = false;
  bool streaming = false;
  steady_clock::time_point heard;
  std::atomic<bool> cancel = false;
  std::thread thread;

  void take(const api::http::SseEvent& event) {
    json value = json::parse(event.data, nullptr, false);
    if (value.is_discarded()) return;
    const std::lock_guard lock(mutex);
    streaming = true;
    heard = steady_clock::now();
    if (event.name == "job") {
      news.job = std::move(value);
    } else if (event.name == "contract") {
      news.contract = std::move(value);
    } else if (event.name == "progress") {
      news.progress = std::move(value);
    } else {
      return;
    }
    fresh = true;
    wake.notify_one();
  }

  void read(const std::unique_ptr<client::Api>& api, const std::string& job) {
    while (!cancel) {
      const auto end = api->events(
          "/v1/jobs/" + job + "/stream",
          [this](const api::http::SseEvent& event) {
            take(event);
            return event.name != "end";
          },
          &cancel, kReconnects);
      {
        const std::lock_guard lock(mutex);
        streaming = false;
      }
      // After its end there is no more news; a refusal is the business of poll.
      if (end || !end.error().is_transient()) return;
    }
  }
};

JobFeed::JobFeed(client::Api& api, const Settings& settings, std::string job)
    : api_(api), job_(std::move(job)), shared_(std::make_unique<Shared>()) {
  auto own = client::Api::connect(settings.api_url, api.key());
  if (!own) return;  // The address was good for `api`, so this cannot fail; polling alone would do.
  shared_->thread =
      std::thread([shared = shared_.get(), connection = std::move(*own), id = job_] { shared->read(connection, id); });
}

JobFeed::~JobFeed() {
  shared_->cancel = true;
  if (shared_->thread.joinable()) shared_->thread.join();
}

milliseconds JobFeed::silence() const {
  if (!lost_) return milliseconds(0);
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - *lost_);
}

Outcome<bool> JobFeed::poll() {
  polled_ = steady_clock::now();
  const auto ask = [this](const std::string& target) -> Outcome<json> {
    auto answer = api_.get(target);
    if (answer) {
      lost_.reset();
      return std::move(*answer);
    }
    if (!answer.error().is_transient()) return fail(trouble_of(answer.error()));
    if (!lost_) lost_ = steady_clock::now();
    return json();
  };
  auto job = ask("/v1/jobs/" + job_);
  if (!job) return fail(job.error());
  if (job->is_null()) return false;
  json contract;
  if (const std::string id = text_of(*job, "contract"); !id.empty()) {
    auto answer = ask("/v1/contracts/" + id);
    if (!answer) return fail(answer.error());
    if (answer->is_null()) return false;
    contract = std::move(*answer);
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->news.job = std::move(*job);
  shared_->news.contract = std::move(contract);
  shared_->fresh = true;
  return true;
}

Outcome<std::optional<JobNews>> JobFeed::next(milliseconds wait) {
  bool ask = false;
  {
    const std::lock_guard lock(shared_->mutex);
    const auto now = steady_clock::now();
    const auto pause = shared_->streaming ? milliseconds(kPollBesideStream) : milliseconds(kPollWithoutStream);
    ask = !shared_->fresh && now - polled_ >= pause && now - shared_->heard >= pause;
  }
  if (ask) {
    const auto polled = poll();
    if (!polled) return fail(polled.error());
  }
  std::unique_lock lock(shared_->mutex);
  shared_->wake.wait_for(lock, wait, [this] { return shared_->fresh; });
  if (!shared_->fresh) return std::optional<JobNews>();
  shared_->fresh = false;
  if (shared_->streaming) lost_.reset();
  // A contract of an earlier attempt may still be here while the job waits for the next one.
  if (text_of(shared_->news.contract, "id") != text_of(shared_->news.job, "contract")) shared_->news.contract = nullptr;
  if (text_of(shared_->news.progress, "contract") != text_of(shared_->news.job, "contract"))
    shared_->news.progress = nullptr;
  return std::optional<JobNews>(shared_->news);
}

}  // namespace starminer::cli
