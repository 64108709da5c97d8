// The operations of the market: shape, refusals in the order of README.md, and their effects.
#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/job/field_check.h"
#include "protocol/market/admission.h"
#include "protocol/market/demand.h"
#include "protocol/market/market.h"
#include "protocol/market/node_index.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

struct ClientKeyInput {
  AccountId requester;
  std::string client_id;
};

Hash32 client_key_of(const AccountId& requester, const std::string& client_id) {
  return tagged_hash("starminer/client-job/1", encode(ClientKeyInput{requester, client_id}));
}

Hash32 digest_of(const JobSpec& spec) { return tagged_hash("starminer/job-spec/1", encode(spec)); }

/// The job if it is the sender's and has not ended.
Result<const JobRow*, Refusal> find_live(const state::Table<JobId, JobRow>& jobs, const JobId& job,
                                         const Sender& sender) {
  const JobRow* row = jobs.find(job);
  if (row == nullptr) return fail(Refusal{RefusalCode::UnknownJob, job.text()});
  if (row->requester != sender.account) {
    return fail(Refusal{RefusalCode::NotRequester, fmt::format("it belongs to {}", row->requester.text())});
  }
  if (row->state != JobState::Queued && row->state != JobState::Active) {
    return fail(Refusal{RefusalCode::JobEnded, fmt::format("it is {}", job_state_name(row->state))});
  }
  return row;
}

}  // namespace

Result<Valid<JobSubmit>, Refusal> JobSubmit::validate(JobSubmit op) {
  const auto client_id = FieldCheck().name("client_id", op.client_id, 0, kClientIdMax).result();
  if (!client_id) return fail(client_id.error());
  if (auto shape = validate_spec(op.spec); !shape) return fail(shape.error());
  return Valid<JobSubmit>(std::move(op));
}

Result<Valid<JobCancel>, Refusal> JobCancel::validate(JobCancel op) {
  if (op.job.is_zero()) return fail(Refusal{RefusalCode::InvalidField, "job: the id is missing"});
  return Valid<JobCancel>(op);
}

Result<Valid<JobRaise>, Refusal> JobRaise::validate(JobRaise op) {
  if (op.job.is_zero()) return fail(Refusal{RefusalCode::InvalidField, "job: the id is missing"});
  if (op.budget.base > kAmountMax || op.max_price.nagpu_per_gpu_hour > kAmountMax) {
    return fail(Refusal{RefusalCode::AmountTooLarge, fmt::format("budget, max_price: at most {}", kAmountMax)});
  }
  if (op.budget.is_zero() && op.max_price.nagpu_per_gpu_hour == 0) {
    return fail(Refusal{RefusalCode::InvalidField, "budget, max_price: both are missing"});
  }
  return Valid<JobRaise>(op);
}

Result<Checked<JobSubmit>, Refusal> Market::check(const Valid<JobSubmit>& op, const Sender& sender,
                                                  const BlockContext& context) const {
  JobSubmit::Evidence evidence;
  if (!op->client_id.empty()) {
    if (const JobId* first = client_ids_.find(client_key_of(sender.account, op->client_id)); first != nullptr) {
      if (jobs_.get(*first).spec_digest != digest_of(op->spec)) {
        return fail(Refusal{RefusalCode::ClientIdReused, fmt::format("it names job {}", first->text())});
      }
      evidence.repeat = *first;
      return Checked<JobSubmit>(op, std::move(evidence));
    }
  }
  const Agpu available{ledger_.balance(sender.account, Asset::Agpu)};
  const std::uint64_t credits_micro = staking_.credits_micro(sender.account, context.time);
  Admission admission = admit(view(), {*nodes_, op->spec, sender.account, available, credits_micro}, context);
  if (admission.refusal) return fail(std::move(*admission.refusal));
  evidence.tier = admission.tier;
  evidence.max_price = admission.max_price;
  evidence.cap = admission.cap;
  evidence.boost = admission.boost;
  evidence.lock = std::move(admission.lock);
  return Checked<JobSubmit>(op, std::move(evidence));
}

JobId Market::apply(const Checked<JobSubmit>& op, const Sender& sender, const BlockContext& context) {
  const JobSubmit::Evidence& evidence = op.evidence();
  if (evidence.repeat) return *evidence.repeat;
  const JobId id = job_id_of(sender.account, sender.sequence);
  JobRow row;
  row.requester = sender.account;
  row.sequence = sender.sequence;
  row.spec_digest = digest_of(op->spec);
  row.spec = in_market_time(op->spec, context);
  row.tier = evidence.tier.tier;
  row.tier_reason = evidence.tier.reason;
  row.max_price = evidence.max_price;
  row.cap = evidence.cap;
  row.submitted = context.time;
  row.credits = evidence.boost.credits;
  row.boost = evidence.boost.ahead;
  row.credits_burned = evidence.boost.burned;
  row.key_ms = queue_key(view(), row.spec, row.tier, row.boost, context.time);
  if (!op->client_id.empty()) {
    row.client_key = client_key_of(sender.account, op->client_id);
    client_ids_.put(row.client_key, id);
  }
  ledger_.lock(LockPurpose::Escrow, id.bytes, sender.account, Asset::Agpu, row.cap.base + row.credits_burned.base);
  if (row.credits != 0) {
    ledger_.burn_from_lock(LockPurpose::Escrow, id.bytes, row.credits_burned);
    staking_.spend_credits(sender.account, row.credits * kPpm, context.time);
  }
  if (evidence.lock) {
    row.price_lock = evidence.lock;
    ledger_.lock(LockPurpose::PriceLock, id.bytes, sender.account, Asset::Agpu, row.price_lock->fee.base);
  }
  ledger_.add_role(sender.account);
  count_demand(row.spec);
  enter_queue(id, std::move(row), context);
  return id;
}

Result<Checked<JobCancel>, Refusal> Market::check(const Valid<JobCancel>& op, const Sender& sender) const {
  const auto row = find_live(jobs_, op->job, sender);
  if (!row) return fail(row.error());
  return Checked<JobCancel>(op, {(*row)->state == JobState::Queued});
}

Result<Checked<JobRaise>, Refusal> Market::check(const Valid<JobRaise>& op, const Sender& sender,
                                                 const BlockContext& context) const {
  const auto found = find_live(jobs_, op->job, sender);
  if (!found) return fail(found.error());
  const JobRow& row = **found;
  if (row.state != JobState::Queued || row.attempts > 0) {
    return fail(Refusal{RefusalCode::JobNotWaiting,
                        fmt::format("it is {} and had {} matches", job_state_name(row.state), row.attempts)});
  }
  // Its fee is a part of the cap that it was bought for.
  if (row.price_lock && context.time < row.price_lock->until) {
    return fail(Refusal{RefusalCode::PriceIsLocked,
                        fmt::format("for {} s more", (elapsed(row.price_lock->until, context.time).ms + 999) / 1000)});
  }
  // What is left out stays; what is named must not be less, and something must be more.
  const Agpu budget = op->budget.is_zero() ? row.spec.budget : op->budget;
  const Price max_price = op->max_price.nagpu_per_gpu_hour == 0 ? row.max_price : op->max_price;
  const bool lowers = budget < row.spec.budget || max_price < row.max_price;
  if (lowers || (budget == row.spec.budget && max_price == row.max_price)) {
    return fail(Refusal{RefusalCode::RaisesNothing,
                        fmt::format("budget {}, now {}; max_price {}, now {}", format_amount(budget),
                                    format_amount(row.spec.budget), format_amount(Agpu{max_price.nagpu_per_gpu_hour}),
                                    format_amount(Agpu{row.max_price.nagpu_per_gpu_hour}))});
  }
  const Agpu most =
      Pricing::cost(max_price, billing_milli(row.spec.resources), seconds(row.spec.max_s).ms, Rounding::Ceil);
  const Agpu cap{saturating_sub(std::min(budget, most).base, row.compensation.base)};
  const Agpu more{saturating_sub(cap.base, row.cap.base)};
  const Agpu available{ledger_.balance(sender.account, Asset::Agpu)};
  if (available < more) {
    return fail(Refusal{RefusalCode::EscrowNotCovered,
                        fmt::format("needed {} more, available {}", format_amount(more), format_amount(available))});
  }
  return Checked<JobRaise>(op, {max_price, std::max(cap, row.cap)});
}

void Market::apply(const Checked<JobRaise>& op, const Sender& /*sender*/, const BlockContext& context) {
  JobRow row = jobs_.get(op->job);
  const Agpu more{op.evidence().cap.base - row.cap.base};
  if (!more.is_zero()) ledger_.add_to_lock({LockPurpose::Escrow, op->job.bytes, Asset::Agpu}, more.base);
  if (!op->budget.is_zero()) row.spec.budget = op->budget;
  if (op->max_price.nagpu_per_gpu_hour != 0) row.spec.max_price = op->max_price;
  row.max_price = op.evidence().max_price;
  row.cap = op.evidence().cap;
  const MarketView market = view();
  if (row.parked && !Demand(market, row, context.time).is_priced_out(nodes_->places())) {
    row.parked = false;
    row.key_ms = queue_key(market, row.spec, row.tier, row.boost, context.time);  // as a job that a tick wakes
    begin_waiting(row, context.time);
    context.emit({.kind = EventKind::JobQueued,
                  .account = row.requester,
                  .job = op->job,
                  .state = static_cast<std::uint8_t>(row.state),
                  .amount = row.cap.base});
  }
  jobs_.put(op->job, std::move(row));
  trigger();
}

void Market::apply(const Checked<JobCancel>& op, const Sender& /*sender*/, const BlockContext& context) {
  if (!op.evidence().queued) return;
  const JobId id = op->job;
  const JobRow& row = jobs_.get(id);
  Agpu burned;
  if (elapsed(context.time, row.submitted) >= params_.duration(Parameter::TickMs)) {
    burned = leaving_burn(row);
    ledger_.burn_from_lock(LockPurpose::Escrow, id.bytes, burned);
  }
  finish(id, JobState::Refunded, EndReason::CancelledRequester, {}, burned, context);
}

}  // namespace starminer::protocol
