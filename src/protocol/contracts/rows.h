// The Compute Service Contract (CSC-1, protocol section 5): one row per match, everything a bill can be recomputed
// from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "protocol/job/end_reason.h"
#include "protocol/pricing/pricing.h"
#include "protocol/registry/rows.h"
#include "protocol/reserve/rows.h"
#include "protocol/timers/timers.h"

namespace starminer::protocol {

enum class ContractState : std::uint8_t {
  Assigned = 0,   // matched; the provider must acknowledge
  Preparing = 1,  // acknowledged; fetching inputs
  Running = 2,    // the meter runs
  Delivered = 3,  // the result is there; the acceptance window is open
  Settled = 4,    // paid
  Refunded = 5,   // ended without payment for a result; accepted checkpoints may have been paid
  Requeued = 6,   // ended by a fault; the job is matched again under a new contract
};
[[nodiscard]] constexpr std::uint8_t enum_count(ContractState) { return 7; }
[[nodiscard]] std::string_view contract_state_name(ContractState state);
[[nodiscard]] constexpr bool is_final(ContractState state) { return state >= ContractState::Settled; }

/// Everything the unit price was computed from (WRK-4): recomputing it gives `unit`.
struct PriceInputs {
  TierId tier = 0;
  ClassId hardware_class = 0;
  Price base;
  std::uint64_t log_price = 0;
  std::uint64_t slow_log_price = 0;
  Factors factors;
  Price ceiling;  // the job's max_price at the match: later attempts keep the first unit price as theirs
  Price unit;     // the smaller of ceil(base x factors) and the ceiling
};

/// Why this node: what the decision came to. The block's seed and the state before it give the whole table again (MAT,
/// protocol section 3).
struct MatchReceipt {
  std::uint64_t height = 0;  // block of the match
  std::uint32_t score = 0;   // parts by the weights of the tier, 0..62,400
  std::array<std::uint16_t, kScoreTermCount> parts{};
  std::uint16_t reserve = 0;  // 240 where it counted that the node stands by: the reserve was drawn
};

/// A notice that the contract's job must give way to another, and what is paid for it (protocol section 3).
struct Notice {
  JobId by;
  TimeMs given;
  TimeMs due;
  bool open = true;  // the money below is still locked
  Agpu share;        // of the price of a minute of that job's GPUs: the requester's
  Agpu unsaved;   // price of the time that is lost: the provider's, as far as it ran for nothing, else the requester's
  Agpu provider;  // of that, paid to the provider
};

/// A host of a gang (protocol section 3), and how far its part of the job is. Times: 0 where it did not happen.
struct GangHost {
  NodeId node;
  Allocation allocation;
  TimeMs ready;   // it runs, or did
  TimeMs heard;   // last sign of life
  TimeMs done;    // it ended well; the lead's part ends with the contract
  Hash32 report;  // what it made, as the host says
};

struct ContractRow {
  JobId job;
  std::uint32_t attempt = 0;
  AccountId requester;
  AccountId provider;
  AccountId payout;
  NodeId node;
  JobKind kind{};
  Allocation allocation;
  std::uint64_t billing_milli = 0;    // thousandths of a device that are billed; 1000 for a job without GPU
  std::uint32_t rating_cu_x1000 = 0;  // of the node for this kind of job when it was matched
  PriceInputs price;
  MatchReceipt match;
  Agpu cap;
  std::uint64_t expected_s = 0;
  std::uint64_t max_s = 0;
  Hash32 manifest_hash;
  std::vector<Hash32> inputs;
  std::uint64_t input_bytes = 0;

  ContractState state{};
  TimeMs matched;
  TimeMs acknowledged;  // 0: not yet; so with all times below
  TimeMs started;
  TimeMs last_progress;
  std::uint64_t progress_run_ms = 0;  // run time at the last progress
  TimeMs stopped;
  TimeMs delivered;
  TimeMs ended;
  TimerKind timer{};  // of the state, armed while the contract lives
  TimeMs timer_due;
  TimeMs run_end_due;  // second timer of a running contract; 0 where not armed

  std::uint64_t metered_ms = 0;
  Hash32 result_hash;
  std::vector<Hash32> outputs;
  Hash32 proof_hash;  // completion proof, or the report of a failure
  EndReason end_reason{};
  Party party{};
  FeeSplit bill;           // pay is 0 until settled
  ContractId prior_claim;  // earlier contract of the job that claimed the same fault of the requester; zero: none
  FeeSplit prior_bill;     // what its provider is paid with this settlement
  Agpu returned;           // of the price of the metered time, not charged because the job started too late
  Agpu insured;            // paid by the insurance fund for the same, on top of the refund
  Agpu refund;
  std::uint64_t compute_units_milli = 0;  // TOK-2: GPU-seconds x rating; 0 for a job without GPU
  std::optional<Notice> notice;
  std::optional<DeclineCharge> decline;  // paid out of the node's stake in the reserve, as it did not serve
  std::vector<GangHost> gang;            // all hosts, `node` the first; empty: the job runs on `node` alone
};

/// What a requester paid for Premium jobs, and what of it the insurance fund gave back.
struct PremiumFeesRow {
  Agpu settled;
  Agpu insured;
};

}  // namespace starminer::protocol
