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
#include <optional>
#include <string>

#include "engine/cometbft/handler.h"
#include "engine/cometbft/mempool.h"
#include "engine/cometbft/replicas.h"
#include "engine/cometbft/verifier.h"
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
};

/// Counters for logs and metrics.
struct EngineCounters {
  std::atomic<std::uint64_t> checked{0};   // transactions for the mempool
  std::atomic<std::uint64_t> refused{0};   // of those
  std::atomic<std::uint64_t> proposed{0};  // blocks by this node
  std::atomic<std::uint64_t> rejected{0};  // proposals that it did not vote for
  std::atomic<std::uint64_t> blocks{0};    // committed
  std::atomic<std::uint64_t> applied{0};   // transactions in them
};

class Engine final : public Handler {
 public:
  /// Loads the store, or starts it with the genesis where it is empty. `proposer` is this node's, where it is a
  /// validator. Fails with a sentence where the store belongs to another genesis or to the engine `solo`.
  [[nodiscard]] static Result<std::unique_ptr<Engine>, std::string> open(
      std::unique_ptr<storage::ChainStore> store, const protocol::Genesis& genesis,
      const std::optional<protocol::Proposer>& proposer, const EngineOptions& options);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] Result<abci::Response, std::string> answer(const abci::Request& request) override;
  [[nodiscard]] std::vector<abci::ResponseCheckTx> check(
      const std::vector<const abci::RequestCheckTx*>& requests) override;

  /// Called once, on the consensus lane, when the disk failed: the process must end. Set before requests come.
  void on_failure(std::function<void(const std::string&)> handler) { failure_handler_ = std::move(handler); }

  /// Runs `f(const Machine&)` on the committed state. Any thread.
  template <class F>
  auto read(F&& f) const {
    return replicas_->read(std::forward<F>(f));
  }
  [[nodiscard]] const storage::ChainStore& store() const { return *store_; }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  [[nodiscard]] const Verifier& verifier() const { return verifier_; }

 private:
  /// A block that was executed and is not committed.
  struct Finalized {
    std::string hash;  // of CometBFT's block
    ExecutedBlock executed;
    storage::StoredBlock block;
    protocol::BlockResult result;
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
  /// Has the machine for the next block stand at the committed one again.
  [[nodiscard]] Result<void, std::string> discard();
  std::string fail_for_good(const std::string& why);

  EngineOptions options_;
  std::unique_ptr<storage::ChainStore> store_;
  std::unique_ptr<Replicas> replicas_;
  protocol::Genesis genesis_;
  std::optional<protocol::Proposer> proposer_;
  Verifier verifier_;
  Mempool mempool_;                     // the mempool lane's
  std::optional<Finalized> finalized_;  // the consensus lane's
  std::atomic<bool> full_{false};       // the disk has no room
  EngineCounters counters_;
  std::function<void(const std::string&)> failure_handler_;
};

}  // namespace starminer::engine::cometbft
