// The deterministic state machine: blocks in, receipts, events and a new state root out. It lists all modules once.
// Nothing here knows which engine orders the transactions. One writer; queries only between blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/attestors/attestors.h"
#include "protocol/audit/history.h"
#include "protocol/block.h"
#include "protocol/contracts/contracts.h"
#include "protocol/governance/governance.h"
#include "protocol/ledger/ledger.h"
#include "protocol/market/market.h"
#include "protocol/operation/context.h"
#include "protocol/operation/refusal.h"
#include "protocol/params/params.h"
#include "protocol/pricing/pricing.h"
#include "protocol/randomness/randomness.h"
#include "protocol/registry/registry.h"
#include "protocol/reputation/reputation.h"
#include "protocol/reserve/reserve.h"
#include "protocol/staking/staking.h"
#include "protocol/state/store.h"
#include "protocol/telemetry/telemetry.h"
#include "protocol/timers/timers.h"
#include "protocol/transaction.h"

namespace starminer::protocol {

struct BlockHeader {
  std::uint64_t height = 0;
  TimeMs time;  // Unix time
  Hash32 previous_app_hash;
  OrderRule order_rule{};
};

/// The fate of one transaction, as it is hashed into the history.
struct ReceiptCore {
  Hash32 transaction;
  std::uint64_t height = 0;
  std::uint32_t index = 0;  // in the block
  AccountId account;
  std::uint64_t sequence = 0;
  std::uint16_t operation = 0;  // field number in TransactionBody
  std::uint16_t code = 0;       // RefusalCode; 0: applied
  Agpu fee;
  std::string subject;  // id that the operation made or touched, text form; empty if none
};

struct Receipt {
  ReceiptCore core;
  std::string detail;  // figures of a refusal, for people; not hashed
  std::uint64_t history_index = 0;
};

/// A leaf of the history tree: a receipt, or the final row of a contract (Settlement) or of a job (EndedJob), as
/// encoded bytes after one type byte.
enum class LeafType : std::uint8_t { Receipt = 0, Settlement = 1, EndedJob = 2 };

struct HistoryLeaf {
  std::uint64_t index = 0;
  LeafType type{};
  Bytes bytes;  // type byte and canonical encoding: what the leaf hash covers
};

struct BlockResult {
  std::uint64_t height = 0;
  TimeMs time;
  Hash32 seed;
  std::vector<Receipt> receipts;
  std::vector<Event> events;
  std::vector<HistoryLeaf> leaves;
  state::ChangeSet changes;
  Hash32 state_root;
  Hash32 history_root;
  std::uint64_t history_size = 0;
  Hash32 app_hash;
};

/// A value other than that of the preset.
struct GenesisParameter {
  Parameter parameter{};
  std::uint64_t value = 0;
};

struct GenesisAccount {
  AccountId account;
  Agpu agpu;
  Amax amax;
  Usd usd;
};

struct Genesis {
  std::string chain_id;
  Preset preset{};
  TimeMs time;
  std::vector<GenesisAccount> accounts;
  std::vector<AccountId> operators;
  std::vector<GenesisProposer> proposers;
  Agpu treasury;
  std::vector<GenesisParameter> parameters;
  std::optional<AccountId> governance;  // who may set parameters; nobody if empty
};

/// Position of the chain: a row of the state.
struct ChainRow {
  std::string chain_id;
  Preset preset{};
  std::uint64_t height = 0;
  TimeMs block_time;  // Unix time of the last block
  DurationMs halted;  // sum of all halts
  std::uint64_t ticks = 0;
  std::uint64_t epochs = 0;
  TimeMs epoch_ends;  // market time of the timer that ends the running epoch
};

class Machine {
 public:
  explicit Machine(Conservation conservation = Conservation::Checked);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Writes the genesis state as height 0. The error is a sentence that says what is wrong with the genesis.
  [[nodiscard]] Result<BlockResult, std::string> start(const Genesis& genesis);

  // Loading from storage: all rows, then the history in order, as leaf hashes or, for its beginning, as hashes of whole
  // parts (audit::HistoryTree), then `finish_load`.
  [[nodiscard]] bool load_row(state::TableId table, ByteView key, ByteView row);
  void load_history_leaf(const Hash32& leaf_hash);
  void load_history_part(const Hash32& part_hash);
  /// False if the loaded state does not hash to `app_hash` or an invariant is broken.
  [[nodiscard]] bool finish_load(const Hash32& app_hash);
  // The same with the commitment built beside (state::MerkleBuilder): all rows and leaf hashes, then
  // `adopt_commitment`. Invariants may be checked meanwhile, by `check_invariants`.
  [[nodiscard]] bool load_row_alone(state::TableId table, ByteView key, ByteView row);
  /// False if the state does not hash to `app_hash`. Requires: the commitment of exactly the rows that were loaded.
  [[nodiscard]] bool adopt_commitment(state::MerkleTree tree, const Hash32& app_hash);

  /// What keeps a transaction out of the next block now, if anything: envelope checks against the state, shape of the
  /// operation. `pending` is how many transactions of the account wait before it.
  [[nodiscard]] Result<void, Refusal> admit(const VerifiedTransaction& transaction, TimeMs now,
                                            std::uint64_t pending) const;

  // A block: begin, any number of transactions, finish. Due timers run in `begin_block`.
  /// `step` comes from `randomness()`, or from the proposer itself where it makes the block (SeedStep).
  /// Requires: height = last + 1, time not before the last block's, previous app hash equal, the step taken from the
  /// last seed at this height, no block open.
  void begin_block(const BlockHeader& header, const SeedStep& step);
  /// Takes the fee of the next transaction of a block of OrderRule::Lanes and uses its sequence up: all of a block pay
  /// before the first of them runs, so that none can spend what another owes. The error is what keeps the transaction
  /// out of the block; nothing has changed then. Requires: a block of OrderRule::Lanes is open, none of its
  /// transactions was executed.
  [[nodiscard]] Result<void, Refusal> charge(const VerifiedTransaction& transaction);
  /// Executes a transaction and returns its receipt: applied, or refused with its fee charged. The error is a refusal
  /// of the envelope or of the operation's shape: the transaction cannot be in a block now, and nothing has changed.
  /// Under OrderRule::Lanes there is no error. Requires there: the transactions come as they were charged, each once.
  [[nodiscard]] Result<Receipt, Refusal> execute(const VerifiedTransaction& transaction);
  /// Ends the block: history, changes, roots. A broken invariant aborts the process with a report before anything is
  /// stored: stopping is the promise.
  [[nodiscard]] BlockResult finish_block();

  /// Unix time at which the next timer is due: the engine makes a block then even without transactions.
  [[nodiscard]] std::optional<TimeMs> next_due() const;

  [[nodiscard]] const ChainRow& chain() const;
  [[nodiscard]] const Hash32& app_hash() const { return app_hash_; }
  /// What the app hash of the last block covers.
  [[nodiscard]] Commitment commitment() const;
  [[nodiscard]] Hash32 state_root() const { return store_.root(); }
  /// Context for queries: as if a block were made at this Unix time, with the seed of the last one, since nobody but
  /// its proposer knows the next.
  [[nodiscard]] BlockContext query_context(TimeMs now) const;
  [[nodiscard]] Result<void, std::string> check_invariants() const;

  /// The observer must outlive the machine. It is told of the rows that exist already.
  void observe_ledger(LedgerObserver& observer) { ledger_.add_observer(observer); }

  [[nodiscard]] const state::Store& store() const { return store_; }
  [[nodiscard]] const Params& params() const { return params_; }
  [[nodiscard]] const Governance& governance() const { return governance_; }
  [[nodiscard]] const Randomness& randomness() const { return randomness_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const Staking& staking() const { return staking_; }
  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] const Telemetry& telemetry() const { return telemetry_; }
  [[nodiscard]] const Attestors& attestors() const { return attestors_; }
  [[nodiscard]] const Reputation& reputation() const { return reputation_; }
  [[nodiscard]] const Pricing& pricing() const { return pricing_; }
  [[nodiscard]] const Market& market() const { return market_; }
  [[nodiscard]] const Reserve& reserve() const { return reserve_; }
  [[nodiscard]] const Contracts& contracts() const { return contracts_; }
  [[nodiscard]] const Timers& timers() const { return timers_; }
  [[nodiscard]] const audit::HistoryTree& history() const { return history_; }

 private:
  /// A block under construction.
  struct OpenBlock {
    BlockHeader header;
    BlockContext context;
    BlockResult result;
    std::vector<Hash32> charged;  // hashes of the transactions that have paid, under OrderRule::Lanes
    std::set<AccountId> closing;  // accounts with an AccountClose among them
  };

  [[nodiscard]] Result<void, Refusal> check_envelope(const VerifiedTransaction& transaction, TimeMs now,
                                                     std::uint64_t pending) const;
  /// How much of the gap between the last block and the open one, which would begin at `market_time`, counts for no
  /// one, since nobody could act.
  [[nodiscard]] DurationMs halt_within(DurationMs gap, TimeMs market_time) const;
  void run_timers();
  void on_timer(const TimerKey& timer);
  void on_epoch();
  [[nodiscard]] Result<void, std::string> set_parameters(const Genesis& genesis);
  /// What became of a well-formed operation.
  struct Outcome {
    std::string subject;  // id that it made or touched
    std::optional<Refusal> refusal;
  };
  /// Runs one operation through its three phases; takes the fee once its shape is valid, where `charge` did not. The
  /// error is the refusal of its shape: then nothing has changed.
  [[nodiscard]] Result<Outcome, Refusal> run_operation(const VerifiedTransaction& transaction);
  void add_leaf(LeafType type, Bytes bytes);
  /// What ended since the last call enters the history: contracts, then jobs.
  void record_ends();
  void seal(BlockResult& result);
  void require_invariants(std::string_view after) const;

  state::Store store_;
  state::Table<std::uint8_t, ChainRow> chain_;
  Params params_;
  Governance governance_;
  Randomness randomness_;
  Timers timers_;
  Ledger ledger_;
  Staking staking_;
  Reputation reputation_;
  Registry registry_;
  Telemetry telemetry_;
  Attestors attestors_;
  Pricing pricing_;
  Market market_;
  Reserve reserve_;
  Contracts contracts_;
  audit::HistoryTree history_;
  Hash32 app_hash_;
  std::unique_ptr<OpenBlock> open_;
  std::size_t receipts_before_ = 0;  // of the last block: the next one has room for as many
};

}  // namespace starminer::protocol
