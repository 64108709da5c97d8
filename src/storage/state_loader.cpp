#include "storage/state_loader.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "protocol/state/merkle.h"

namespace starminer::storage {
namespace {

constexpr std::size_t kBatchBytes = 1U << 20;
constexpr std::size_t kWaitingMax = 16;

/// Rows in one piece, so that handing them over costs a copy and no allocation each.
struct Batch {
  struct Entry {
    std::uint32_t key_bytes = 0;
    std::uint32_t row_bytes = 0;
  };
  Bytes bytes;
  std::vector<Entry> entries;
};

}  // namespace

struct StateLoader::Impl {
  explicit Impl(protocol::Machine& machine_to_fill) : machine(machine_to_fill) {
    thread = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "hasher");
      hash_loop();
    });
  }
  ~Impl() { end(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void hash_loop() {
    for (;;) {
      Batch batch;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return ended || !waiting.empty(); });
        if (waiting.empty()) return;
        batch = std::move(waiting.front());
        waiting.pop_front();
      }
      changed.notify_all();
      ByteView left(batch.bytes);
      for (const Batch::Entry& entry : batch.entries) {
        builder.add(protocol::state::row_path(left.first(entry.key_bytes)),
                    protocol::state::row_value(left.subspan(entry.key_bytes, entry.row_bytes)));
        left = left.subspan(entry.key_bytes + entry.row_bytes);
      }
    }
  }
  void hand_over() {
    if (filling.entries.empty()) return;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return waiting.size() < kWaitingMax; });
      waiting.push_back(std::exchange(filling, {}));
    }
    changed.notify_all();
  }
  /// Everything handed over is hashed when it returns.
  void end() {
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    changed.notify_all();
    if (thread.joinable()) thread.join();
  }

  protocol::Machine& machine;
  protocol::state::MerkleBuilder builder;  // of the thread until it has ended
  Batch filling;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::deque<Batch> waiting;
  bool ended = false;
  std::thread thread;
};

StateLoader::StateLoader(protocol::Machine& machine) : impl_(std::make_unique<Impl>(machine)) {}
StateLoader::~StateLoader() = default;

bool StateLoader::add_row(ByteView key, ByteView row) {
  if (key.empty() ||
      !impl_->machine.load_row_alone(static_cast<protocol::state::TableId>(key.front()), key.subspan(1), row)) {
    return false;
  }
  Batch& batch = impl_->filling;
  batch.bytes.insert(batch.bytes.end(), key.begin(), key.end());
  batch.bytes.insert(batch.bytes.end(), row.begin(), row.end());
  batch.entries.push_back({static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(row.size())});
  if (batch.bytes.size() >= kBatchBytes) impl_->hand_over();
  return true;
}

void StateLoader::add_part(const Hash32& part_hash) { impl_->machine.load_history_part(part_hash); }

void StateLoader::add_leaf(ByteView leaf) {
  impl_->machine.load_history_leaf(protocol::audit::HistoryTree::leaf_hash(leaf));
}

Result<void, std::string> StateLoader::finish(const Hash32& app_hash) {
  impl_->hand_over();
  impl_->end();
  std::thread half([this] { impl_->builder.build_half(true); });
  impl_->builder.build_half(false);
  const auto sound = impl_->machine.check_invariants();
  half.join();
  auto tree = impl_->builder.finish();
  if (!tree || !impl_->machine.adopt_commitment(std::move(*tree), app_hash)) {
    return fail(
        fmt::format("rows and history have the app hash {}, not {}", impl_->machine.app_hash().hex(), app_hash.hex()));
  }
  return sound;
}

}  // namespace starminer::storage
