#include "engine/cometbft/verifier.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>

#include "starminer/v1/transaction.pb.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::size_t kPiece = 16;  // transactions that a thread takes at once
constexpr std::size_t kAlone = 4;   // so few are checked sooner than another thread wakes

/// A transaction of 64 KiB may be a list of thirty thousand empty messages.
std::uint64_t memory_of(const protocol::VerifiedTransaction& transaction) {
  return transaction.bytes().size() + transaction.body().SpaceUsedLong();
}

}  // namespace

std::size_t Verifier::HashOfHash::operator()(const Hash32& hash) const {
  std::size_t word = 0;
  std::memcpy(&word, hash.bytes.data(), sizeof(word));
  return word;
}

Verifier::Verifier(std::string chain_id, const VerifierOptions& options)
    : chain_id_(std::move(chain_id)), options_(options) {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const unsigned helpers = options.threads == 0 ? cores - 1 : options.threads;
  for (unsigned i = 0; i < helpers; ++i) {
    threads_.emplace_back([this] {
      ::pthread_setname_np(::pthread_self(), "verifier");
      help_loop();
    });
  }
}

Verifier::~Verifier() {
  {
    const std::lock_guard lock(work_mutex_);
    stopping_ = true;
  }
  work_come_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t Verifier::kept() const {
  const std::lock_guard lock(known_mutex_);
  return known_.size();
}

std::uint64_t Verifier::kept_bytes() const {
  const std::lock_guard lock(known_mutex_);
  return known_bytes_;
}

void Verifier::make_room() {
  while (!known_.empty() && (known_.size() > options_.kept_max || known_bytes_ > options_.kept_bytes_max)) {
    const auto oldest = known_.find(ages_.back());
    known_bytes_ -= oldest->second.entry->bytes;
    known_.erase(oldest);
    ages_.pop_back();
  }
}

std::shared_ptr<Verifier::Entry> Verifier::entry_of(const Hash32& hash, bool remember) {
  const std::lock_guard lock(known_mutex_);
  if (const auto found = known_.find(hash); found != known_.end()) {
    ages_.splice(ages_.begin(), ages_, found->second.age);
    return found->second.entry;
  }
  auto entry = std::make_shared<Entry>();
  if (!remember) return entry;
  ages_.push_front(hash);
  known_.emplace(hash, Known{entry, ages_.begin()});
  make_room();
  return entry;
}

void Verifier::weigh(const Hash32& hash, const std::shared_ptr<Entry>& entry, std::uint64_t bytes) {
  const std::lock_guard lock(known_mutex_);
  const auto found = known_.find(hash);
  if (found == known_.end() || found->second.entry != entry) return;
  entry->bytes = bytes;
  known_bytes_ += bytes;
  make_room();
}

void Verifier::keep(const protocol::VerifiedTransaction& transaction, Keep how) {
  const std::uint64_t bytes = memory_of(transaction);
  const std::lock_guard lock(known_mutex_);
  if (known_.contains(transaction.hash())) return;
  if (how == Keep::IfThereIsRoom &&
      (known_.size() >= options_.kept_max || known_bytes_ + bytes > options_.kept_bytes_max)) {
    return;
  }
  auto entry = std::make_shared<Entry>();
  std::call_once(entry->once, [&] { entry->outcome = transaction; });
  entry->bytes = bytes;
  ages_.push_front(transaction.hash());
  known_.emplace(transaction.hash(), Known{std::move(entry), ages_.begin()});
  known_bytes_ += bytes;
  make_room();
}

void Verifier::forget(const Hash32& hash, const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(known_mutex_);
  const auto found = known_.find(hash);
  if (found == known_.end() || found->second.entry != entry) return;
  known_bytes_ -= entry->bytes;
  ages_.erase(found->second.age);
  known_.erase(found);
}

void Verifier::check_one(Work& work, std::size_t i) {
  const ByteView bytes = work.transactions[i];
  work.hashes[i] = sha256(bytes);
  work.entries[i] = entry_of(work.hashes[i], work.remember);
  Entry& entry = *work.entries[i];
  std::call_once(entry.once, [&] {
    ++checks_;
    entry.outcome = protocol::verify_transaction(bytes, chain_id_);
    if (*entry.outcome) weigh(work.hashes[i], work.entries[i], memory_of(**entry.outcome));
  });
  if (!*entry.outcome) forget(work.hashes[i], work.entries[i]);
}

void Verifier::check_some(Work& work) {
  const std::size_t count = work.transactions.size();
  for (;;) {
    const std::size_t from = work.next.fetch_add(kPiece);
    if (from >= count) return;
    const std::size_t to = std::min(count, from + kPiece);
    for (std::size_t i = from; i < to; ++i) check_one(work, i);
    if (work.left.fetch_sub(to - from) == to - from) {
      const std::lock_guard lock(work.mutex);
      work.done.notify_all();
    }
  }
}

void Verifier::help_loop() {
  for (;;) {
    std::shared_ptr<Work> work;
    {
      std::unique_lock lock(work_mutex_);
      work_come_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (stopping_) return;
      work = work_.front();
      // Whoever comes when all of it is taken clears it away.
      if (work->next >= work->transactions.size()) {
        work_.pop_front();
        continue;
      }
    }
    check_some(*work);
  }
}

std::vector<Verified> Verifier::verify(std::span<const ByteView> transactions) { return check_all(transactions, true); }

std::vector<Verified> Verifier::look(std::span<const ByteView> transactions) { return check_all(transactions, false); }

std::vector<Verified> Verifier::check_all(std::span<const ByteView> transactions, bool remember) {
  const auto work = std::make_shared<Work>();
  work->transactions = transactions;
  work->remember = remember;
  work->hashes.resize(transactions.size());
  work->entries.resize(transactions.size());
  work->left = transactions.size();
  const bool alone = transactions.size() <= kAlone || threads_.empty();
  if (!alone) {
    {
      const std::lock_guard lock(work_mutex_);
      work_.push_back(work);
    }
    work_come_.notify_all();
  }
  check_some(*work);
  if (!alone) {
    {
      std::unique_lock lock(work->mutex);
      work->done.wait(lock, [&] { return work->left == 0; });
    }
    const std::lock_guard lock(work_mutex_);
    if (const auto mine = std::find(work_.begin(), work_.end(), work); mine != work_.end()) work_.erase(mine);
  }
  std::vector<Verified> outcomes;
  outcomes.reserve(transactions.size());
  for (const auto& entry : work->entries) outcomes.push_back(*entry->outcome);
  return outcomes;
}

}  // namespace starminer::engine::cometbft
