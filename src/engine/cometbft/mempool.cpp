#include "engine/cometbft/mempool.h"

#include <cstring>

#include <fmt/format.h>

#include "protocol/block_admission.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::engine::cometbft {
namespace {

using protocol::Refusal;
using protocol::RefusalCode;

// A transaction that was let in and is neither in a block nor asked of again was dropped by CometBFT, which tells
// nobody.
constexpr std::uint64_t kForgottenAfterBlocks = 16;

}  // namespace

std::size_t Mempool::HashOfAccount::operator()(const AccountId& account) const {
  std::size_t word = 0;
  std::memcpy(&word, account.bytes.data(), sizeof(word));
  return word;
}

void Mempool::follow(const protocol::Machine& machine) {
  const std::uint64_t height = machine.chain().height;
  if (height == height_) return;
  height_ = height;
  for (auto entry = next_.begin(); entry != next_.end();) {
    const protocol::AccountRow* row = machine.ledger().accounts().find(entry->first);
    const bool keep = row != nullptr && row->next_sequence < entry->second.sequence &&
                      entry->second.height + kForgottenAfterBlocks > height;
    entry = keep ? std::next(entry) : next_.erase(entry);
  }
}

// CometBFT asks of all that it has, in order, and may let new ones in before: those count, what is older does not until
// it was asked of.
void Mempool::begin_again() {
  if (again_height_ == height_) return;
  again_height_ = height_;
  again_.clear();
  std::erase_if(next_, [&](const auto& entry) { return entry.second.height != height_; });
}

std::optional<Refusal> Mempool::check(const protocol::Machine& machine,
                                      const protocol::VerifiedTransaction& transaction, TimeMs now, bool again) {
  follow(machine);
  if (again) begin_again();
  const Sequences& sequences = again ? again_ : next_;
  const AccountId& account = transaction.account();
  const protocol::AccountRow* row = machine.ledger().accounts().find(account);
  const auto known = sequences.find(account);
  const std::uint64_t pending =
      row != nullptr && known != sequences.end() && known->second.sequence > row->next_sequence
          ? known->second.sequence - row->next_sequence
          : 0;
  if (pending >= per_account_max_) {
    return Refusal{RefusalCode::NodeBusy, fmt::format("{} transactions of this account wait", pending)};
  }
  if (auto admitted = machine.admit(transaction, now, pending); !admitted) return std::move(admitted.error());
  if (!covers_fees(machine, account, pending + 1)) {
    return Refusal{RefusalCode::FeeNotCovered, fmt::format("{} transactions of this account wait for theirs", pending)};
  }
  const std::uint64_t following = transaction.body().sequence() + 1;
  if (again) again_[account] = {following, height_};
  Expected& expected = next_[account];
  expected = {std::max(expected.sequence, following), height_};
  return std::nullopt;
}

}  // namespace starminer::engine::cometbft
