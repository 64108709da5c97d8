#include <fmt/format.h>

#include "protocol/ledger/accumulators.h"
#include "protocol/ledger/ledger.h"

namespace starminer::protocol {
namespace {

std::string missing_text(Asset asset, std::string_view what, std::uint64_t has, std::uint64_t needed) {
  return fmt::format("{} {}, needed {}, missing {}", what, format_amount(asset, has), format_amount(asset, needed),
                     format_amount(asset, needed - has));
}

}  // namespace

Result<Valid<Transfer>, Refusal> Transfer::validate(Transfer op) {
  const auto asset = static_cast<unsigned>(op.asset);
  if (asset >= kAssetCount) return fail(Refusal{RefusalCode::InvalidField, fmt::format("asset number {}", asset)});
  if (op.amount == 0) return fail(Refusal{RefusalCode::AmountZero, format_amount(op.asset, 0)});
  if (op.amount > kAmountMax) {
    return fail(Refusal{
        RefusalCode::AmountTooLarge,
        fmt::format("amount {}, largest {}", format_amount(op.asset, op.amount), format_amount(op.asset, kAmountMax))});
  }
  return Valid<Transfer>(op);
}

Result<Valid<AccountClose>, Refusal> AccountClose::validate(AccountClose op) { return Valid<AccountClose>(op); }

Result<Checked<Transfer>, Refusal> Ledger::check(const Valid<Transfer>& op, const Sender& sender) const {
  if (op->to == sender.account) return fail(Refusal{RefusalCode::SelfTransfer, "account " + op->to.text()});
  const std::uint64_t available = balance(sender.account, op->asset);
  if (available < op->amount) {
    return fail(Refusal{RefusalCode::BalanceTooSmall, missing_text(op->asset, "available", available, op->amount)});
  }
  const bool creates_account = !exists(op->to);
  const std::uint64_t deposit = params_.get(Parameter::AccountDeposit);
  if (creates_account && op->asset != Asset::Agpu) {
    return fail(
        Refusal{RefusalCode::ReceiverUnknown, fmt::format("account {}, opened by a first transfer of at least {}",
                                                          op->to.text(), format_amount(Asset::Agpu, deposit))});
  }
  if (creates_account && op->amount < deposit) {
    return fail(Refusal{RefusalCode::DepositNotCovered, missing_text(Asset::Agpu, "amount", op->amount, deposit)});
  }
  return Checked<Transfer>(op, {creates_account});
}

void Ledger::apply(const Checked<Transfer>& op, const Sender& sender, const BlockContext& context) {
  debit(sender.account, op->asset, op->amount);
  credit(op->to, op->asset, op->amount);
  if (op.evidence().creates_account) {
    take_deposit(op->to);
    context.emit({.kind = EventKind::AccountCreated, .account = op->to});
  }
  context.emit({.kind = EventKind::Transferred,
                .account = op->to,
                .state = static_cast<std::uint8_t>(op->asset),
                .amount = op->amount});
}

Result<Checked<AccountClose>, Refusal> Ledger::check(const Valid<AccountClose>& op, const Sender& sender) const {
  if (op->beneficiary == sender.account) {
    return fail(Refusal{RefusalCode::SelfTransfer, "account " + op->beneficiary.text()});
  }
  if (!exists(op->beneficiary)) {
    return fail(Refusal{RefusalCode::ReceiverUnknown, "account " + op->beneficiary.text()});
  }
  const Accumulators::Held held = accumulators_->held_by(sender.account);
  const std::uint32_t roles = accounts_.get(sender.account).roles;
  if (held.count > 0 || roles > 0) {
    return fail(Refusal{RefusalCode::AccountInUse,
                        fmt::format("locks {} with {}, roles {}", held.count,
                                    format_amount(Asset::Agpu, static_cast<std::uint64_t>(held.agpu)), roles)});
  }
  return Checked<AccountClose>(op, {});
}

void Ledger::apply(const Checked<AccountClose>& op, const Sender& sender, const BlockContext& context) {
  accounts_.update(sender.account, [](AccountRow& row) {
    row.balance[static_cast<std::size_t>(Asset::Agpu)] += row.deposit;  // both were minted: less than the cap
    row.deposit = 0;
  });
  const auto balances = accounts_.get(sender.account).balance;
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    if (balances[i] == 0) continue;
    const auto asset = static_cast<Asset>(i);
    debit(sender.account, asset, balances[i]);
    credit(op->beneficiary, asset, balances[i]);
    context.emit({.kind = EventKind::Transferred, .account = op->beneficiary, .state = i, .amount = balances[i]});
  }
}

}  // namespace starminer::protocol
