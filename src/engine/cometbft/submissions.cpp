#include "engine/cometbft/submissions.h"

#include <pthread.h>

#include <cstring>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/cometbft/engine.h"

namespace starminer::engine::cometbft {
namespace {

using protocol::Refusal;
using protocol::RefusalCode;

Refused busy(std::string detail, Backpressure whom = Backpressure::Node) {
  return {{RefusalCode::NodeBusy, std::move(detail)}, whom};
}

Refused stopping() {
  return busy(
      "the node is stopping; the transaction may still come into a block: send the same bytes again, here or "
      "elsewhere");
}

std::size_t word_of(ByteView bytes) {
  std::size_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof(word));
  return word;
}

/// What CheckTx of this node's engine said, as it came back through CometBFT.
Refused refused_of(const Handover& handover) {
  const auto code = handover.codespace == kCodespace && handover.code <= UINT16_MAX
                        ? protocol::find_refusal(static_cast<std::uint16_t>(handover.code))
                        : std::nullopt;
  if (!code) return busy(fmt::format("CometBFT refused it with code {}: {}", handover.code, handover.detail));
  // Of the mempool's bounds only that of an account is the engine's.
  return {{*code, handover.detail}, *code == RefusalCode::NodeBusy ? Backpressure::Account : Backpressure::None};
}

}  // namespace

std::size_t Submissions::HashOfHash::operator()(const Hash32& hash) const { return word_of(hash.view()); }

Submissions::Submissions(const storage::ChainStore& store, std::string chain_id, engine::EngineCounters& counters,
                         SubmissionOptions options)
    : store_(store),
      chain_id_(std::move(chain_id)),
      counters_(counters),
      options_(std::move(options)),
      unsent_(std::max(1U, options_.connections)),
      fault_("it was not asked yet") {}

void Submissions::start() {
  for (std::size_t i = 0; i < unsent_.size(); ++i) {
    threads_.emplace_back([this, i] {
      ::pthread_setname_np(::pthread_self(), "comet-send");
      send_loop(i);
    });
  }
  threads_.emplace_back([this] {
    ::pthread_setname_np(::pthread_self(), "comet-look");
    look_loop();
  });
}

void Submissions::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  unsent_come_.notify_all();
  stop_asked_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::vector<Hash32> left;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [hash, waiting] : waiting_) left.push_back(hash);
  }
  for (const Hash32& hash : left) settle(hash, fail(stopping()));
}

bool Submissions::has_room(std::size_t items, std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + items <= options_.items_max && unsent_bytes_ + bytes <= options_.bytes_max;
}

void Submissions::add(const protocol::VerifiedTransaction& transaction, Answer answer) {
  const Hash32& hash = transaction.hash();
  const std::uint64_t bytes = transaction.bytes().size();
  std::optional<Refused> refused;
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    const auto before = waiting_.find(hash);
    known = before != waiting_.end();
    if (stopping_) {
      refused = stopping();
    } else if (comet_ && comet_->catching_up) {
      refused = busy("this node is catching up with its network; send the same bytes to another node");
    } else if (!known && (waiting_.size() >= options_.items_max || unsent_bytes_ + bytes > options_.bytes_max)) {
      refused = busy(fmt::format("{} transactions wait for a block", waiting_.size()));
    } else {
      Waiting& waiting = known ? before->second : waiting_[hash];
      waiting.answers.push_back(std::move(answer));
      waiting.until = Clock::now() + options_.patience;
      counters_.waiting = waiting_.size();
    }
  }
  if (refused) {
    ++counters_.refused;
    answer(fail(std::move(*refused)));
    return;
  }
  if (known) return;
  // It is among those that wait before the store is asked, so that a block between the two is not missed.
  const auto stored = store_.find_receipt(hash);
  if (!stored) {
    spdlog::critical("{}", stored.error().text);
    settle(hash, fail(busy("this node cannot read whether the transaction was applied before")));
    return;
  }
  if (*stored) {
    settle(hash, Submitted{**stored, true});
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.contains(hash)) return;
    const std::size_t connection = word_of(transaction.account().view()) % unsent_.size();
    unsent_[connection].push_back({hash, transaction.bytes()});
    unsent_bytes_ += bytes;
  }
  unsent_come_.notify_all();
}

std::vector<Submissions::Unsent> Submissions::take_unsent(std::size_t connection) {
  std::unique_lock lock(mutex_);
  std::deque<Unsent>& queue = unsent_[connection];
  std::vector<Unsent> taken;
  std::size_t bytes = 0;
  for (;;) {
    if (queue.empty() && taken.empty()) unsent_come_.wait(lock, [&] { return stopping_ || !queue.empty(); });
    if (stopping_) return {};
    if (queue.empty() || taken.size() == kHandoverMax) return taken;
    const std::size_t next = queue.front().bytes.size();
    if (!taken.empty() && bytes + next > kHandoverBytesMax) return taken;
    // One whose patience has ended was answered; nobody waits for it any more.
    if (waiting_.contains(queue.front().hash)) {
      bytes += next;
      taken.push_back(std::move(queue.front()));
    }
    unsent_bytes_ -= next;
    queue.pop_front();
  }
}

void Submissions::send_loop(std::size_t connection) {
  CometRpc rpc(options_.rpc, options_.rpc_timeout);
  for (;;) {
    const std::vector<Unsent> unsent = take_unsent(connection);
    if (unsent.empty()) return;
    std::vector<ByteView> bytes;
    for (const Unsent& one : unsent) bytes.emplace_back(one.bytes);
    const auto handovers = rpc.hand_over(bytes);
    for (std::size_t i = 0; i < unsent.size(); ++i) {
      if (handovers) {
        judge(unsent[i], (*handovers)[i]);
      } else {
        settle_refused(unsent[i].hash, away(handovers.error()));
      }
    }
  }
}

Refused Submissions::away(const std::string& fault) const {
  return busy(
      fmt::format("CometBFT of this node does not take transactions at {}: {}. The same bytes may be sent again, "
                  "here or to another node",
                  options_.rpc, fault));
}

void Submissions::judge(const Unsent& sent, const Handover& handover) {
  switch (handover.fate) {
    case Fate::Taken:
    // It waits already, or stands in a block that on_block has told or will tell.
    case Fate::Known: return;
    case Fate::Refused: settle_refused(sent.hash, refused_of(handover)); return;
    case Fate::Full: settle_refused(sent.hash, busy(fmt::format("CometBFT of this node: {}", handover.detail))); return;
    case Fate::Failed: settle_refused(sent.hash, away(handover.detail)); return;
  }
}

void Submissions::on_block(const protocol::BlockResult& block, const std::vector<LeftOut>& left_out) {
  for (const protocol::Receipt& receipt : block.receipts) {
    settle(receipt.core.transaction,
           Submitted{{receipt.core, receipt.detail, receipt.history_index, block.time}, false});
  }
  for (const LeftOut& one : left_out) settle_refused(one.first, Refused{one.second});
}

void Submissions::on_dropped(const Hash32& transaction, const Refusal& refusal) {
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.contains(transaction)) return;
  }
  // With its sequence used by another one it never comes into a block; all else may be seen otherwise by the next
  // proposer, which has it too.
  if (refusal.code == RefusalCode::SequenceUsed) {
    settle_refused(transaction, Refused{refusal});
  } else {
    settle_refused(transaction,
                   busy(fmt::format("it has left the mempool of this node: {} ({}). Send the same bytes again",
                                    refusal.info().what, refusal.detail)));
  }
}

void Submissions::settle_refused(const Hash32& hash, Refused refused) {
  auto stored = store_.find_receipt(hash);
  if (stored && *stored) {
    settle(hash, Submitted{std::move(**stored), true});
    return;
  }
  if (!stored) {
    spdlog::critical("{}", stored.error().text);
    refused = busy("this node cannot read whether the transaction was applied before");
  }
  settle(hash, fail(std::move(refused)));
}

std::vector<Answer> Submissions::take(const Hash32& hash) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(hash);
  if (found == waiting_.end()) return {};
  std::vector<Answer> answers = std::move(found->second.answers);
  waiting_.erase(found);
  counters_.waiting = waiting_.size();
  return answers;
}

void Submissions::settle(const Hash32& hash, const SubmitResult& result) {
  for (const Answer& answer : take(hash)) {
    if (!result) {
      ++counters_.refused;
    } else if (result->duplicate) {
      ++counters_.duplicates;
    }
    answer(result);
  }
}

void Submissions::look_loop() {
  CometRpc rpc(options_.rpc, options_.rpc_timeout);
  for (;;) {
    look(rpc);
    end_patience();
    std::unique_lock lock(mutex_);
    if (stop_asked_.wait_for(lock, options_.look_every, [this] { return stopping_; })) return;
  }
}

void Submissions::look(CometRpc& rpc) {
  auto status = rpc.status();
  std::string fault;
  if (!status) {
    fault = status.error();
  } else if (status->network != chain_id_) {
    fault = fmt::format("it is of chain {}, and this node of {}", status->network, chain_id_);
  }
  const std::lock_guard lock(mutex_);
  const bool was_there = comet_.has_value();
  comet_ = fault.empty() ? std::optional(std::move(*status)) : std::nullopt;
  if (comet_ && !was_there) {
    spdlog::info("CometBFT {} answers at {}{}", comet_->version, options_.rpc,
                 comet_->catching_up ? ", catching up" : "");
  } else if (!comet_ && (was_there || fault != fault_)) {
    spdlog::warn("CometBFT does not answer at {}: {}", options_.rpc, fault);
  }
  fault_ = std::move(fault);
}

void Submissions::end_patience() {
  const auto now = Clock::now();
  std::vector<Hash32> over;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [hash, waiting] : waiting_) {
      if (waiting.until <= now) over.push_back(hash);
    }
  }
  for (const Hash32& hash : over) {
    settle_refused(hash,
                   busy(fmt::format("no block took it within {} s, and one still may: ask for its receipt, or send the "
                                    "same bytes again",
                                    std::chrono::duration_cast<std::chrono::seconds>(options_.patience).count())));
  }
}

Condition Submissions::condition() const {
  const std::lock_guard lock(mutex_);
  if (!comet_) {
    return {
        Readiness::OrdererAway,
        fmt::format("CometBFT of this node does not answer at {}: {}. Reads are answered, as old as the last block.",
                    options_.rpc, fault_)};
  }
  if (comet_->catching_up) {
    return {Readiness::CatchingUp, "This node is catching up with its network; what is read here is old."};
  }
  return {};
}

std::optional<CometStatus> Submissions::comet() const {
  const std::lock_guard lock(mutex_);
  return comet_;
}

}  // namespace starminer::engine::cometbft
