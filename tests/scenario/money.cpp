#include "scenario/money.h"

#include <algorithm>

#include <fmt/format.h>

namespace starminer::scenario {
namespace {

using protocol::ContractRow;
using protocol::ContractState;
using protocol::FeeSplit;
using protocol::Machine;
using protocol::Parameter;
using protocol::Pool;

constexpr i128 kMilliMsPerHour = 3'600'000'000;
constexpr i128 kMillion = 1'000'000;

i128 ceil_div(i128 a, i128 b) { return (a + b - 1) / b; }

std::string text(i128 value) {
  if (value < 0) return "-" + text(-value);
  if (value < 10) return std::string(1, static_cast<char>('0' + static_cast<int>(value)));
  return text(value / 10) + static_cast<char>('0' + static_cast<int>(value % 10));
}

i128 parameter(const Machine& machine, Parameter which) { return machine.params().get(which); }

i128 cost(i128 unit, i128 milli, i128 ms) { return ceil_div(unit * milli * ms, kMilliMsPerHour); }

/// The meter of protocol section 5, from the recorded times.
i128 metered_ms(const ContractRow& row, const Machine& machine) {
  if (row.started.ms == 0) return 0;
  const i128 slack = parameter(machine, Parameter::ProgressSlackMs);
  const i128 ran = i128{row.stopped.ms} - row.started.ms;
  const i128 heard = i128{row.last_progress.ms} - row.started.ms + slack;
  const i128 said = i128{row.progress_run_ms} + slack;
  const i128 over = i128{row.expected_s} * 1000 * 3 / 2;
  const i128 most = i128{row.max_s} * 1000;
  return std::max(std::min({ran, heard, said, over, most}), parameter(machine, Parameter::MinimumMeterMs));
}

/// Millionths of a credit that a stake brings. The stakes of these markets are small: the product fits.
i128 brought_micro(i128 stake, i128 ms, const Machine& machine) {
  const i128 rate = parameter(machine, Parameter::AmaxValueMicro) * parameter(machine, Parameter::CreditRateMicro);
  return stake * rate * ms / (i128{kBasePerToken} * kMillion * 3'600'000);
}

/// What the hosts of a contract hold of their GPUs.
i128 held_milli(const ContractRow& row) {
  const auto of = [](const protocol::Allocation& part) { return i128(part.devices.size()) * part.milli_per_device; };
  if (row.gang.empty()) return of(row.allocation);
  i128 milli = 0;
  for (const protocol::GangHost& host : row.gang) milli += of(host.allocation);
  return milli;
}

i128 billing_milli(const v1::Resources& resources) {
  if (resources.gpus() == 0) return 1000;
  return resources.gpu_share_milli() != 0 ? resources.gpu_share_milli() : i128{resources.gpus()} * 1000;
}

}  // namespace

Money::Money(const protocol::Genesis& genesis) {
  constexpr std::uint64_t kDeposit = 10'000'000;
  for (const protocol::GenesisAccount& account : genesis.accounts) {
    balances_[account.account][Asset::Agpu] += i128{account.agpu.base} - kDeposit;
    balances_[account.account][Asset::Amax] += account.amax.base;
    balances_[account.account][Asset::Usd] += account.usd.base;
    open_accounts_[account.account] = kDeposit;
  }
  pools_[Pool::Treasury] = genesis.treasury.base;
}

std::vector<std::string> Money::follow(const protocol::chain_test::Block& block, const Machine& machine) {
  differences_.clear();
  market_time_ = block.header.time.ms - machine.chain().halted.ms;
  return_stakes(market_time_);
  return_node_locks(market_time_);
  // The leaves of the history tell in what order things came to be: what a job returned may have moved on in the same
  // block.
  std::size_t applied = 0;
  for (const protocol::HistoryLeaf& leaf : block.result.leaves) {
    const ByteView content = ByteView(leaf.bytes).subspan(1);
    switch (leaf.type) {
      case protocol::LeafType::Receipt:
        apply(block.transactions.at(applied), block.result.receipts.at(applied).core, machine);
        ++applied;
        break;
      case protocol::LeafType::Settlement:
        if (const auto settlement = decode<protocol::Settlement>(content)) {
          settle(*settlement, machine);
        } else {
          differences_.emplace_back("a settlement leaf does not decode");
        }
        break;
      case protocol::LeafType::EndedJob:
        if (const auto ended = decode<protocol::EndedJob>(content)) {
          end_unsettled(ended->job, machine);
        } else {
          differences_.emplace_back("the leaf of an ended job does not decode");
        }
        break;
    }
  }
  differ("transactions among the leaves", i128(block.transactions.size()), i128(applied));
  for (const protocol::Event& event : block.result.events) {
    if (event.kind == protocol::EventKind::NodeChanged &&
        event.state == static_cast<std::uint8_t>(protocol::NodeStatus::Left) && node_locks_.contains(*event.node)) {
      node_locks_.at(*event.node).left = true;
    }
  }
  return_node_locks(market_time_);
  for (auto& [id, job] : jobs_) follow_notices(id, job, machine);
  epoch_ = machine.chain().epochs;
  compare(machine);
  return differences_;
}

i128 Money::burned_for_leaving(const OpenJob& job, const protocol::JobRow& row) {
  return std::min(ceil_div(job.cap, 100), cost(row.max_price.nagpu_per_gpu_hour, job.billing_milli, 60'000));
}

void Money::end_unsettled(const JobId& id, const Machine& machine) {
  const auto job = jobs_.find(id);
  if (job == jobs_.end()) return;
  // Ended without a settlement: the deadline came while the job waited. One that counted as load and never had a match
  // burns what a cancellation burns.
  follow_notices(id, job->second, machine);
  const protocol::JobRow& row = machine.market().jobs().get(id);
  const i128 burned = row.weighed && row.attempts == 0 ? burned_for_leaving(job->second, row) : 0;
  burned_ += burned + job->second.lock_fee - job->second.lock_paid;
  balances_[job->second.requester][Asset::Agpu] += job->second.cap - burned;
  jobs_.erase(job);
}

void Money::apply(const protocol::VerifiedTransaction& transaction, const protocol::ReceiptCore& receipt,
                  const Machine& machine) {
  const AccountId& sender = transaction.account();
  const i128 fee = parameter(machine, Parameter::TxFee);
  const i128 deposit = parameter(machine, Parameter::AccountDeposit);
  balances_[sender][Asset::Agpu] -= fee;
  burned_ += fee;
  if (receipt.code != 0) return;
  const v1::TransactionBody& body = transaction.body();
  if (apply_stake(transaction, machine) || apply_reserve(transaction)) return;
  if (body.has_transfer()) {
    const AccountId to = *AccountId::from_view(as_bytes(body.transfer().to()));
    const auto asset = static_cast<Asset>(body.transfer().asset());
    balances_[sender][asset] -= body.transfer().amount();
    balances_[to][asset] += body.transfer().amount();
    if (open_accounts_.emplace(to, deposit).second) balances_[to][Asset::Agpu] -= deposit;
  } else if (body.has_account_close()) {
    const AccountId to = *AccountId::from_view(as_bytes(body.account_close().beneficiary()));
    balances_[sender][Asset::Agpu] += open_accounts_.at(sender);
    for (auto& [asset, amount] : balances_[sender]) {
      balances_[to][asset] += amount;
      amount = 0;
    }
    open_accounts_.erase(sender);
  } else if (body.has_node_register()) {
    const i128 amount = parameter(machine, Parameter::NodeLock);
    const std::uint64_t until = market_time_ + machine.params().get(Parameter::NodeLockMs);
    balances_[sender][Asset::Agpu] -= amount;
    node_locks_[*NodeId::parse(receipt.subject)] = {sender, amount, until, false};
  } else if (body.has_job_submit()) {
    const JobId id = *JobId::parse(receipt.subject);
    const protocol::JobRow& row = machine.market().jobs().get(id);
    if (row.sequence != receipt.sequence) return;                 // a repeat: the first job was named
    const i128 cap = i128{row.cap.base} + row.compensation.base;  // before any notice, which may have come at once
    jobs_[id] = {sender, cap, billing_milli(body.job_submit().spec().resources()), market_time_};
    balances_[sender][Asset::Agpu] -= cap;
    if (row.price_lock) jobs_[id].lock_fee = row.price_lock->fee.base;
    balances_[sender][Asset::Agpu] -= jobs_[id].lock_fee;
    const i128 with_credits = i128{row.credits} * parameter(machine, Parameter::CreditBurn);
    differ_of(id, "burned with credits", with_credits, row.credits_burned.base);
    balances_[sender][Asset::Agpu] -= with_credits;
    burned_ += with_credits;
    if (row.credits != 0) {
      bring_credits(sender, machine);
      credits_[sender].micro -= i128{row.credits} * kMillion;
    }
  } else if (body.has_job_raise()) {
    const JobId id = *JobId::parse(receipt.subject);
    OpenJob& job = jobs_.at(id);
    const protocol::JobRow& row = machine.market().jobs().get(id);
    const i128 most = cost(row.max_price.nagpu_per_gpu_hour, job.billing_milli, row.spec.max_s * i128{1000});
    follow_notices(id, job, machine);
    const i128 cap = std::min(i128{row.spec.budget.base}, most) - job.compensation;
    balances_[sender][Asset::Agpu] -= cap - job.cap;
    job.cap = cap;
  } else if (body.has_job_cancel()) {
    const JobId id = *JobId::parse(receipt.subject);
    const protocol::JobRow& row = machine.market().jobs().get(id);
    OpenJob& job = jobs_.at(id);
    follow_notices(id, job, machine);
    if (!row.contract.is_zero() && machine.contracts().table().get(row.contract).state != ContractState::Requeued) {
      return;  // its contract settles it
    }
    i128 burned = 0;
    if (market_time_ - job.submitted >= machine.params().get(Parameter::TickMs)) {
      burned = burned_for_leaving(job, row);
    }
    burned_ += burned + job.lock_fee - job.lock_paid;
    balances_[job.requester][Asset::Agpu] += job.cap - burned;
    jobs_.erase(id);
  } else if (body.has_contract_complete()) {
    // Work that is done in time keeps all that was paid for its notice.
    const ContractId id = *ContractId::from_view(as_bytes(body.contract_complete().contract()));
    pay_notice(id, machine.contracts().table().get(id), machine);
  }
}

void Money::follow_notices(const JobId& id, OpenJob& job, const Machine& machine) {
  const protocol::JobRow* row = machine.market().jobs().find(id);
  if (row == nullptr) return;
  const i128 more = i128{row->compensation.base} - job.compensation;
  job.compensation += more;
  job.cap -= more;
  noticed_ += more;
}

/// A share of the other's minute, and the time lost at the own price: to the provider what it ran for nothing.
void Money::pay_notice(const ContractId& id, const ContractRow& row, const Machine& machine) {
  if (!row.notice || !compensated_.insert(id).second) return;
  const protocol::Notice& notice = *row.notice;
  const i128 ran = row.started.ms == 0 ? 0 : i128{notice.given.ms} - row.started.ms;
  const i128 lost = std::min(ran, parameter(machine, Parameter::UnsavedMaxMs));
  const i128 unsaved = cost(row.price.unit.nagpu_per_gpu_hour, row.billing_milli, lost);
  differ_of(id, "unsaved time", unsaved, notice.unsaved.base);
  i128 provider = 0;
  if (row.end_reason == protocol::EndReason::Preempted && row.started.ms != 0) {
    const i128 whole_ms = i128{row.metered_ms / 1000} * 1000;
    provider =
        std::min(unsaved, i128{row.price.unit.nagpu_per_gpu_hour} * row.billing_milli * whole_ms / kMilliMsPerHour);
  }
  differ_of(id, "the provider's part of a compensation", provider, notice.provider.base);
  const AccountId& payee = open_accounts_.contains(row.payout) ? row.payout : row.provider;
  balances_[payee][Asset::Agpu] += provider;
  balances_[row.requester][Asset::Agpu] += notice.share.base + unsaved - provider;
  noticed_ -= notice.share.base + unsaved;
}

void Money::bring_credits(const AccountId& account, const Machine& machine) {
  Credits& credits = credits_[account];
  const i128 span = parameter(machine, Parameter::CreditSpanMs);
  credits.micro += brought_micro(stakes_[account], std::min(i128{market_time_} - credits.at, span), machine);
  credits.at = market_time_;
  hold_credits(account, machine);
}

void Money::hold_credits(const AccountId& account, const Machine& machine) {
  const i128 most = brought_micro(stakes_[account], parameter(machine, Parameter::CreditSpanMs), machine);
  Credits& credits = credits_[account];
  credits.micro = std::min(credits.micro, most);
  if (stakes_[account] == 0) credits_.erase(account);
}

bool Money::apply_stake(const protocol::VerifiedTransaction& transaction, const Machine& machine) {
  const AccountId& sender = transaction.account();
  const v1::TransactionBody& body = transaction.body();
  if (body.has_stake_lock()) {
    bring_credits(sender, machine);
    credits_[sender].at = market_time_;
    balances_[sender][Asset::Amax] -= body.stake_lock().amount();
    stakes_[sender] += body.stake_lock().amount();
    return true;
  }
  if (!body.has_stake_unbond()) return false;
  const std::uint64_t until = market_time_ + machine.params().get(Parameter::UnbondAmaxMs);
  bring_credits(sender, machine);
  stakes_[sender] -= body.stake_unbond().amount();
  hold_credits(sender, machine);
  unbondings_.push_back({sender, body.stake_unbond().amount(), until});
  return true;
}

void Money::return_stakes(std::uint64_t market_time) {
  for (const Unbonding& part : unbondings_) {
    if (part.until <= market_time) balances_[part.account][Asset::Amax] += part.amount;
  }
  std::erase_if(unbondings_, [market_time](const Unbonding& part) { return part.until <= market_time; });
}

void Money::differ(std::string_view what, i128 counted, i128 there) const {
  if (counted == there) return;
  differences_.push_back(fmt::format("{}: {} counted, {} there", what, text(counted), text(there)));
}

template <class Id>
void Money::differ_of(const Id& id, std::string_view what, i128 counted, i128 there) const {
  if (counted != there) differ(fmt::format("{} of {}", what, id.text()), counted, there);
}

void Money::settle(const protocol::Settlement& settlement, const Machine& machine) {
  const ContractRow& row = settlement.row;
  differ_of(settlement.contract, "metered time", metered_ms(row, machine), row.metered_ms);
  if (held_milli(row) != 0) differ_of(settlement.contract, "GPUs held and billed", held_milli(row), row.billing_milli);
  contracts_[settlement.contract] = row;
  pay_notice(settlement.contract, row, machine);
  charge_decline(settlement.contract, row, machine);
  if (row.state == ContractState::Requeued) return;
  OpenJob& job = jobs_.at(row.job);
  follow_notices(row.job, job, machine);
  differ_of(settlement.contract, "cap", job.cap, row.cap.base);
  i128 left = job.cap;
  if (!row.prior_claim.is_zero()) {
    const ContractRow& prior = contracts_.at(row.prior_claim);
    pay(prior, row.prior_bill, prior.started.ms == 0 ? 0 : left, machine, false);
    left -= row.prior_bill.pay.base;
  }
  const bool pays = row.state == ContractState::Settled && row.started.ms != 0;
  const bool late = row.prior_claim.is_zero() && started_late(row, machine);
  pay(row, row.bill, pays ? left : 0, machine, late);
  left -= row.bill.pay.base;
  differ_of(settlement.contract, "refund", left, row.refund.base);
  balances_[job.requester][Asset::Agpu] += left;
  paid_by_requesters_ += job.cap - left;
  burned_ += job.lock_fee - job.lock_paid;
  jobs_.erase(row.job);
}

/// Standard is judged by its first match, Premium by its first start.
bool Money::started_late(const ContractRow& row, const Machine& machine) {
  const auto& promise = machine.market().jobs().get(row.job).start_promise;
  const bool premium = row.price.tier == protocol::kPremium;
  std::uint64_t began = 0;
  for (std::uint32_t attempt = 0; attempt <= row.attempt && began == 0; ++attempt) {
    const ContractRow& contract = contracts_.at(contract_id_of(row.job, attempt));
    began = premium ? contract.started.ms : contract.matched.ms;
  }
  const bool late = promise && began > promise->due.ms;
  differ_of(row.job, "a missed start", late ? 1 : 0, promise && promise->state == protocol::StartState::Missed ? 1 : 0);
  return late;
}

i128 Money::insured(const ContractRow& row, i128 credit, i128 due, const Machine& machine) {
  PremiumSum& sum = premium_[row.requester];
  const i128 most = (sum.settled + due) * parameter(machine, Parameter::InsuranceShareMaxPpm) / kMillion - sum.insured;
  const i128 of_fund = pools_[Pool::Insurance] * parameter(machine, Parameter::InsuranceCreditPpm) / kMillion;
  const i128 amount = std::min({credit, std::max(most, i128{0}), of_fund});
  pools_[Pool::Insurance] -= amount;
  balances_[row.requester][Asset::Agpu] += amount;
  sum.insured += amount;
  return amount;
}

void Money::pay(const ContractRow& row, const FeeSplit& bill, i128 at_most, const Machine& machine, bool late) {
  const i128 seconds_ms = i128{row.metered_ms / 1000} * 1000;
  i128 due = cost(row.price.unit.nagpu_per_gpu_hour, row.billing_milli, seconds_ms);
  due = std::min({std::max(due, parameter(machine, Parameter::MinimumJobFee)), i128{row.cap.base}, at_most});
  const i128 surge = row.price.log_price > row.price.slow_log_price ? i128{bill.surge_burn.base} : 0;
  const i128 base = due - surge;
  const auto share = [&](Parameter ppm) { return base * parameter(machine, ppm) / kMillion; };
  i128 burn = ceil_div(base * parameter(machine, Parameter::FeeBurnPpm), kMillion);
  i128 stakers = share(Parameter::FeeStakersPpm);
  i128 treasury = share(Parameter::FeeTreasuryPpm) + share(Parameter::FeeReferrerPpm);
  i128 insurance = share(Parameter::FeeInsurancePpm);
  i128 provider = base - burn - stakers - treasury - insurance;
  i128 returned = 0;
  const bool premium = row.price.tier == protocol::kPremium;
  const bool own = row.requester == row.provider || row.requester == row.payout;
  if (late && !premium) {
    returned = burn + stakers + treasury + insurance;
    burn = stakers = treasury = insurance = 0;
  } else if (late && !own && due > 0) {
    const i128 credit = due * parameter(machine, Parameter::PremiumCreditPpm) / kMillion;
    const i128 fetching = i128{row.input_bytes} / parameter(machine, Parameter::InputBytesPerSecond) * 1000;
    const i128 allowed =
        parameter(machine, Parameter::AckMs) + parameter(machine, Parameter::PremiumStartMs) + fetching;
    if (i128{row.started.ms} - row.matched.ms > allowed) {
      returned = std::min(credit, provider);
      provider -= returned;
    } else {
      differ_of(row.job, "what the insurance fund pays", insured(row, credit, due, machine), row.insured.base);
    }
  }
  due -= returned;
  if (premium && row.prior_claim.is_zero() && row.state == ContractState::Settled)
    premium_[row.requester].settled += due;
  differ_of(row.job, "payment", due, bill.pay.base);
  differ_of(row.job, "what is not charged", returned, row.returned.base);
  // A payout account that was closed meanwhile gets nothing: the provider's own cannot be closed.
  const AccountId& payee = open_accounts_.contains(row.payout) ? row.payout : row.provider;
  balances_[payee][Asset::Agpu] += provider;
  pools_[Pool::Stakers] += stakers;
  pools_[Pool::Treasury] += treasury;
  pools_[Pool::Insurance] += insurance;
  burned_ += burn + surge;
  paid_for_contracts_ += due;
  // Half of what the lock of the price cost goes to the first that is paid for work at that price.
  OpenJob& job = jobs_.at(row.job);
  const auto& lock = machine.market().jobs().get(row.job).price_lock;
  if (at_most == 0 || !lock || !lock->held || job.lock_paid != 0) return;
  job.lock_paid = job.lock_fee / 2;
  balances_[payee][Asset::Agpu] += job.lock_paid;
}

void Money::return_node_locks(std::uint64_t market_time) {
  for (auto it = node_locks_.begin(); it != node_locks_.end();) {
    if (!it->second.left || it->second.until > market_time) {
      ++it;
      continue;
    }
    balances_[it->second.provider][Asset::Agpu] += it->second.amount;
    it = node_locks_.erase(it);
  }
}

void Money::compare(const Machine& machine) const {
  const protocol::Ledger& ledger = machine.ledger();
  for (const auto& [account, row] : ledger.accounts()) {
    const auto mine = balances_.find(account);
    for (std::uint8_t i = 0; i < kAssetCount; ++i) {
      const auto asset = static_cast<Asset>(i);
      const i128 counted = mine != balances_.end() && mine->second.contains(asset) ? mine->second.at(asset) : i128{0};
      differ_of(account, asset_name(asset), counted, row.balance[i]);
    }
    differ_of(account, "existence", open_accounts_.contains(account) ? 1 : 0, ledger.exists(account) ? 1 : 0);
  }
  for (const auto& [account, amounts] : balances_) {
    if (!ledger.accounts().contains(account)) differences_.push_back("the ledger lacks " + account.text());
  }
  for (const Pool pool : {Pool::Treasury, Pool::Stakers, Pool::Insurance}) {
    const auto mine = pools_.find(pool);
    differ(protocol::pool_name(pool), mine != pools_.end() ? mine->second : i128{0}, ledger.pool(pool, Asset::Agpu));
  }
  differ("burned", burned_, ledger.supply(Asset::Agpu).burned);
  i128 escrowed = 0;
  i128 locked = 0;
  for (const auto& [id, job] : jobs_) {
    escrowed += job.cap;
    differ_of(id, "escrow", job.cap, ledger.locked(protocol::LockPurpose::Escrow, id.bytes, Asset::Agpu));
    locked += job.lock_fee - job.lock_paid;
    differ_of(id, "fee of the price lock", job.lock_fee - job.lock_paid,
              ledger.locked(protocol::LockPurpose::PriceLock, id.bytes, Asset::Agpu));
  }
  i128 noticed = 0;
  for (const ContractId& id : machine.contracts().index().live()) {
    const ContractRow& row = machine.contracts().table().get(id);
    if (row.notice && row.notice->open) noticed += i128{row.notice->share.base} + row.notice->unsaved.base;
  }
  differ("locked for notices", noticed_, noticed);
  locked += escrowed + noticed_;
  for (const auto& [id, lock] : node_locks_) locked += lock.amount;
  for (const auto& [account, deposit] : open_accounts_) locked += deposit;
  compare_reserve(machine, locked);
  differ("all locks", locked, static_cast<i128>(ledger.supply(Asset::Agpu).locks));
  i128 staked = 0;
  for (const auto& [account, amount] : stakes_) {
    staked += amount;
    const protocol::StakeRow row = machine.staking().stake(account, Asset::Amax);
    differ_of(account, "stake", amount, row.bonded);
    const auto credits = credits_.find(account);
    differ_of(account, "credits", credits != credits_.end() ? credits->second.micro : i128{0}, row.credits_micro);
    if (credits != credits_.end() && credits->second.micro < 0) differ_of(account, "credits below zero", 0, 1);
  }
  for (const Unbonding& part : unbondings_) staked += part.amount;
  differ("all stakes", staked, static_cast<i128>(ledger.supply(Asset::Amax).locks));
  differ("paid by requesters and for contracts", paid_by_requesters_, paid_for_contracts_);
}

}  // namespace starminer::scenario
