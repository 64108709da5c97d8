// The market behind CometBFT (ABCI 2.0): the same machine as in `solo`, ordered by validators. This is the application;
// the socket that it is asked over is server.h. FinalizeBlock executes a decided block where nobody sees it and writes
// nothing; Commit makes it durable and visible in one step. A crash anywhere between leaves the chain at the block
// before, and the same block comes to the same hash. Threading: as handler.h says, each lane from one thread;
// everything else as noted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/cometbft/handler.h"
#include "engine/cometbft/mempool.h"
#include "engine/cometbft/replicas.h"
#include "engine/cometbft/submissions.h"
#include "engine/cometbft/verifier.h"
#include "engine/engine.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::engine::cometbft {

/// Of the rules by which blocks are made into states; stands in CometBFT's headers.
inline constexpr std::uint64_t kAppVersion = 1;
inline constexpr std::string_view kAbciVersion = "2.0.0";
/// Codespace of refusals: their codes are those of docs/reference/refusals.md.
inline constexpr std::string_view kCodespace = "starminer";
/// Codespace of what this engine says of a transaction of a decided block.
inline constexpr std::string_view kEngineCodespace = "starminer-engine";
inline constexpr std::uint32_t kOutOfOrder = 1;   // it does not stand where the seed of the block puts it
inline constexpr std::uint32_t kBadPreamble = 2;  // the preamble proves nothing: the seed follows the skip rule

struct EngineOptions {
  std::string version;  // of this program
  VerifierOptions verifier;
  std::uint64_t pending_per_account_max = 1'024;
  SubmissionOptions submissions{};
};

struct EngineCounters : engine::EngineCounters {
  std::atomic<std::uint64_t> checked{0};     // transactions for the mempool, of everybody
  std::atomic<std::uint64_t> not_let_in{0};  // of those
  std::atomic<std::uint64_t> proposed{0};    // blocks by this node
  std::atomic<std::uint64_t> rejected{0};    // proposals that it did not vote for
};

class Engine final : public engine::Engine, public Handler {
 public:
  /// Loads the store, or starts it with the genesis where it is empty. `proposer` is this node's, where it is a
  /// validator. Fails with a sentence where the store belongs to another genesis or to the engine `solo`.
  [[nodiscard]] static Result<std::unique_ptr<Engine>, std::string> open(
      std::unique_ptr<storage::ChainStore> store, const protocol::Genesis& genesis,
      const std::optional<protocol::Proposer>& proposer, const EngineOptions& options);
  ~Engine() override;

  /// Begins to hand transactions to CometBFT. Blocks are made whether it was started or not.
  void start() override;
  void stop() override;
  void submit(ByteView transaction, Answer answer) override;
  [[nodiscard]] Result<void, Refused> submit_batch(std::vector<Bytes> transactions, BatchAnswer answer) override;
  /// Listeners run on the consensus lane.
  void add_listener(BlockListener listener) override;
  /// Called on the consensus lane.
  void on_failure(std::function<void(const std::string&)> handler) override { failure_handler_ = std::move(handler); }
  [[nodiscard]] const storage::ChainStore& store() const override { return *store_; }
  [[nodiscard]] Condition condition() const override;
  [[nodiscard]] const EngineCounters& counters() const override { return counters_; }
  [[nodiscard]] protocol::OrderRule order_rule() const override { return protocol::OrderRule::Lanes; }
  [[nodiscard]] std::string_view kind() const override { return "cometbft"; }
  [[nodiscard]] std::vector<Figure> figures() const override;

  [[nodiscard]] Result<abci::Response, std::string> answer(const abci::Request& request) override;
  [[nodiscard]] std::vector<abci::ResponseCheckTx> check(
      const std::vector<const abci::RequestCheckTx*>& requests) override;

  [[nodiscard]] const Verifier& verifier() const { return verifier_; }

 private:
  [[nodiscard]] Held hold() const override;

  /// A block that was executed and is not committed.
  struct Finalized {
    std::string hash;  // of CometBFT's block
    ExecutedBlock executed;
    storage::StoredBlock block;
    protocol::BlockResult result;
    std::vector<Submissions::LeftOut> left_out;
    abci::ResponseFinalizeBlock response;
  };

  Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<Replicas> replicas,
         const protocol::Genesis& genesis, const std::optional<protocol::Proposer>& proposer,
         const EngineOptions& options);

  // engine.cpp
  [[nodiscard]] Result<abci::ResponseInfo, std::string> info(const abci::RequestInfo& request) const;
  [[nodiscard]] Result<abci::ResponseInitChain, std::string> init_chain(const abci::RequestInitChain& request) const;
  [[nodiscard]] abci::ResponsePrepareProposal prepare_proposal(const abci::RequestPrepareProposal& request);
  [[nodiscard]] abci::ResponseProcessProposal process_proposal(const abci::RequestProcessProposal& request);
  // finalize.cpp
  [[nodiscard]] Result<abci::ResponseFinalizeBlock, std::string> finalize_block(
      const abci::RequestFinalizeBlock& request);
  [[nodiscard]] Finalized execute(const abci::RequestFinalizeBlock& request);
  [[nodiscard]] Result<abci::ResponseCommit, std::string> commit();
  /// Answers those whose transactions stand in the block, and calls the listeners.
  void tell(const Finalized& block);
  /// Has the machine for the next block stand at the committed one again.
  [[nodiscard]] Result<void, std::string> discard();
  std::string fail_for_good(const std::string& why);

  EngineOptions options_;
  std::unique_ptr<storage::ChainStore> store_;
  std::unique_ptr<Replicas> replicas_;
  protocol::Genesis genesis_;
  std::optional<protocol::Proposer> proposer_;
  Verifier verifier_;
  Mempool mempool_;                       // the mempool lane's
  std::optional<Finalized> finalized_;    // the consensus lane's
  std::atomic<bool> full_{false};         // the disk has no room
  std::atomic<bool> failed_{false};       // the disk refused a block
  mutable std::atomic<bool> met_{false};  // CometBFT has asked over ABCI since the start
  EngineCounters counters_;
  Submissions submissions_;
  std::mutex listeners_mutex_;
  std::vector<BlockListener> listeners_;
  std::function<void(const std::string&)> failure_handler_;
};

}  // namespace starminer::engine::cometbft
