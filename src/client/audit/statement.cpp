#include "client/audit/statement.h"

#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "base/codec.h"
#include "client/audit/facts.h"
#include "protocol/operation_registry.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::client::audit {
namespace {

std::size_t at(Asset asset) { return static_cast<std::size_t>(asset); }

/// The other side of what moved between balances, as far as the operation names it.
std::string counterparty(const Step& step, const Movement& movement) {
  if (step.transaction == nullptr || step.receipt == nullptr) return {};
  const AccountId& sender = step.transaction->account();
  const v1::TransactionBody& body = step.transaction->body();
  if (movement.balance > 0 && movement.account != sender) return sender.text();
  const std::string* to = body.has_transfer()        ? &body.transfer().to()
                          : body.has_account_close() ? &body.account_close().beneficiary()
                                                     : nullptr;
  if (to == nullptr || movement.balance > 0) return {};
  const auto receiver = AccountId::from_view(as_bytes(*to));
  return receiver ? receiver->text() : std::string();
}

std::string words(const Step& step, const Movement& movement) {
  const auto lock = [&] {
    return movement.lock ? key_text(protocol::state::TableId::Locks, encode(*movement.lock))
                         : std::string("deposit of the account");
  };
  switch (movement.kind) {
    case MovementKind::Fee: return "fee";
    case MovementKind::Locked: return "held: " + lock();
    case MovementKind::Released: return "returned: " + lock();
    case MovementKind::PaidOfLock:
      return (movement.lock && movement.lock->purpose == protocol::LockPurpose::Stake ? "moved out of: "
                                                                                      : "paid out of: ") +
             lock();
    case MovementKind::Moved: break;
  }
  if (step.height == 0) return "genesis";
  const std::string other = counterparty(step, movement);
  const bool is_transfer = step.transaction != nullptr &&
                           (step.transaction->body().has_transfer() || step.transaction->body().has_account_close());
  if (!is_transfer) return movement.balance > 0 ? "paid for a contract" : "paid";
  return movement.balance > 0 ? "received from " + other : "sent to " + other;
}

std::string operation_of(const Step& step) {
  if (step.height == 0) return "genesis";
  if (step.transaction == nullptr) return "time";
  return std::string(protocol::operation_name(static_cast<std::uint16_t>(step.transaction->body().operation_case())));
}

bool add_to(std::uint64_t& sum, std::int64_t change) {
  const auto next = static_cast<i128>(sum) + change;
  if (next < 0 || next > static_cast<i128>(kAmountMax)) return false;
  sum = static_cast<std::uint64_t>(next);
  return true;
}

std::string sums_text(const Sums& sums) { return fmt::format("balance {}, held {}", sums.balance, sums.held); }

}  // namespace

std::optional<std::uint64_t> parse_time(const std::string& text) {
  std::uint64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error == std::errc{} && end == text.data() + text.size()) return ms;
  for (const char* const form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* const rest = ::strptime(text.c_str(), form, &parts);
    if (rest == nullptr || *rest != '\0') continue;
    std::tm again = parts;
    const std::time_t seconds = ::timegm(&again);
    // The 31st of a month that has none becomes another day: that is no date.
    if (seconds < 0 || again.tm_mday != parts.tm_mday) return std::nullopt;
    return static_cast<std::uint64_t>(seconds) * 1000;
  }
  return std::nullopt;
}

Visitor Statement::visitor() {
  return {
      [this](const Step& step) { on_step(step); }, {}, [this](const protocol::Machine& machine) { on_end(machine); }};
}

void Statement::on_step(const Step& step) {
  if (fault_) return;
  bool touched = false;
  for (const Movement& movement : step.movements) {
    if (movement.account != account_) continue;
    touched = true;
    add(step, movement);
    if (fault_) return;
  }
  if (touched) compare(step);
}

void Statement::add(const Step& step, const Movement& movement) {
  known_ = true;
  Sums& sums = running_[at(movement.asset)];
  if (!add_to(sums.balance, movement.balance) || !add_to(sums.held, movement.held)) {
    fault_ = fmt::format("at height {} more {} left the account than it had ({})", step.height,
                         asset_name(movement.asset), sums_text(sums));
    return;
  }
  if (step.time.ms < period_.from_ms) {
    opening_ = running_;
    closing_ = running_;
  }
  if (!period_.contains(step.time)) return;
  closing_ = running_;
  StatementEntry entry;
  entry.height = step.height;
  entry.time = step.time;
  if (step.transaction != nullptr) entry.transaction = step.transaction->hash();
  if (step.receipt != nullptr) entry.history_index = step.receipt->history_index;
  entry.operation = operation_of(step);
  entry.what = words(step, movement);
  entry.asset = movement.asset;
  entry.balance = movement.balance;
  entry.held = movement.held;
  entry.after = sums;
  entries_.push_back(std::move(entry));
}

/// The sums of the movements against the ledger itself, by another way: its rows.
void Statement::compare(const Step& step) {
  const protocol::Ledger& ledger = step.machine.ledger();
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    if (ledger.balance(account_, asset) == running_[i].balance) continue;
    fault_ = fmt::format("at height {} the changes of {} add up to {}, the ledger has {}", step.height,
                         asset_name(asset), running_[i].balance, ledger.balance(account_, asset));
  }
}

/// What is held now: the deposit, and all locks that there are, counted.
void Statement::on_end(const protocol::Machine& machine) {
  AssetSums counted{};
  counted[at(Asset::Agpu)].held = machine.ledger().deposit(account_);
  for (const auto& [key, row] : machine.ledger().locks()) {
    if (row.owner == account_) counted[at(key.asset)].held += row.amount;
  }
  for (std::uint8_t i = 0; i < kAssetCount && !fault_; ++i) {
    if (counted[i].held == running_[i].held) continue;
    fault_ = fmt::format("the changes of what is held add up to {} {}, its locks hold {}", running_[i].held,
                         asset_name(static_cast<Asset>(i)), counted[i].held);
  }
}

Result<void, std::string> Statement::check() const {
  if (fault_) return fail(*fault_);
  AssetSums sums = opening_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const StatementEntry& entry = entries_[i];
    Sums& sum = sums[at(entry.asset)];
    if (!add_to(sum.balance, entry.balance) || !add_to(sum.held, entry.held) || sum != entry.after) {
      return fail(fmt::format("entry {} leaves {} at {}, it says {}", i, asset_name(entry.asset), sums_text(sum),
                              sums_text(entry.after)));
    }
  }
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    if (sums[i] == closing_[i]) continue;
    return fail(fmt::format("{}: the entries end at {}, the statement at {}", asset_name(static_cast<Asset>(i)),
                            sums_text(sums[i]), sums_text(closing_[i])));
  }
  return {};
}

}  // namespace starminer::client::audit
