// Whether the parts of a whole chain belong together: rows and leaves give the app hash, blocks follow each other from
// the genesis on, receipts and the index of what has ended are those of the leaves. Needs the memory of a node. One
// thread feeds it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/machine.h"
#include "storage/database.h"
#include "storage/ended_check.h"
#include "storage/state_loader.h"

namespace starminer::storage {

/// What the whole must turn out to be.
struct ChainTarget {
  std::string chain_id;
  std::uint64_t height = 0;
  TimeMs time;  // Unix time of the block of this height
  std::uint64_t history_size = 0;
  Hash32 app_hash;
  Hash32 seed;  // of the block of this height
};

/// Takes all rows in their order, and says of each whether it can be where it stands.
class ChainCheck {
 public:
  explicit ChainCheck(ChainTarget target) : target_(std::move(target)), loader_(machine_) {}

  /// A row: parts in their order, keys rising within each, leaves in records of kLeavesPerRecord.
  [[nodiscard]] bool take(Part part, ByteView key, ByteView value);
  /// Fails with what the whole lacks.
  [[nodiscard]] Result<void, std::string> finish();

 private:
  /// What a leaf is about, short enough to keep for all of them: a receipt's transaction, or that something ended.
  using Mark = std::uint64_t;

  [[nodiscard]] bool take_leaves(ByteView key, ByteView value);
  [[nodiscard]] bool take_receipt(ByteView key, ByteView value);
  [[nodiscard]] bool take_ended(ByteView key, ByteView value);
  /// Blocks follow each other from the genesis on, and their transactions are those of the receipts.
  [[nodiscard]] bool take_block(ByteView key, ByteView value);

  const ChainTarget target_;
  protocol::Machine machine_;
  StateLoader loader_;
  Part part_{};
  Bytes last_key_;
  EndedCheck ended_;
  std::vector<Mark> marks_;   // of the leaves
  std::uint64_t places_ = 0;  // of receipts and ended rows
  std::optional<protocol::LoggedBlock> last_block_;
};

/// What a database says that it holds. Fails where that cannot be read.
[[nodiscard]] Result<ChainTarget, std::string> target_of(const Database& database);
/// Every row of a part, the leaves grouped as they must be for `ChainCheck`: how the database groups them depends on
/// when its checkpoints were. False from the visitor ends it without an error.
[[nodiscard]] Result<void, StorageError> for_each_in_order(const Database& database, Part part,
                                                           const Database::Visitor& f);
/// Checks everything that a database holds, against the checksums of its files and against itself.
[[nodiscard]] Result<ChainTarget, std::string> check_database(const Database& database);

}  // namespace starminer::storage
