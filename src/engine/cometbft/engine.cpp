#include "engine/cometbft/engine.h"

#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/cometbft/preamble.h"
#include "engine/cometbft/proposal.h"
#include "engine/cometbft/query.h"

namespace starminer::engine::cometbft {
namespace {

using protocol::Machine;
using protocol::Refusal;
using protocol::RefusalCode;

// A block must have room for its preamble and a transaction of any length, and all that CometBFT hands over for one,
// which is its mempool where it may, must fit a message of the socket.
constexpr std::int64_t kBlockBytesLeast = 256 << 10;
constexpr std::int64_t kBlockBytesMost = 32 << 20;

/// The address of an ed25519 key of CometBFT.
AccountId account_of_consensus_key(std::string_view key) {
  return *AccountId::from_view(sha256(key).view().first(AccountId{}.bytes.size()));
}

storage::StoredBlock genesis_block(const protocol::Genesis& genesis, const protocol::BlockResult& result) {
  storage::StoredBlock block;
  block.time = genesis.time;
  block.seed = result.seed;
  block.state_root = result.state_root;
  block.history_root = result.history_root;
  block.history_size = result.history_size;
  block.app_hash = result.app_hash;
  return block;
}

/// Whether the stored chain begins with this genesis and its blocks are those of validators.
Result<void, std::string> check_chain(const storage::ChainStore& store, const Hash32& genesis_hash) {
  const auto first = store.find_block(0);
  if (!first) return fail(first.error().text);
  if (!*first) return fail("the database is damaged: it has no first block. Restore the data folder from a copy");
  if ((*first)->app_hash != genesis_hash) {
    return fail(
        "the data folder belongs to another chain than the genesis file. Use its own genesis file or another folder");
  }
  const std::uint64_t height = store.tip()->height;
  if (height == 0) return {};
  const auto last = store.find_block(height);
  if (!last) return fail(last.error().text);
  if (*last && (*last)->order_rule == protocol::OrderRule::Lanes) return {};
  return fail(
      "the blocks of this data folder were made by the engine solo: go on with it, or make a folder for a network");
}

Result<std::unique_ptr<Machine>, std::string> load(const storage::ChainStore& store) {
  auto machine = std::make_unique<Machine>();
  if (const auto loaded = store.load(*machine); !loaded) return fail(loaded.error().text);
  return machine;
}

/// Texts over ABCI are UTF-8; what a stranger wrote into a refusal's figures need not be.
std::string plain(std::string text) {
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) >= 0x80) letter = '?';
  }
  return text;
}

abci::ResponseCheckTx refuse(const Refusal& refusal) {
  abci::ResponseCheckTx response;
  response.set_code(static_cast<std::uint32_t>(refusal.code));
  response.set_codespace(std::string(kCodespace));
  response.set_log(plain(fmt::format("{}: {}{}{}", refusal_label(refusal.code), refusal.info().what,
                                     refusal.detail.empty() ? "" : ": ", refusal.detail)));
  response.set_info(std::string(refusal.info().advice));
  // For whoever submitted it: the RPC of CometBFT passes this on and not the info.
  response.set_data(plain(refusal.detail));
  return response;
}

}  // namespace

Result<std::unique_ptr<Engine>, std::string> Engine::open(std::unique_ptr<storage::ChainStore> store,
                                                          const protocol::Genesis& genesis,
                                                          const std::optional<protocol::Proposer>& proposer,
                                                          const EngineOptions& options) {
  Machine fresh;
  const auto first = fresh.start(genesis);
  if (!first) return fail(fmt::format("the genesis is not valid: {}", first.error()));
  if (!store->tip()) {
    if (const auto written = store->write(genesis_block(genesis, *first), *first); !written) {
      return fail(written.error().text);
    }
  }
  if (auto sound = check_chain(*store, first->app_hash); !sound) return fail(std::move(sound.error()));
  auto committed = load(*store);
  if (!committed) return fail(std::move(committed.error()));
  auto next = load(*store);
  if (!next) return fail(std::move(next.error()));
  return std::unique_ptr<Engine>(new Engine(std::move(store),
                                            std::make_unique<Replicas>(std::move(*committed), std::move(*next)),
                                            genesis, proposer, options));
}

Engine::Engine(std::unique_ptr<storage::ChainStore> store, std::unique_ptr<Replicas> replicas,
               const protocol::Genesis& genesis, const std::optional<protocol::Proposer>& proposer,
               const EngineOptions& options)
    : options_(options),
      store_(std::move(store)),
      replicas_(std::move(replicas)),
      genesis_(genesis),
      proposer_(proposer),
      verifier_(genesis.chain_id, options.verifier),
      mempool_(options.pending_per_account_max),
      submissions_(*store_, genesis.chain_id, counters_, options.submissions) {}

Engine::~Engine() { stop(); }

Result<abci::Response, std::string> Engine::answer(const abci::Request& request) {
  abci::Response response;
  const auto put = [&response](auto* target, auto result) -> Result<abci::Response, std::string> {
    if (!result) return fail(std::move(result.error()));
    *target = std::move(*result);
    return std::move(response);
  };
  switch (request.value_case()) {
    case abci::Request::kInfo: return put(response.mutable_info(), info(request.info()));
    case abci::Request::kQuery: {
      auto stored = query_store(*store_, request.query());
      *response.mutable_query() =
          stored ? std::move(*stored)
                 : read([&](const Machine& machine) { return query_state(machine, request.query()); });
      return response;
    }
    case abci::Request::kInitChain: return put(response.mutable_init_chain(), init_chain(request.init_chain()));
    case abci::Request::kPrepareProposal:
      *response.mutable_prepare_proposal() = prepare_proposal(request.prepare_proposal());
      return response;
    case abci::Request::kProcessProposal:
      *response.mutable_process_proposal() = process_proposal(request.process_proposal());
      return response;
    case abci::Request::kFinalizeBlock:
      return put(response.mutable_finalize_block(), finalize_block(request.finalize_block()));
    case abci::Request::kCommit: return put(response.mutable_commit(), commit());
    // Vote extensions are off in this version's networks; none is expected, and none is taken.
    case abci::Request::kExtendVote: response.mutable_extend_vote(); return response;
    case abci::Request::kVerifyVoteExtension:
      response.mutable_verify_vote_extension()->set_status(request.verify_vote_extension().vote_extension().empty()
                                                               ? abci::ResponseVerifyVoteExtension::ACCEPT
                                                               : abci::ResponseVerifyVoteExtension::REJECT);
      return response;
    // This version offers and takes no snapshots over CometBFT; `starminerd snapshot` makes and restores them.
    case abci::Request::kListSnapshots: response.mutable_list_snapshots(); return response;
    case abci::Request::kOfferSnapshot:
      response.mutable_offer_snapshot()->set_result(abci::ResponseOfferSnapshot::REJECT_FORMAT);
      return response;
    case abci::Request::kLoadSnapshotChunk: response.mutable_load_snapshot_chunk(); return response;
    case abci::Request::kApplySnapshotChunk:
      response.mutable_apply_snapshot_chunk()->set_result(abci::ResponseApplySnapshotChunk::REJECT_SNAPSHOT);
      return response;
    case abci::Request::kCheckTx:
    case abci::Request::kEcho:
    case abci::Request::kFlush:
    case abci::Request::VALUE_NOT_SET: break;
  }
  return fail(std::string("the server answers this request itself"));
}

Result<abci::ResponseInfo, std::string> Engine::info(const abci::RequestInfo& request) const {
  // The version of ABCI is what must agree; releases of CometBFT may differ.
  if (!request.abci_version().empty() && request.abci_version() != kAbciVersion) {
    return fail(
        fmt::format("CometBFT {} speaks ABCI {}, this node {}: install the release that docs/operators.md names",
                    request.version(), request.abci_version(), kAbciVersion));
  }
  met_ = true;
  const storage::Tip tip = *store_->tip();
  abci::ResponseInfo response;
  response.set_data("starminer");
  response.set_version(options_.version);
  response.set_app_version(kAppVersion);
  response.set_last_block_height(static_cast<std::int64_t>(tip.height));
  if (tip.height > 0) response.set_last_block_app_hash(to_text(tip.app_hash.view()));
  return response;
}

Result<abci::ResponseInitChain, std::string> Engine::init_chain(const abci::RequestInitChain& request) const {
  const Machine& machine = replicas_->committed();
  if (request.chain_id() != genesis_.chain_id) {
    return fail(fmt::format("CometBFT's genesis is of chain {}, genesis.json of {}: both must name one",
                            request.chain_id(), genesis_.chain_id));
  }
  if (request.initial_height() > 1) return fail(std::string("initial_height in CometBFT's genesis must be 1"));
  if (machine.chain().height != 0) {
    return fail(
        fmt::format("CometBFT begins a chain, and this data folder stands at height {}: remove both nodes' data, "
                    "or restore CometBFT's",
                    machine.chain().height));
  }
  if (const auto time = to_time(request.time()); !time || *time < genesis_.time) {
    return fail(
        fmt::format("genesis_time of CometBFT lies before the time of genesis.json, {} ms: set it to that or later",
                    genesis_.time.ms));
  }
  const std::int64_t bytes_max = request.consensus_params().block().max_bytes();
  if (bytes_max < kBlockBytesLeast || bytes_max > kBlockBytesMost) {
    return fail(fmt::format(
        "consensus_params.block.max_bytes of CometBFT's genesis is {}: set it to {} to {}, at best 4194304, on all",
        bytes_max, kBlockBytesLeast, kBlockBytesMost));
  }
  const std::uint64_t app = request.consensus_params().version().app();
  if (app != 0 && app != kAppVersion) {
    return fail(
        fmt::format("consensus_params.version.app of CometBFT's genesis is {}, this node makes blocks of "
                    "version {}: set it to that, or install the release for the other",
                    app, kAppVersion));
  }
  for (const abci::ValidatorUpdate& validator : request.validators()) {
    const AccountId account = account_of_consensus_key(validator.pub_key().ed25519());
    if (validator.pub_key().has_ed25519() && machine.randomness().proposers().contains(account)) continue;
    return fail(
        fmt::format("validator {} of CometBFT's genesis has no VRF key in genesis.json, so no block of its would be "
                    "voted for: name it with starminerd init --validator",
                    to_hex(account.view())));
  }
  abci::ResponseInitChain response;
  response.set_app_hash(to_text(machine.app_hash().view()));
  return response;
}

std::vector<abci::ResponseCheckTx> Engine::check(const std::vector<const abci::RequestCheckTx*>& requests) {
  std::vector<ByteView> bytes;
  bytes.reserve(requests.size());
  for (const abci::RequestCheckTx* request : requests) bytes.push_back(as_bytes(request->tx()));
  const std::vector<Verified> verified = verifier_.look(bytes);
  std::vector<abci::ResponseCheckTx> answers(requests.size());
  counters_.checked += requests.size();
  std::vector<Submissions::LeftOut> dropped;
  const TimeMs now = wall_clock();
  read([&](const Machine& machine) {
    const TimeMs time = std::max(now, machine.chain().block_time);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const bool again = requests[i]->type() == abci::RECHECK;
      std::optional<Refusal> refusal;
      if (!verified[i]) {
        refusal = verified[i].error();
      } else if (full_ && !again) {
        // What waits goes on waiting: its senders were told that it would.
        refusal = Refusal{RefusalCode::DiskFull, ""};
      } else {
        refusal = mempool_.check(machine, *verified[i], time, again);
      }
      if (!refusal) {
        // All that waits is asked of again, in order: where that is more than is remembered, each that took the place
        // of another would be gone before its turn.
        verifier_.keep(*verified[i], again ? Keep::IfThereIsRoom : Keep::PushingOut);
        continue;
      }
      ++counters_.not_let_in;
      answers[i] = refuse(*refusal);
      if (verified[i] && again) dropped.emplace_back(verified[i]->hash(), *refusal);
    }
  });
  for (const auto& [hash, refusal] : dropped) submissions_.on_dropped(hash, refusal);
  return answers;
}

abci::ResponsePrepareProposal Engine::prepare_proposal(const abci::RequestPrepareProposal& request) {
  abci::ResponsePrepareProposal response;
  const Machine& machine = replicas_->committed();
  const std::uint64_t height = machine.chain().height + 1;
  if (!proposer_ || proposer_account(request.proposer_address()) != proposer_->account()) {
    spdlog::error(
        "this validator has no VRF key that genesis.json names for its address {}: its blocks are not voted for",
        to_hex(as_bytes(request.proposer_address())));
    return response;
  }
  const protocol::SeedStep step = proposer_->prove(machine.randomness().last().seed, height);
  for (const Bytes& transaction : make_proposal(machine, verifier_, step, request)) {
    response.add_txs(to_text(transaction));
  }
  ++counters_.proposed;
  return response;
}

abci::ResponseProcessProposal Engine::process_proposal(const abci::RequestProcessProposal& request) {
  abci::ResponseProcessProposal response;
  const auto fault = find_fault(replicas_->committed(), verifier_, request);
  response.set_status(fault ? abci::ResponseProcessProposal::REJECT : abci::ResponseProcessProposal::ACCEPT);
  if (fault) {
    ++counters_.rejected;
    spdlog::warn("block {} of {} is not voted for: {}", request.height(), to_hex(as_bytes(request.proposer_address())),
                 *fault);
  }
  return response;
}

}  // namespace starminer::engine::cometbft
