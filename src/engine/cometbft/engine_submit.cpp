// What others of this node ask of the engine: transactions to hand over, the state, how it is.
#include "engine/cometbft/engine.h"

namespace starminer::engine::cometbft {
namespace {

using protocol::RefusalCode;

/// The results of a batch until all are there.
struct Collected {
  Collected(std::size_t count, BatchAnswer on_done)
      : results(count, Submitted{}), answer(std::move(on_done)), left(count) {}

  /// Each index once, from any thread.
  void settle(std::size_t index, SubmitResult result) {
    results[index] = std::move(result);
    if (left.fetch_sub(1) == 1) answer(std::move(results));
  }

  std::vector<SubmitResult> results;
  BatchAnswer answer;
  std::atomic<std::size_t> left;
};

}  // namespace

void Engine::start() { submissions_.start(); }

void Engine::stop() { submissions_.stop(); }

engine::Engine::Held Engine::hold() const {
  std::shared_lock lock = replicas_->hold();
  return {std::move(lock), replicas_->committed()};
}

void Engine::add_listener(BlockListener listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.push_back(std::move(listener));
}

void Engine::submit(ByteView transaction, Answer answer) {
  ++counters_.submitted;
  // CheckTx checks the signature once more: only what the mempool lets in is remembered.
  Verified verified = std::move(verifier_.look({&transaction, 1}).front());
  if (!verified) {
    ++counters_.refused;
    answer(fail(Refused{std::move(verified.error())}));
    return;
  }
  submissions_.add(*verified, std::move(answer));
}

Result<void, Refused> Engine::submit_batch(std::vector<Bytes> transactions, BatchAnswer answer) {
  std::uint64_t bytes = 0;
  for (const Bytes& transaction : transactions) bytes += transaction.size();
  counters_.submitted += transactions.size();
  if (!submissions_.has_room(transactions.size(), bytes)) {
    counters_.refused += transactions.size();
    return fail(Refused{{RefusalCode::NodeBusy, "too many transactions wait for a block"}, Backpressure::Node});
  }
  const std::vector<ByteView> views(transactions.begin(), transactions.end());
  std::vector<Verified> verified = verifier_.look(views);
  const auto collected = std::make_shared<Collected>(transactions.size(), std::move(answer));
  for (std::size_t i = 0; i < verified.size(); ++i) {
    if (verified[i]) {
      submissions_.add(*verified[i], [collected, i](SubmitResult result) { collected->settle(i, std::move(result)); });
    } else {
      ++counters_.refused;
      collected->settle(i, fail(Refused{std::move(verified[i].error())}));
    }
  }
  return {};
}

Condition Engine::condition() const {
  if (failed_) {
    return {Readiness::DiskFailed, "The disk refused a block; this node takes nothing more and is ending."};
  }
  if (full_) {
    return {Readiness::DiskFull, "The disk has no space; this node takes no transactions until it has."};
  }
  Condition condition = submissions_.condition();
  // One that lost the process before this one may go on answering its RPC without ending.
  if (condition.readiness == Readiness::Ready && !met_) {
    return {Readiness::OrdererAway,
            "CometBFT answers its RPC and has not come to this node's ABCI socket since the start: start it again."};
  }
  return condition;
}

std::vector<Figure> Engine::figures() const {
  const auto comet = submissions_.comet();
  const auto number = [](const std::atomic<std::uint64_t>& value) { return static_cast<double>(value.load()); };
  return {
      {"starminer_cometbft_up", "1 while CometBFT of this node answers", comet ? 1.0 : 0.0},
      {"starminer_cometbft_catching_up", "1 while it fetches blocks of its network",
       comet && comet->catching_up ? 1.0 : 0.0},
      {"starminer_cometbft_height", "Newest block that it has", comet ? static_cast<double>(comet->height) : 0.0},
      {"starminer_cometbft_voting_power", "Power of this validator, 0 for a follower",
       comet ? static_cast<double>(comet->voting_power) : 0.0},
      {"starminer_mempool_checked_total", "Transactions that the mempool asked about, of all nodes",
       number(counters_.checked), true},
      {"starminer_mempool_refused_total", "Of those, not let in", number(counters_.not_let_in), true},
      {"starminer_blocks_proposed_total", "Blocks that this validator proposed", number(counters_.proposed), true},
      {"starminer_proposals_rejected_total", "Proposals that this validator did not vote for",
       number(counters_.rejected), true},
  };
}

}  // namespace starminer::engine::cometbft
