// Transactions that were submitted to this node and have no answer yet. They are handed to CometBFT over its RPC, those
// of an account in order, and answered when this node has committed their block, when CometBFT or the chain refuses
// them, or when patience ends. Also knows how CometBFT is, by asking it every second. Any thread; answers are called
// without a lock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/cometbft/rpc.h"
#include "engine/engine.h"

namespace starminer::engine::cometbft {

struct SubmissionOptions {
  std::string rpc{};  // URL of CometBFT's RPC, as of rpc_url
  unsigned connections = 4;
  std::size_t items_max = 15'000;              // without an answer
  std::uint64_t bytes_max = 64ULL << 20U;      // not handed over yet
  std::chrono::milliseconds patience{20'000};  // of a submission for its block
  std::chrono::milliseconds rpc_timeout{5'000};
  std::chrono::milliseconds look_every{1'000};
};

class Submissions {
 public:
  /// A transaction of a decided block that left nothing there.
  using LeftOut = std::pair<Hash32, protocol::Refusal>;

  /// `store` and `counters` outlive it.
  Submissions(const storage::ChainStore& store, std::string chain_id, engine::EngineCounters& counters,
              SubmissionOptions options);
  ~Submissions() { stop(); }
  Submissions(const Submissions&) = delete;
  Submissions& operator=(const Submissions&) = delete;

  void start();
  /// Answers all that wait, and every later one at once.
  void stop();

  /// Whether so many more may come.
  [[nodiscard]] bool has_room(std::size_t items, std::uint64_t bytes) const;
  void add(const protocol::VerifiedTransaction& transaction, Answer answer);

  /// A block is durable and readers see it.
  void on_block(const protocol::BlockResult& block, const std::vector<LeftOut>& left_out);
  /// The mempool of this node has let go of a transaction that it had.
  void on_dropped(const Hash32& transaction, const protocol::Refusal& refusal);

  /// Ready, CatchingUp or OrdererAway.
  [[nodiscard]] Condition condition() const;
  /// As of the last look, empty where CometBFT did not answer then.
  [[nodiscard]] std::optional<CometStatus> comet() const;
  [[nodiscard]] const std::string& rpc() const { return options_.rpc; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    std::vector<Answer> answers;
    Clock::time_point until;
  };
  struct Unsent {
    Hash32 hash;
    Bytes bytes;
  };
  struct HashOfHash {
    std::size_t operator()(const Hash32& hash) const;
  };

  void send_loop(std::size_t connection);
  [[nodiscard]] std::vector<Unsent> take_unsent(std::size_t connection);
  void judge(const Unsent& sent, const Handover& handover);
  void look_loop();
  void look(CometRpc& rpc);
  void end_patience();
  /// The receipt where the chain has one, else the refusal.
  void settle_refused(const Hash32& hash, Refused refused);
  void settle(const Hash32& hash, const SubmitResult& result);
  /// Removes it. Requires: the lock is not held.
  [[nodiscard]] std::vector<Answer> take(const Hash32& hash);
  [[nodiscard]] Refused away(const std::string& fault) const;

  const storage::ChainStore& store_;
  const std::string chain_id_;
  engine::EngineCounters& counters_;
  const SubmissionOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable unsent_come_;
  std::condition_variable stop_asked_;
  std::unordered_map<Hash32, Waiting, HashOfHash> waiting_;
  std::vector<std::deque<Unsent>> unsent_;  // by connection
  std::uint64_t unsent_bytes_ = 0;
  std::optional<CometStatus> comet_;
  std::string fault_;  // why there is none
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace starminer::engine::cometbft
