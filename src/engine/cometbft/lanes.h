// The threads on which handlers run, one for each lane. A job is a request's bytes; what it comes to is a frame, handed
// to its connection on the thread of the sockets. Internal to the server.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "engine/cometbft/handler.h"

namespace starminer::engine::cometbft {

class Connection;

/// The lane of a Request's member; nothing for those that no lane answers: echo, flush, and unknown ones.
[[nodiscard]] std::optional<Lane> lane_of_field(std::uint32_t field);

/// A request on its way to a lane.
struct Job {
  std::shared_ptr<Connection> connection;
  std::uint64_t slot = 0;  // where the answer goes
  Bytes request;
};

/// What became of a request.
struct Done {
  std::shared_ptr<Connection> connection;
  std::uint64_t slot = 0;
  Bytes frame;
  bool fatal = false;  // an exception: the connection ends behind it
};

class Lanes {
 public:
  /// `deliver` is called on the threads of the lanes with what was done, in order.
  Lanes(Handler& handler, std::function<void(std::vector<Done>)> deliver);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void post(Lane lane, Job job);
  /// Waits for handlers that run. What waits, and what comes later, has no answer.
  void stop();

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable come;
    std::deque<Job> jobs;
    bool stopping = false;
    std::thread thread;
  };

  void run(Lane lane);
  [[nodiscard]] std::vector<Job> take(Queue& queue, std::size_t most);
  [[nodiscard]] std::vector<Done> answer_one(std::vector<Job> jobs);
  [[nodiscard]] std::vector<Done> check_all(std::vector<Job> jobs);

  Handler& handler_;
  std::function<void(std::vector<Done>)> deliver_;
  std::array<Queue, kLaneCount> queues_;
};

/// The frame of a ResponseException.
[[nodiscard]] Bytes exception_frame(const std::string& text);

}  // namespace starminer::engine::cometbft
