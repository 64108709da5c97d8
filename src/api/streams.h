// Event streams of the API: blocks, prices, jobs, assignments, logs. All events are made by one thread of this class,
// so that a subscriber sees each thing in order; the writer of blocks only leaves a note. Who subscribes gets the
// present state first, so nothing is missed between a read and the subscription, and none after a lost connection.
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/http/sse.h"
#include "api/relay.h"
#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::engine {
class Engine;
}
namespace starminer::protocol {
struct BlockResult;
}

namespace starminer::api {

/// "120-7": next byte of standard output and of standard error. One number stands for both.
[[nodiscard]] std::optional<LogSizes> parse_log_position(std::string_view text);
[[nodiscard]] std::string format_log_position(const LogSizes& position);

class Streams {
 public:
  Streams(const engine::Engine& engine, const Relay& relay);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void start();
  /// Ends all streams.
  void stop();

  // Sources
  /// Listener of the engine; cheap.
  void on_block(const protocol::BlockResult& block);
  void on_progress(const ContractId& contract);
  void on_log(const ContractId& contract);

  // Subscriptions
  /// Blocks above `after`, at most a few hundred old ones, then new ones.
  void subscribe_blocks(http::SseStream stream, std::optional<std::uint64_t> after);
  void subscribe_prices(http::SseStream stream);
  /// Ends after a final state. Notes of progress are shown to parties of the job only.
  void subscribe_job(const JobId& job, bool with_notes, http::SseStream stream);
  void subscribe_assignments(const AccountId& provider, http::SseStream stream);
  /// Ends when the contract no longer runs and all of its logs were sent.
  void subscribe_logs(const ContractId& contract, const LogSizes& from, http::SseStream stream);

 private:
  struct BlockNote {
    std::uint64_t height = 0;
    TimeMs time;
    std::size_t transactions = 0;
    Hash32 app_hash;
    std::set<JobId> jobs;
    std::vector<ContractId> contracts;  // whose state changed, in order
    std::set<ContractId> progressed;
  };
  struct BlockReader {
    http::SseStream stream;
    std::uint64_t sent = 0;  // height
  };
  struct JobReader {
    http::SseStream stream;
    bool with_notes = false;
  };
  struct LogReader {
    http::SseStream stream;
    LogSizes position{};
  };
  using Task = std::function<void()>;

  void post(Task task);
  /// The same for what a subscription could do without: dropped where too much waits.
  void post_note(Task task);
  void run();
  /// Ends all streams: their readers come back for the present state.
  void let_go();
  void sweep();
  void handle(const BlockNote& note);
  void send_old_blocks(BlockReader& reader);
  void send_prices();
  /// False when the stream has ended.
  [[nodiscard]] bool send_job(const JobId& job, JobReader& reader) const;
  void send_progress(const ContractId& contract);
  void send_assignment(const ContractId& contract);
  [[nodiscard]] bool send_logs(const ContractId& contract, LogReader& reader);

  const engine::Engine& engine_;
  const Relay& relay_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool lost_notes_ = false;
  bool stopping_ = false;
  std::thread thread_;

  // Of the thread alone
  std::vector<BlockReader> blocks_;
  std::vector<http::SseStream> prices_;
  std::multimap<JobId, JobReader> jobs_;
  std::multimap<AccountId, http::SseStream> assignments_;
  std::multimap<ContractId, LogReader> logs_;
  std::uint64_t ticks_ = 0;
  bool logs_left_ = false;  // a reader has more to get than it was sent at once
  std::chrono::steady_clock::time_point swept_{};
};

}  // namespace starminer::api
