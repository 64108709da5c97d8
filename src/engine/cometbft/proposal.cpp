#include "engine/cometbft/proposal.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/cometbft/preamble.h"
#include "protocol/block_admission.h"
#include "protocol/block_order.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::uint64_t kMsPerSecond = 1'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr unsigned kVarintBits = 7;

}  // namespace

std::optional<TimeMs> to_time(const abci::Timestamp& time) {
  constexpr std::int64_t kSecondsMax = 1'000'000'000'000;
  if (time.seconds() < 0 || time.seconds() > kSecondsMax || time.nanos() < 0) return std::nullopt;
  return TimeMs{static_cast<std::uint64_t>(time.seconds()) * kMsPerSecond +
                static_cast<std::uint64_t>(time.nanos()) / kNsPerMs};
}

TimeMs block_time(const protocol::Machine& machine, const abci::Timestamp& time) {
  // CometBFT's times rise; whatever a request says, the chain's never fall.
  const TimeMs last = machine.chain().block_time;
  return std::max(last, to_time(time).value_or(last));
}

std::uint64_t encoded_bytes(std::uint64_t transaction_bytes) {
  std::uint64_t length = 1;
  for (std::uint64_t rest = transaction_bytes >> kVarintBits; rest != 0; rest >>= kVarintBits) ++length;
  return 1 + length + transaction_bytes;
}

std::vector<Bytes> make_proposal(const protocol::Machine& machine, Verifier& verifier, const protocol::SeedStep& step,
                                 const abci::RequestPrepareProposal& request) {
  std::vector<Bytes> block{wrap_preamble(machine.chain().chain_id, step.preamble_bytes())};
  const auto room = static_cast<std::uint64_t>(std::max<std::int64_t>(0, request.max_tx_bytes()));
  std::uint64_t used = encoded_bytes(block.front().size());
  if (used > room) {
    spdlog::error("CometBFT grants this block {} bytes, its preamble alone has {}: it is not voted for", room, used);
    return {};
  }
  std::vector<ByteView> offered;
  offered.reserve(static_cast<std::size_t>(request.txs_size()));
  for (const std::string& bytes : request.txs()) offered.push_back(as_bytes(bytes));
  protocol::BlockAdmission admission(machine, block_time(machine, request.time()));
  std::vector<protocol::VerifiedTransaction> chosen;
  for (Verified& verified : verifier.verify(offered)) {
    if (!verified || chosen.size() == kBlockTransactionsMax) continue;
    const std::uint64_t bytes = encoded_bytes(verified->bytes().size());
    if (used + bytes > room || !admission.admit(*verified)) continue;
    used += bytes;
    admission.take(*verified);
    chosen.push_back(std::move(*verified));
  }
  for (const std::size_t i : protocol::order_transactions(step.seed(), chosen)) block.push_back(chosen[i].bytes());
  return block;
}

std::optional<std::string> find_fault(const protocol::Machine& machine, Verifier& verifier,
                                      const abci::RequestProcessProposal& request) {
  const auto& txs = request.txs();
  const std::uint64_t height = machine.chain().height + 1;
  if (request.height() != static_cast<std::int64_t>(height)) return fmt::format("block {} is next", height);
  if (txs.empty()) return "it has no preamble";
  if (static_cast<std::size_t>(txs.size()) - 1 > kBlockTransactionsMax) {
    return fmt::format("it has {} transactions, at most {} are allowed", txs.size() - 1, kBlockTransactionsMax);
  }
  const auto preamble = unwrap_preamble(machine.chain().chain_id, as_bytes(txs.Get(0)));
  if (!preamble) return "it does not begin with a preamble";
  const AccountId proposer = proposer_account(request.proposer_address());
  const auto step = machine.randomness().check(height, proposer, *preamble);
  if (!step) return fmt::format("by {}: {}", proposer.text(), describe(step.error()));
  std::vector<ByteView> bytes;
  bytes.reserve(static_cast<std::size_t>(txs.size()));
  for (int i = 1; i < txs.size(); ++i) bytes.push_back(as_bytes(txs.Get(i)));
  protocol::BlockOrder order(step->seed());
  protocol::BlockAdmission admission(machine, block_time(machine, request.time()));
  const std::vector<Verified> verified = verifier.verify(bytes);
  for (std::size_t i = 0; i < verified.size(); ++i) {
    if (!verified[i]) {
      return fmt::format("transaction {} is none: {}", i + 1, verified[i].error().info().what);
    }
    if (!order.admits(*verified[i])) {
      return fmt::format("transaction {} does not stand where the seed of the block puts it", i + 1);
    }
    // Else one proposer could void the transactions of others, and fill blocks with what costs nothing.
    if (const auto admitted = admission.admit(*verified[i]); !admitted) {
      return fmt::format("transaction {} cannot stand in it: {}", i + 1, admitted.error().info().what);
    }
    order.take(*verified[i]);
    admission.take(*verified[i]);
  }
  return std::nullopt;
}

}  // namespace starminer::engine::cometbft
