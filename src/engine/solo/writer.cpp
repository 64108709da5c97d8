// The engine's one writer: takes what waits, makes a block of it, has it made durable, answers.
#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

#include "engine/solo/engine_queue.h"

namespace starminer::engine::solo {
namespace {

using protocol::Refusal;
using protocol::RefusalCode;

constexpr auto kIdleWait = std::chrono::milliseconds(1'000);
constexpr auto kFullWait = std::chrono::milliseconds(250);  // between looks at a disk without space

Refusal disk_full() { return {RefusalCode::DiskFull, "reads go on, and nothing that was answered is lost"}; }

}  // namespace

void Engine::write_loop() {
  for (;;) {
    const auto due = machine_->next_due();
    auto until_due = due ? std::chrono::milliseconds(elapsed(*due, wall_clock()).ms) : kIdleWait;
    if (full_) until_due = kFullWait;
    Batch batch;
    {
      std::unique_lock lock(queue_->mutex);
      queue_->to_write.wait_for(lock, std::min<std::chrono::milliseconds>(until_due, kIdleWait),
                                [this] { return queue_->stopping || !queue_->verified.empty(); });
      if (queue_->stopping) return;
      batch = queue_->verified.take(options_.block_transactions, options_.block_bytes);
      counters_.waiting = queue_->unverified + queue_->verified.size();
    }
    if (!has_room()) {
      for (const Pending& pending : batch) {
        answer_excluded(pending, disk_full());
      }
      continue;
    }
    write_block(std::move(batch));
    if (failed_) {
      refuse_waiting();
      return;
    }
  }
}

bool Engine::has_room() {
  const auto room = store_->make_room();
  if (!room) {
    if (!full_.exchange(true)) spdlog::error("no transactions are taken: {}", room.error().text);
    return false;
  }
  if (full_.exchange(false)) spdlog::warn("there is disk space again, and transactions are taken");
  return true;
}

void Engine::write_block(Batch batch) {
  const TimeMs now = std::max(wall_clock(), machine_->chain().block_time);
  const std::size_t first = find_first_admitted(batch, now);
  const auto due = machine_->next_due();
  if (first < batch.size() || (due && *due <= now)) make_block(batch, first, now);
}

std::size_t Engine::find_first_admitted(const Batch& batch, TimeMs now) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto admitted = machine_->admit(batch[i].transaction(), now, 0);
    if (admitted) return i;
    answer_excluded(batch[i], std::move(admitted.error()));
  }
  return batch.size();
}

void Engine::make_block(const Batch& batch, std::size_t first, TimeMs now) {
  const protocol::SeedStep step = unused_step_ ? *std::exchange(unused_step_, std::nullopt) : seeds_.take();
  std::unique_lock lock(state_mutex_);
  const protocol::BlockHeader header{machine_->chain().height + 1, now, machine_->app_hash(),
                                     protocol::OrderRule::Arrival};
  machine_->begin_block(header, step);
  std::vector<Bytes> transactions;
  transactions.reserve(batch.size() - first);
  // The receipts of a block stand in the order of its transactions; a refusal stands for one that is not in it.
  std::vector<std::optional<Refusal>> refusals(batch.size());
  for (std::size_t i = first; i < batch.size(); ++i) {
    if (auto receipt = machine_->execute(batch[i].transaction())) {
      transactions.push_back(batch[i].transaction().bytes());
    } else {
      refusals[i] = std::move(receipt.error());
    }
  }
  const std::size_t included = transactions.size();
  const protocol::BlockResult result = machine_->finish_block();
  const Stored stored = persist(header, step, std::move(transactions), result);
  if (stored == Stored::NoRoom) {
    unused_step_ = step;
    const std::unique_ptr<protocol::Machine> ahead = take_back();
    lock.unlock();
    for (std::size_t i = first; i < batch.size() && !failed_; ++i) answer_excluded(batch[i], disk_full());
  }
  if (failed_) {
    if (lock.owns_lock()) lock.unlock();
    for (std::size_t i = first; i < batch.size(); ++i) {
      answer(batch[i], fail(Refused{{RefusalCode::NodeBusy,
                                     "the disk failed; ask for the receipt when the node runs again, and send the same "
                                     "bytes once more where there is none"},
                                    Backpressure::Node}));
    }
  }
  if (stored != Stored::Durable) return;
  const std::vector<BlockListener> listeners = listeners_;
  lock.unlock();
  ++counters_.blocks;
  counters_.applied += included;
  auto receipt = result.receipts.begin();
  for (std::size_t i = first; i < batch.size(); ++i) {
    if (refusals[i]) {
      answer_excluded(batch[i], std::move(*refusals[i]));
      continue;
    }
    answer(batch[i], Submitted{{receipt->core, receipt->detail, receipt->history_index, now}, false});
    ++receipt;
  }
  for (const BlockListener& listener : listeners) listener(result);
}

Engine::Stored Engine::persist(const protocol::BlockHeader& header, const protocol::SeedStep& step,
                               std::vector<Bytes> transactions, const protocol::BlockResult& result) {
  storage::StoredBlock block{
      header.height,         header.time,    header.previous_app_hash, header.order_rule, step.proposer(),
      step.preamble_bytes(), step.seed(),    std::move(transactions),  result.state_root, result.history_root,
      result.history_size,   result.app_hash};
  const auto begin = std::chrono::steady_clock::now();
  const auto written = store_->write(std::move(block), result);
  const auto spent = std::chrono::steady_clock::now() - begin;
  counters_.sync_microseconds +=
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
  if (written) return Stored::Durable;
  if (written.error().fault == storage::StorageFault::Full) {
    full_ = true;
    spdlog::error("no transactions are taken: {}", written.error().text);
    return Stored::NoRoom;
  }
  // The machine in memory is ahead of the disk now: nothing may be answered from it any more.
  fail_for_good(written.error().text);
  return Stored::Failed;
}

// A disk that gives room in advance and then refuses it is rare enough for the way that is surely right: what is
// stored.
std::unique_ptr<protocol::Machine> Engine::take_back() {
  auto durable = std::make_unique<protocol::Machine>();
  if (const auto loaded = store_->load(*durable); !loaded) {
    fail_for_good(loaded.error().text);
    return nullptr;
  }
  return std::exchange(machine_, std::move(durable));
}

void Engine::fail_for_good(const std::string& why) {
  failed_ = true;
  spdlog::critical("{}", why);
  if (failure_handler_) failure_handler_(why);
}

void Engine::answer_excluded(const Pending& pending, Refusal refusal) {
  // What was applied has used up its sequence, so only a refused transaction can be one that came before.
  auto stored = store_->find_receipt(pending.transaction().hash());
  if (stored && *stored) {
    ++counters_.duplicates;
    answer(pending, Submitted{std::move(**stored), true});
    return;
  }
  ++counters_.refused;
  if (!stored) {
    spdlog::critical("{}", stored.error().text);
    refusal = {RefusalCode::NodeBusy, "this node cannot read whether the transaction was applied before"};
  }
  answer(pending, fail(Refused{std::move(refusal)}));
}

}  // namespace starminer::engine::solo
