#include "client/audit/walk.h"

namespace starminer::client::audit {
namespace {

using protocol::LoggedBlock;
using protocol::Replay;

class Walker {
 public:
  Walker(Replay replay, const std::vector<Visitor>& visitors, const std::optional<Hash32>& wanted)
      : replay_(std::move(replay)), visitors_(visitors), wanted_(wanted) {
    report_.chain_id = replay_.machine().chain().chain_id;
    replay_.observe_ledger(journal_);
  }

  [[nodiscard]] Result<void, protocol::ReplayFault> take(const LoggedBlock& block) {
    if (block.height == 0 && report_.blocks == 0) {
      if (auto same = replay_.check_genesis(block); !same) return same;
      say_step(block, nullptr, nullptr);
      say_end(block, replay_.genesis_result());
      return {};
    }
    const auto result =
        replay_.apply(block, [&](const protocol::VerifiedTransaction* transaction, const protocol::Receipt* receipt) {
          say_step(block, transaction, receipt);
        });
    if (!result) return fail(result.error());
    say_end(block, *result);
    return {};
  }
  void end() {
    for (const Visitor& visitor : visitors_) {
      if (visitor.on_end) visitor.on_end(replay_.machine());
    }
  }
  [[nodiscard]] const WalkReport& report() const { return report_; }

 private:
  void say_step(const LoggedBlock& block, const protocol::VerifiedTransaction* transaction,
                const protocol::Receipt* receipt) {
    const std::vector<Movement> movements = journal_.take();
    const Step step{block.height, block.time, transaction, receipt, movements, replay_.machine()};
    for (const Visitor& visitor : visitors_) {
      if (visitor.on_step) visitor.on_step(step);
    }
  }
  void say_end(const LoggedBlock& block, const protocol::BlockResult& result) {
    for (const Visitor& visitor : visitors_) {
      if (visitor.on_block) visitor.on_block({block, result, replay_.machine()});
    }
    ++report_.blocks;
    report_.transactions += block.transactions.size();
    report_.commitment = {block.height, block.state_root, block.history_root, block.history_size};
    if (wanted_ && *wanted_ == block.app_hash) report_.root_height = block.height;
  }

  Journal journal_;  // before the machine that tells it
  Replay replay_;
  const std::vector<Visitor>& visitors_;
  const std::optional<Hash32>& wanted_;
  WalkReport report_;
};

}  // namespace

Result<WalkReport, WalkError> walk(const protocol::Genesis& genesis, const LogFolder& folder,
                                   const std::vector<Visitor>& visitors, const std::optional<Hash32>& wanted,
                                   const std::function<void(std::uint64_t bytes)>& progress) {
  auto replay = Replay::start(genesis);
  if (!replay) return fail(WalkError{WalkFault::Damaged, "the genesis is not valid: " + replay.error()});
  auto reader = LogReader::open(folder);
  if (!reader) return fail(WalkError{WalkFault::Damaged, reader.error()});
  Walker walker(std::move(*replay), visitors, wanted);
  for (;;) {
    const auto block = reader->next();
    if (!block) return fail(WalkError{WalkFault::Damaged, block.error()});
    if (!*block) break;
    if (const auto same = walker.take(**block); !same) {
      return fail(WalkError{WalkFault::Difference, describe(same.error())});
    }
    if (progress) progress(reader->offset());
  }
  if (walker.report().blocks == 0) return fail(WalkError{WalkFault::Damaged, "the log has no blocks"});
  walker.end();
  return walker.report();
}

}  // namespace starminer::client::audit
