// Registration of a provider.
#include "protocol/job/field_check.h"
#include "protocol/operation/limits.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {

Result<Valid<ProviderRegister>, Refusal> ProviderRegister::validate(ProviderRegister op) {
  const auto shape = FieldCheck().text("display_name", op.display_name, 1, kDisplayNameMax).result();
  if (!shape) return fail(shape.error());
  return Valid<ProviderRegister>(std::move(op));
}

Result<Checked<ProviderRegister>, Refusal> Registry::check(const Valid<ProviderRegister>& op,
                                                           const Sender& sender) const {
  if (providers_.contains(sender.account)) {
    return fail(Refusal{RefusalCode::ProviderExists, "account " + sender.account.text()});
  }
  if (!op->payout.is_zero() && !ledger_.exists(op->payout)) {
    return fail(Refusal{RefusalCode::PayoutUnknown, "payout account " + op->payout.text()});
  }
  return Checked<ProviderRegister>(op, {});
}

void Registry::apply(const Checked<ProviderRegister>& op, const Sender& sender, const BlockContext& context) {
  const AccountId payout = op->payout.is_zero() ? sender.account : op->payout;
  providers_.put(sender.account, {op->display_name, payout, 0, context.time});
  // Payments may arrive long after the last node has left, so the provider's account stays open. A payout account is
  // somebody's who was not asked: it may close, and what it would get goes to the provider then.
  ledger_.add_role(sender.account);
}

}  // namespace starminer::protocol
