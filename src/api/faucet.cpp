#include "api/faucet.h"

#include "protocol/transaction.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::api {
namespace {

constexpr std::uint64_t kExpiryMs = 60'000;
constexpr double kSecondsPerHour = 3600.0;
// A peer may ask for this part of its hour at once: a whole test market starts within seconds.
constexpr double kBurstShare = 0.5;

http::Rate peer_rate(const FaucetOptions& options) {
  const auto per_hour = static_cast<double>(options.per_peer_hour);
  return {per_hour / kSecondsPerHour, std::max(1.0, per_hour * kBurstShare)};
}

}  // namespace

Faucet::Faucet(engine::Engine& engine, FaucetOptions options)
    : engine_(engine),
      options_(std::move(options)),
      per_address_({1.0 / static_cast<double>(std::max<std::uint64_t>(1, options_.interval_s)), 1.0}),
      per_peer_(peer_rate(options_)) {}

int Faucet::admit(const AccountId& to, const std::string& peer) {
  if (const int wait_s = per_peer_.take(peer); wait_s > 0) return wait_s;
  return per_address_.take(to.text());
}

void Faucet::give(const AccountId& to, engine::Answer answer) {
  v1::TransactionBody body;
  body.mutable_transfer()->set_to(to.bytes.data(), to.bytes.size());
  body.mutable_transfer()->set_asset(v1::AGPU);
  body.mutable_transfer()->set_amount(options_.amount.base);
  body.set_expires_at_ms(engine::Engine::wall_clock().ms + kExpiryMs);
  // Held while it is queued: the engine takes transactions in the order of their arrival, so must the sequences be.
  const std::lock_guard lock(mutex_);
  const bool idle = on_their_way_ == 0;  // before the state is read: then it shows all earlier gifts
  const auto [chain_id, sequence] = engine_.read([&](const protocol::Machine& machine) {
    return std::pair(machine.chain().chain_id, machine.ledger().next_sequence(options_.key.account()).value_or(0));
  });
  if (idle) next_sequence_ = sequence;
  body.set_chain_id(chain_id);
  body.set_sequence(next_sequence_++);
  ++on_their_way_;
  engine_.submit(protocol::sign_transaction(body, options_.key),
                 [this, answer = std::move(answer)](engine::SubmitResult result) {
                   --on_their_way_;
                   answer(std::move(result));
                 });
}

}  // namespace starminer::api
