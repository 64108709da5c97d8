#include "protocol/block_admission.h"

#include <fmt/format.h>

#include "base/arithmetic.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {

bool covers_fees(const Machine& machine, const AccountId& account, std::uint64_t transactions) {
  const u128 fees = u128{machine.params().get(Parameter::TxFee)} * transactions;
  return fees <= machine.ledger().balance(account, Asset::Agpu);
}

Result<void, Refusal> BlockAdmission::admit(const VerifiedTransaction& transaction) const {
  const auto found = accounts_.find(transaction.account());
  const Taken before = found != accounts_.end() ? found->second : Taken{};
  if (before.closes) return fail(Refusal{RefusalCode::UnknownAccount, "it closes in this block"});
  if (auto admitted = machine_.admit(transaction, time_, before.transactions); !admitted) return admitted;
  if (!covers_fees(machine_, transaction.account(), before.transactions + 1)) {
    return fail(Refusal{RefusalCode::FeeNotCovered,
                        fmt::format("{} transactions of this account stand before it", before.transactions)});
  }
  return {};
}

void BlockAdmission::take(const VerifiedTransaction& transaction) {
  Taken& account = accounts_[transaction.account()];
  ++account.transactions;
  account.closes = account.closes || transaction.body().has_account_close();
}

}  // namespace starminer::protocol
