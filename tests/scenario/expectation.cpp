// What scenarios say about a job.
#include <fmt/format.h>

#include "protocol/pricing/pricing.h"
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

std::string show(JobState state) { return std::string(protocol::job_state_name(state)); }
std::string show(ContractState state) { return std::string(protocol::contract_state_name(state)); }
std::string show(EndReason reason) {
  return reason == EndReason::None ? "none" : std::string(protocol::end_reason_info(reason).code);
}
std::string show(Party party) { return std::string(protocol::party_name(party)); }
std::string show(Agpu amount) { return format_amount(amount); }
std::string show(Price price) { return fmt::format("{} nAGPU per GPU-hour", price.nagpu_per_gpu_hour); }
std::string show(std::uint32_t number) { return fmt::format("{}", number); }
std::string show(std::size_t number) { return fmt::format("{}", number); }
std::string show(Milliseconds time) { return fmt::format("{} ms", time.count()); }
std::string show(const AccountId& account) { return account.text(); }

}  // namespace

template <class T>
void Expectation::equal(const char* what, const T& is, const T& should) const {
  if (is != should) ADD_FAILURE_AT(file_, line_) << what << " is " << show(is) << ", expected " << show(should);
}

const protocol::JobRow& Expectation::row() const { return market_.row(job_); }

const protocol::ContractRow* Expectation::contract() const {
  const auto* found = market_.machine().contracts().table().find(row().contract);
  if (found == nullptr) ADD_FAILURE_AT(file_, line_) << "the job has no contract";
  return found;
}

const Expectation& Expectation::is(JobState state) const {
  equal("the job", row().state, state);
  return *this;
}

const Expectation& Expectation::contract_is(ContractState state) const {
  if (const auto* found = contract()) equal("the contract", found->state, state);
  return *this;
}

const Expectation& Expectation::ended(EndReason reason, Party party) const {
  equal("the end reason of the job", row().end_reason, reason);
  if (row().end_reason != EndReason::None) {
    equal("the responsible party", protocol::end_reason_info(row().end_reason).party, party);
  }
  const auto* last = market_.machine().contracts().table().find(row().contract);
  if (last != nullptr && last->state != ContractState::Requeued) {
    equal("the end reason of the contract", last->end_reason, reason);
    equal("the responsible party in the contract", last->party, party);
  }
  // Whatever the end: its escrow is empty and gone (CSC-2).
  const protocol::LockKey escrow{protocol::LockPurpose::Escrow, job_.id.bytes, Asset::Agpu};
  if (market_.machine().ledger().locks().contains(escrow)) ADD_FAILURE_AT(file_, line_) << "the escrow still stands";
  return *this;
}

const Expectation& Expectation::runs_on(std::string_view provider) const {
  const AccountId account = protocol::chain_test::account_of_name(provider);
  if (const auto* found = contract()) equal("the provider", found->provider, account);
  return *this;
}

const Expectation& Expectation::runs_on_hosts(std::size_t count) const {
  const std::vector<NodeId> hosts = market_.hosts(job_);
  equal("the number of hosts", hosts.size(), count);
  const auto& nodes = market_.machine().registry().nodes();
  const protocol::NodeRow& lead = nodes.get(hosts.front());
  for (const NodeId& host : hosts) {
    const protocol::NodeRow& row = nodes.get(host);
    equal("the provider of a host", row.provider, lead.provider);
    if (row.offer.site != lead.offer.site) ADD_FAILURE_AT(file_, line_) << "a host at another site than the lead";
  }
  return *this;
}

const Expectation& Expectation::attempts(std::uint32_t count) const {
  equal("the number of matches", row().attempts, count);
  return *this;
}

const Expectation& Expectation::metered(Milliseconds time) const {
  if (const auto* found = contract()) equal("the metered time", Milliseconds(found->metered_ms), time);
  return *this;
}

const Expectation& Expectation::paid(Agpu amount) const {
  equal("what the job paid", row().paid, amount);
  return *this;
}

const Expectation& Expectation::refunded(Agpu amount) const {
  equal("what the job got back", row().refunded, amount);
  return *this;
}

const Expectation& Expectation::burned(Agpu amount) const {
  equal("what was burned for cancelling", row().burned, amount);
  return *this;
}

const Expectation& Expectation::bill_follows_formula() const {
  const auto* found = contract();
  if (found == nullptr) return *this;
  const protocol::PriceInputs& price = found->price;
  std::uint64_t product = kPpm;
  for (const std::uint32_t factor : price.factors.ppm) product = product * factor / kPpm;
  equal("the product of the factors", static_cast<std::uint32_t>(product), price.factors.product_ppm);
  const u128 unit = (u128{price.base.nagpu_per_gpu_hour} * product + kPpm - 1) / kPpm;
  equal("the unit price", price.unit, Price{static_cast<std::uint64_t>(unit)});
  const u128 gpu_ms = u128{found->billing_milli} * (found->metered_ms / 1000 * 1000);
  const u128 due = (u128{price.unit.nagpu_per_gpu_hour} * gpu_ms + 3'599'999'999) / 3'600'000'000;
  const u128 billed = due < found->cap.base ? due : u128{found->cap.base};
  equal("the bill and what is not charged of it", Agpu{found->bill.pay.base + found->returned.base},
        Agpu{static_cast<std::uint64_t>(billed)});
  const protocol::FeeSplit& bill = found->bill;
  const std::uint64_t parts = bill.surge_burn.base + bill.burn.base + bill.stakers.base + bill.treasury.base +
                              bill.insurance.base + bill.referrer.base + bill.provider.base;
  equal("the sum of the parts of the bill", Agpu{parts}, bill.pay);
  return *this;
}

}  // namespace starminer::scenario
