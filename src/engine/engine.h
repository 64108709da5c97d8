// What a node serves stands on: somebody orders the transactions, and this is how the rest of the node hands them over,
// learns their fate, reads one consistent state and hears of blocks. `solo` orders alone, `cometbft` with the
// validators of a network; nothing above this header knows which. Threading: everything but start and stop may be
// called from any thread; listeners run on the one thread that makes blocks durable, answers on any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::engine {

/// What a submitter learns: the durable receipt. `duplicate` where the very same bytes had been applied before.
struct Submitted {
  storage::StoredReceipt receipt;
  bool duplicate = false;
};

/// Who must slow down or go elsewhere, where a transaction was not taken: this account, or everybody at this node.
enum class Backpressure : std::uint8_t { None, Account, Node };

/// Why a transaction has no receipt. With Backpressure::Node it may still come into a block, as when a node loses its
/// network; the same bytes may be sent again, here or to another node, and are applied once.
struct Refused : protocol::Refusal {
  Backpressure backpressure = Backpressure::None;
};

using SubmitResult = Result<Submitted, Refused>;
using Answer = std::function<void(SubmitResult)>;
using BatchAnswer = std::function<void(std::vector<SubmitResult>)>;
using BlockListener = std::function<void(const protocol::BlockResult&)>;

/// What a node can do for whoever has a transaction. It answers reads in each of these.
enum class Readiness : std::uint8_t {
  Ready,
  CatchingUp,   // with its network: what is read here is old
  OrdererAway,  // who orders transactions for this node does not answer
  DiskFull,     // takes none until there is space
  DiskFailed,   // and is ending
};

struct Condition {
  Readiness readiness = Readiness::Ready;
  std::string detail{};  // a sentence where it is not ready
};

/// "ready", "catching_up", "orderer_away", "disk_full", "disk_failed".
[[nodiscard]] std::string_view readiness_name(Readiness readiness);

/// Counters for metrics; values only grow but for `waiting`.
struct EngineCounters {
  std::atomic<std::uint64_t> submitted{0};   // to this node
  std::atomic<std::uint64_t> refused{0};     // of those, without a receipt
  std::atomic<std::uint64_t> duplicates{0};  // of those, applied before
  std::atomic<std::uint64_t> applied{0};     // in blocks since the start, whoever they were sent to
  std::atomic<std::uint64_t> blocks{0};
  std::atomic<std::uint64_t> sync_microseconds{0};
  std::atomic<std::uint64_t> waiting{0};  // submitted here, without an answer
};

/// A figure that one kind of engine has besides the counters.
struct Figure {
  std::string name;  // of the metric
  std::string help;
  double value = 0;
  bool grows = false;
};

class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Begins to take transactions. Listeners added before miss no block.
  virtual void start() = 0;
  /// Answers what waits, and takes nothing more.
  virtual void stop() = 0;

  /// `answer` is called once, from a thread of the engine or from this one: with the receipt when the transaction
  /// stands in a durable block of this node, never before.
  virtual void submit(ByteView transaction, Answer answer) = 0;
  /// The same for many, taken in order; `answer` is called once, with a result for each. Fails, and calls nothing,
  /// where there is no room for as many.
  [[nodiscard]] virtual Result<void, Refused> submit_batch(std::vector<Bytes> transactions, BatchAnswer answer) = 0;
  /// Called after each durable block, in order, when reads see it.
  virtual void add_listener(BlockListener listener) = 0;
  /// Called once when the disk failed: the process must end. Set before start.
  virtual void on_failure(std::function<void(const std::string&)> handler) = 0;

  /// Runs `f(const Machine&)` on the state of the last durable block, which stays while it runs. Keep it short.
  template <class F>
  auto read(F&& f) const {
    const Held held = hold();
    return std::forward<F>(f)(held.machine);
  }
  /// Blocks, receipts and leaves on disk.
  [[nodiscard]] virtual const storage::ChainStore& store() const = 0;

  [[nodiscard]] virtual Condition condition() const = 0;
  [[nodiscard]] virtual const EngineCounters& counters() const = 0;
  /// By which its blocks are ordered.
  [[nodiscard]] virtual protocol::OrderRule order_rule() const = 0;
  /// "solo" or "cometbft".
  [[nodiscard]] virtual std::string_view kind() const = 0;
  [[nodiscard]] virtual std::vector<Figure> figures() const { return {}; }
  /// Now, as Unix time.
  [[nodiscard]] static TimeMs wall_clock();

 protected:
  /// The state, and the lock that keeps it as it is.
  struct Held {
    std::shared_lock<std::shared_mutex> lock;
    const protocol::Machine& machine;
  };
  [[nodiscard]] virtual Held hold() const = 0;
};

}  // namespace starminer::engine
