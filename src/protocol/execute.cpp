// Execution of one transaction: envelope, fee and sequence in one place, then the operation's three phases.
#include <fmt/format.h>

#include "base/check.h"
#include "protocol/decode.h"
#include "protocol/machine.h"
#include "protocol/operation_registry.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {
namespace {

constexpr std::size_t kReceiptBytes = 160;  // of most leaves; longer ones grow

template <class Op>
std::string subject_of(const Op& op) {
  if constexpr (requires { op.contract.text(); }) {
    return op.contract.text();
  } else if constexpr (requires { op.job.text(); }) {
    return op.job.text();
  } else if constexpr (requires { op.node.text(); }) {
    return op.node.text();
  } else if constexpr (requires { op.to.text(); }) {
    return op.to.text();
  } else {
    return {};
  }
}

template <class Op, class Module>
Result<Checked<Op>, Refusal> check_operation(const Module& module, const Valid<Op>& op, const Sender& sender,
                                             const BlockContext& context) {
  if constexpr (requires { module.check(op, sender, context); }) {
    return module.check(op, sender, context);
  } else {
    return module.check(op, sender);
  }
}

template <class Op, class Module>
std::string apply_operation(Module& module, const Checked<Op>& op, const Sender& sender, const BlockContext& context) {
  if constexpr (requires { module.apply(op, sender, context).text(); }) {
    return module.apply(op, sender, context).text();
  } else {
    module.apply(op, sender, context);
    return subject_of(*op);
  }
}

}  // namespace

Result<void, Refusal> Machine::check_envelope(const VerifiedTransaction& transaction, TimeMs now,
                                              std::uint64_t pending) const {
  const v1::TransactionBody& body = transaction.body();
  if (body.expires_at_ms() < now.ms) {
    return fail(Refusal{RefusalCode::TransactionExpired,
                        fmt::format("it expired {} ms before block time {}", now.ms - body.expires_at_ms(), now.ms)});
  }
  const std::uint64_t ahead_max = params_.get(Parameter::ExpiryMaxMs);
  if (body.expires_at_ms() - now.ms > ahead_max) {
    return fail(Refusal{RefusalCode::ExpiryTooFar, fmt::format("at most {} ms after {} allowed", ahead_max, now.ms)});
  }
  const AccountRow* account = ledger_.accounts().find(transaction.account());
  if (account == nullptr) return fail(Refusal{RefusalCode::UnknownAccount, transaction.account().text()});
  const std::uint64_t expected = account->next_sequence + pending;
  if (body.sequence() != expected) {
    return fail(Refusal{body.sequence() < expected ? RefusalCode::SequenceUsed : RefusalCode::SequenceAhead,
                        fmt::format("sequence {} given, {} is next", body.sequence(), expected)});
  }
  const std::uint64_t available = account->balance[static_cast<std::size_t>(Asset::Agpu)];
  if (pending == 0 && available < params_.get(Parameter::TxFee)) {
    return fail(Refusal{RefusalCode::FeeNotCovered,
                        fmt::format("the fee is {}, available {}", format_amount(params_.agpu(Parameter::TxFee)),
                                    format_amount(Asset::Agpu, available))});
  }
  return {};
}

Result<void, Refusal> Machine::admit(const VerifiedTransaction& transaction, TimeMs now, std::uint64_t pending) const {
  if (auto envelope = check_envelope(transaction, now, pending); !envelope) return envelope;
  const v1::TransactionBody& body = transaction.body();
  switch (body.operation_case()) {
#define OPERATION(number, name, accessor, module, what)                                  \
  case v1::TransactionBody::k##name: {                                                   \
    auto op = decode(body.accessor());                                                   \
    if (!op) return fail(op.error());                                                    \
    if (auto valid = name::validate(std::move(*op)); !valid) return fail(valid.error()); \
    return {};                                                                           \
  }
#include "protocol/operations.def"
#undef OPERATION
    case v1::TransactionBody::kBlockPreamble:  // no verified transaction has it
    case v1::TransactionBody::OPERATION_NOT_SET: break;
  }
  return fail(Refusal{RefusalCode::UnknownOperation, ""});
}

Result<Machine::Outcome, Refusal> Machine::run_operation(const VerifiedTransaction& transaction) {
  const v1::TransactionBody& body = transaction.body();
  const Sender sender{transaction.account(), body.sequence()};
  const BlockContext& context = open_->context;
  const auto run = [&]<class Op, class Module>(Result<Op, Refusal> op, Module& module) -> Result<Outcome, Refusal> {
    if (!op) return fail(op.error());
    const auto valid = Op::validate(std::move(*op));
    if (!valid) return fail(valid.error());
    if (open_->header.order_rule != OrderRule::Lanes) ledger_.charge_fee(sender.account);
    const auto checked = check_operation(module, *valid, sender, context);
    if (!checked) return Outcome{{}, checked.error()};
    Outcome outcome{apply_operation(module, *checked, sender, context), {}};
    if constexpr (std::is_same_v<Op, JobCancel>) {
      if (!checked->evidence().queued) contracts_.cancel((*checked)->job, context);
    }
    // A new, changed or returned node may be what a waiting job waits for (MAT-6).
    if constexpr (std::is_same_v<Module, Registry> || std::is_same_v<Module, Attestors>) market_.trigger();
    return outcome;
  };
  switch (body.operation_case()) {
#define OPERATION(number, name, accessor, module, what) \
  case v1::TransactionBody::k##name:                    \
    return run(decode(body.accessor()), module);
#include "protocol/operations.def"
#undef OPERATION
    case v1::TransactionBody::kBlockPreamble:  // no verified transaction has it
    case v1::TransactionBody::OPERATION_NOT_SET: break;
  }
  return fail(Refusal{RefusalCode::UnknownOperation, ""});
}

Result<void, Refusal> Machine::charge(const VerifiedTransaction& transaction) {
  STARMINER_CHECK(open_ != nullptr && open_->header.order_rule == OrderRule::Lanes);
  STARMINER_CHECK(open_->result.receipts.empty());
  const AccountId& account = transaction.account();
  // It would run in the name of an account that is no more.
  if (open_->closing.contains(account)) return fail(Refusal{RefusalCode::UnknownAccount, "it closes in this block"});
  if (auto admitted = admit(transaction, open_->header.time, 0); !admitted) return admitted;
  ledger_.charge_fee(account);
  store_.commit();
  require_invariants("a fee");
  open_->charged.push_back(transaction.hash());
  if (transaction.body().has_account_close()) open_->closing.insert(account);
  return {};
}

Result<Receipt, Refusal> Machine::execute(const VerifiedTransaction& transaction) {
  STARMINER_CHECK(open_ != nullptr);
  if (open_->header.order_rule == OrderRule::Lanes) {
    const std::size_t next = open_->result.receipts.size();
    STARMINER_CHECK(next < open_->charged.size() && open_->charged[next] == transaction.hash());
  } else if (auto envelope = check_envelope(transaction, open_->header.time, 0); !envelope) {
    return fail(envelope.error());
  }
  auto outcome = run_operation(transaction);
  if (!outcome) return fail(outcome.error());
  // Arrivals, releases and activations may let waiting jobs start: the market is never left unmatched.
  contracts_.dispatch(open_->context);
  store_.commit();

  Receipt receipt;
  receipt.core.transaction = transaction.hash();
  receipt.core.height = open_->header.height;
  receipt.core.index = static_cast<std::uint32_t>(open_->result.receipts.size());
  receipt.core.account = transaction.account();
  receipt.core.sequence = transaction.body().sequence();
  receipt.core.operation = static_cast<std::uint16_t>(transaction.body().operation_case());
  receipt.core.fee = params_.agpu(Parameter::TxFee);
  receipt.core.subject = std::move(outcome->subject);
  if (outcome->refusal) {
    receipt.core.code = static_cast<std::uint16_t>(outcome->refusal->code);
    receipt.detail = std::move(outcome->refusal->detail);
  }
  receipt.history_index = history_.size();
  Bytes bytes;
  bytes.reserve(kReceiptBytes);
  bytes.push_back(static_cast<std::uint8_t>(LeafType::Receipt));
  codec::put(receipt.core, bytes);
  add_leaf(LeafType::Receipt, std::move(bytes));
  record_ends();
  require_invariants(operation_name(receipt.core.operation));
  open_->result.receipts.push_back(receipt);
  return receipt;
}

}  // namespace starminer::protocol
