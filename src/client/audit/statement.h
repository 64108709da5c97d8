// The itemised statement of an account (AUD-2): opening balance, every change with its cause, closing balance, per
// asset, for the free balance and for what is held in locks. It is fed by a walk from the genesis on and checks itself:
// the running sums must be those of the ledger after every step, or the statement fails. Never edited, only computed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "client/audit/walk.h"

namespace starminer::client::audit {

/// Unix times, the end not included.
struct Period {
  std::uint64_t from_ms = 0;
  std::uint64_t to_ms = ~std::uint64_t{0};

  [[nodiscard]] bool contains(TimeMs time) const { return time.ms >= from_ms && time.ms < to_ms; }
};
/// "2026-11-21", "2026-11-21T10:30:00Z" (both UTC) or Unix milliseconds.
[[nodiscard]] std::optional<std::uint64_t> parse_time(const std::string& text);

struct Sums {
  std::uint64_t balance = 0;
  std::uint64_t held = 0;

  bool operator==(const Sums&) const = default;
};
using AssetSums = std::array<Sums, kAssetCount>;

struct StatementEntry {
  std::uint64_t height = 0;
  TimeMs time;
  std::optional<Hash32> transaction;           // empty: the passing of time did it
  std::optional<std::uint64_t> history_index;  // of its receipt; empty for a fee that was taken before
  std::string operation;                       // name; "genesis", "time"
  std::string what;                            // "fee", "sent to sm1...", "held: escrow of job j1..."
  Asset asset{};
  std::int64_t balance = 0;
  std::int64_t held = 0;
  Sums after;
};

class Statement {
 public:
  Statement(const AccountId& account, const Period& period) : account_(account), period_(period) {}

  [[nodiscard]] Visitor visitor();

  [[nodiscard]] const AccountId& account() const { return account_; }
  [[nodiscard]] const AssetSums& opening() const { return opening_; }
  [[nodiscard]] const AssetSums& closing() const { return closing_; }
  [[nodiscard]] const std::vector<StatementEntry>& entries() const { return entries_; }
  /// True if the account exists or ever existed.
  [[nodiscard]] bool known() const { return known_; }
  /// Adds everything up again from the entries: opening + changes = closing, per asset, and each running sum. Fails
  /// with a sentence that names the first figure that does not fit.
  [[nodiscard]] Result<void, std::string> check() const;

 private:
  void on_step(const Step& step);
  void add(const Step& step, const Movement& movement);
  void compare(const Step& step);
  void on_end(const protocol::Machine& machine);

  AccountId account_;
  Period period_;
  AssetSums running_{};
  AssetSums opening_{};
  AssetSums closing_{};
  bool known_ = false;
  std::vector<StatementEntry> entries_;
  std::optional<std::string> fault_;
};

}  // namespace starminer::client::audit
