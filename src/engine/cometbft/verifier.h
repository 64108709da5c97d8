// Transactions whose signature was checked once, and the threads that check them. A transaction comes to a validator up
// to four times: for the mempool, for its own proposal, in the proposal of another, and in the decided block. Its
// signature is verified the first time and then remembered by the hash of its bytes, within bounds; two that come at
// the same time wait for one check. Refused bytes are not remembered, nor is what a client sends before it was let in:
// strangers can neither fill the memory nor push out what waits. Any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "protocol/transaction.h"

namespace starminer::engine::cometbft {

using Verified = Result<protocol::VerifiedTransaction, protocol::Refusal>;

struct VerifierOptions {
  unsigned threads = 0;                        // besides those that call; 0: one less than there are cores
  std::size_t kept_max = 65'536;               // transactions that are remembered
  std::uint64_t kept_bytes_max = 256U << 20U;  // and what they take in memory, signed bytes and decoded
};

/// What `keep` does where there is no room: a transaction may push out the oldest, or is not remembered.
enum class Keep : std::uint8_t { PushingOut, IfThereIsRoom };

class Verifier {
 public:
  Verifier(std::string chain_id, const VerifierOptions& options);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// What protocol::verify_transaction says of each. Those that are sound are remembered.
  [[nodiscard]] std::vector<Verified> verify(std::span<const ByteView> transactions);
  /// The same without remembering what was not remembered before.
  [[nodiscard]] std::vector<Verified> look(std::span<const ByteView> transactions);
  /// Remembers one of those that `look` found sound.
  void keep(const protocol::VerifiedTransaction& transaction, Keep how);

  /// Checks of signatures so far, as opposed to look-ups.
  [[nodiscard]] std::uint64_t checks() const { return checks_; }
  /// Transactions that are remembered now.
  [[nodiscard]] std::size_t kept() const;
  /// What they take in memory.
  [[nodiscard]] std::uint64_t kept_bytes() const;

 private:
  struct Entry {
    std::once_flag once;
    std::optional<Verified> outcome;
    std::uint64_t bytes = 0;  // known once it was checked
  };
  struct Known {
    std::shared_ptr<Entry> entry;
    std::list<Hash32>::iterator age;
  };
  struct HashOfHash {
    std::size_t operator()(const Hash32& hash) const;
  };
  /// One call's transactions, which several threads take from.
  struct Work {
    std::span<const ByteView> transactions;
    bool remember = true;
    std::vector<Hash32> hashes;
    std::vector<std::shared_ptr<Entry>> entries;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> left{0};
    std::mutex mutex;
    std::condition_variable done;
  };

  void help_loop();
  /// Checks what nobody else took, in pieces.
  void check_some(Work& work);
  void check_one(Work& work, std::size_t i);
  [[nodiscard]] std::vector<Verified> check_all(std::span<const ByteView> transactions, bool remember);
  [[nodiscard]] std::shared_ptr<Entry> entry_of(const Hash32& hash, bool remember);
  /// Counts what a new entry takes, and has the oldest go where there is no room for it.
  void weigh(const Hash32& hash, const std::shared_ptr<Entry>& entry, std::uint64_t bytes);
  void forget(const Hash32& hash, const std::shared_ptr<Entry>& entry);
  void make_room();  // known_mutex_ is held

  const std::string chain_id_;
  const VerifierOptions options_;
  std::atomic<std::uint64_t> checks_{0};

  mutable std::mutex known_mutex_;
  std::unordered_map<Hash32, Known, HashOfHash> known_;
  std::list<Hash32> ages_;  // used last, first
  std::uint64_t known_bytes_ = 0;

  std::mutex work_mutex_;
  std::condition_variable work_come_;
  std::deque<std::shared_ptr<Work>> work_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace starminer::engine::cometbft
