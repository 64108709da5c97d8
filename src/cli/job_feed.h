// What happens to a job, as it happens: the node's event stream, and questions of our own where the stream is silent,
// so that a restarted node or a lost connection costs seconds and no news. The stream is read by a thread of its own;
// all functions are for one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/outcome.h"
#include "cli/settings.h"
#include "client/api.h"

namespace starminer::cli {

/// The newest known state. `contract` and `progress` are null until there are such.
struct JobNews {
  nlohmann::json job{};
  nlohmann::json contract{};
  nlohmann::json progress{};
};

class JobFeed {
 public:
  /// `api` asks; the stream gets a connection with the same key.
  JobFeed(client::Api& api, const Settings& settings, std::string job);
  ~JobFeed();
  JobFeed(const JobFeed&) = delete;
  JobFeed& operator=(const JobFeed&) = delete;

  /// Waits at most so long for something new. Nothing where there is none. A lost connection is not an error; a job
  /// that does not exist is.
  [[nodiscard]] Outcome<std::optional<JobNews>> next(std::chrono::milliseconds wait);
  /// How long the node has not answered; zero while it does.
  [[nodiscard]] std::chrono::milliseconds silence() const;

 private:
  struct Shared;
  [[nodiscard]] Outcome<bool> poll();

  client::Api& api_;
  std::string job_;
  std::unique_ptr<Shared> shared_;
  std::optional<std::chrono::steady_clock::time_point> lost_;
  std::chrono::steady_clock::time_point polled_;
};

}  // namespace starminer::cli
