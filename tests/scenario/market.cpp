#include "scenario/market.h"

#include <algorithm>
#include <numeric>

#include "protocol/contracts/contracts.h"

namespace starminer::scenario {
namespace {

using protocol::chain_test::Chain;
using protocol::chain_test::text_of;

Agpu parse_agpu(std::string_view amount) {
  constexpr std::string_view kUnit = " AGPU";
  const auto base = amount.size() > kUnit.size() && amount.substr(amount.size() - kUnit.size()) == kUnit
                        ? parse_tokens(amount.substr(0, amount.size() - kUnit.size()))
                        : std::nullopt;
  EXPECT_TRUE(base.has_value()) << amount;
  return {base.value_or(0)};
}

template <class Message>
void name_contract(Message& message, const ContractId& contract) {
  message.set_contract(text_of(contract.view()));
}

}  // namespace

Agpu operator""_agpu(unsigned long long tokens) { return {tokens * kBasePerToken}; }

JobRequest::JobRequest(v1::JobKind kind) {
  *submit_.mutable_spec() = protocol::chain_test::hour_of_a100();
  submit_.mutable_spec()->set_kind(kind);
}

JobRequest& JobRequest::gpus(std::uint32_t count) {
  submit_.mutable_spec()->mutable_resources()->set_gpus(count);
  return *this;
}

JobRequest& JobRequest::share(std::uint32_t milli) {
  submit_.mutable_spec()->mutable_resources()->set_gpu_share_milli(milli);
  return *this;
}

JobRequest& JobRequest::on_one_site(std::uint32_t hosts_max) {
  submit_.mutable_spec()->set_placement(v1::ONE_SITE);
  submit_.mutable_spec()->set_hosts_max(hosts_max);
  return *this;
}

JobRequest& JobRequest::without_gpu(std::uint32_t cpu_threads) {
  auto& resources = *submit_.mutable_spec()->mutable_resources();
  resources.set_gpus(0);
  resources.set_cpu_milli(cpu_threads * 1000);
  return *this;
}

JobRequest& JobRequest::max(std::chrono::seconds time) {
  submit_.mutable_spec()->set_max_s(static_cast<std::uint64_t>(time.count()));
  return expected(time / 2);
}

JobRequest& JobRequest::expected(std::chrono::seconds time) {
  submit_.mutable_spec()->set_expected_s(static_cast<std::uint64_t>(time.count()));
  return *this;
}

JobRequest& JobRequest::budget(std::string_view amount) {
  submit_.mutable_spec()->set_budget(parse_agpu(amount).base);
  return *this;
}

JobRequest& JobRequest::max_price(std::string_view amount) {
  submit_.mutable_spec()->set_max_price(parse_agpu(amount).base);
  return *this;
}

JobRequest& JobRequest::deadline_in(std::chrono::seconds time) {
  deadline_in_ = time;
  return *this;
}

JobRequest& JobRequest::input_bytes(std::uint64_t bytes) {
  submit_.mutable_spec()->add_inputs(text_of(sha256("input").view()));
  submit_.mutable_spec()->set_input_bytes(bytes);
  return *this;
}

JobRequest& JobRequest::reputation_min(std::uint32_t score) {
  submit_.mutable_spec()->mutable_where()->set_reputation_min(score);
  return *this;
}

JobRequest& JobRequest::preemptible() {
  submit_.mutable_spec()->set_tier(static_cast<v1::TierChoice>(protocol::TierChoice::Economy));
  submit_.mutable_spec()->set_preemptible(true);
  return *this;
}

JobRequest& JobRequest::premium() {
  submit_.mutable_spec()->set_tier(static_cast<v1::TierChoice>(protocol::TierChoice::Premium));
  submit_.mutable_spec()->set_wait(true);
  return *this;
}

JobRequest& JobRequest::named(std::string client_id) {
  submit_.set_client_id(std::move(client_id));
  return *this;
}

v1::JobSubmit JobRequest::message(TimeMs now) const {
  v1::JobSubmit message = submit_;
  if (deadline_in_) {
    message.mutable_spec()->set_deadline_ms((now + seconds(static_cast<std::uint64_t>(deadline_in_->count()))).ms);
  }
  return message;
}

JobRequest rendering() { return JobRequest(v1::RENDERING); }
JobRequest training() { return JobRequest(v1::TRAINING); }

NodeOffer::NodeOffer() : register_(protocol::chain_test::a100_node()) {}

NodeOffer& NodeOffer::devices(std::uint32_t count) {
  register_.mutable_hardware()->set_devices(count);
  return *this;
}

NodeOffer& NodeOffer::hardware_class(std::string name) {
  register_.mutable_hardware()->set_hardware_class(std::move(name));
  return *this;
}

NodeOffer& NodeOffer::rating(std::uint32_t cu_x1000) {
  for (auto& rating : *register_.mutable_ratings()) rating.set_cu_per_device_x1000(cu_x1000);
  return *this;
}

NodeOffer& NodeOffer::site(std::string name) {
  register_.mutable_offer()->set_site(std::move(name));
  return *this;
}

NodeOffer a100() { return {}; }

std::string Actor::does(const Chain::Fill& fill) const {
  const auto receipt = market_->chain().send(name_, fill);
  if (!receipt) {
    EXPECT_EQ(refusal_label(receipt.error().code), refusal_label(expected_)) << name_ << ": " << receipt.error().detail;
    return {};
  }
  EXPECT_EQ(receipt->core.code, static_cast<std::uint16_t>(expected_))
      << name_ << ": " << protocol::operation_name(receipt->core.operation) << " " << receipt->detail;
  return receipt->core.subject;
}

const Provider& Provider::is_paid_at(std::string_view account) const {
  does(protocol::chain_test::register_provider(name_, protocol::chain_test::account_of_name(account)));
  return *this;
}

const Provider& Provider::registers(const NodeOffer& offer) const {
  if (!market_->machine().registry().providers().contains(account())) {
    does(protocol::chain_test::register_provider(name_));
  }
  does([&](v1::TransactionBody& body) { *body.mutable_node_register() = offer.message(); });
  return *this;
}

NodeId Provider::node() const {
  NodeId last;
  std::uint32_t newest = 0;
  for (const auto& [id, row] : market_->machine().registry().nodes()) {
    if (row.provider != account() || row.dense_id < newest) continue;
    last = id;
    newest = row.dense_id;
  }
  return last;
}

const Provider& Provider::drains() const {
  does([&](v1::TransactionBody& body) { body.mutable_node_set_status()->set_node(text_of(node().view())); });
  return *this;
}

const Provider& Provider::leaves() const {
  does([&](v1::TransactionBody& body) {
    body.mutable_node_set_status()->set_node(text_of(node().view()));
    body.mutable_node_set_status()->set_change(v1::NodeSetStatus::LEAVE);
  });
  return *this;
}

const Provider& Provider::acknowledges(const Job& job) const {
  does([&](auto& body) { name_contract(*body.mutable_contract_acknowledge(), market_->row(job).contract); });
  return *this;
}

const Provider& Provider::declines(const Job& job) const {
  does([&](auto& body) { name_contract(*body.mutable_contract_decline(), market_->row(job).contract); });
  return *this;
}

const Provider& Provider::starts(const Job& job) const {
  does([&](auto& body) { name_contract(*body.mutable_contract_start(), market_->row(job).contract); });
  return *this;
}

const Provider& Provider::starts(const Job& job, Host host) const {
  does([&](auto& body) {
    name_contract(*body.mutable_contract_start(), market_->row(job).contract);
    body.mutable_contract_start()->set_node(text_of(market_->hosts(job).at(host).view()));
  });
  return *this;
}

const Provider& Provider::runs(const Job& job) const {
  acknowledges(job).starts(job);
  for (Host host = 1; host < market_->hosts(job).size(); ++host) starts(job, host);
  return *this;
}

const Provider& Provider::reports_progress(const Job& job, Milliseconds run_time) const {
  does([&](v1::TransactionBody& body) {
    auto& entry = *body.mutable_contract_progress()->add_entries();
    name_contract(entry, market_->row(job).contract);
    entry.set_run_ms(static_cast<std::uint64_t>(run_time.count()));
  });
  return *this;
}

const Provider& Provider::reports_progress(const Job& job) const {
  std::vector<Host> all(market_->hosts(job).size());
  std::iota(all.begin(), all.end(), Host{0});
  return reports_progress_of(job, all);
}

const Provider& Provider::reports_progress_of(const Job& job, const std::vector<Host>& hosts) const {
  const std::uint64_t run_ms = elapsed(market_->market_time(), market_->contract(job).started).ms;
  std::vector<NodeId> named;
  for (const Host host : hosts) named.push_back(market_->hosts(job).at(host));
  std::sort(named.begin(), named.end());
  does([&](v1::TransactionBody& body) {
    for (const NodeId& node : named) {
      auto& entry = *body.mutable_contract_progress()->add_entries();
      name_contract(entry, market_->row(job).contract);
      entry.set_run_ms(run_ms);
      entry.set_node(text_of(node.view()));
    }
  });
  return *this;
}

const Provider& Provider::finishes(const Job& job, Host host) const {
  does([&](auto& body) {
    name_contract(*body.mutable_contract_host_done(), market_->row(job).contract);
    body.mutable_contract_host_done()->set_node(text_of(market_->hosts(job).at(host).view()));
    body.mutable_contract_host_done()->set_report_hash(text_of(sha256("report").view()));
  });
  return *this;
}

const Provider& Provider::completes(const Job& job) const {
  does([&](v1::TransactionBody& body) {
    auto& message = *body.mutable_contract_complete();
    name_contract(message, market_->row(job).contract);
    const auto& row = market_->contract(job);
    message.set_run_ms(std::max(elapsed(market_->market_time(), row.started).ms, row.progress_run_ms));
    message.set_result_hash(text_of(sha256("result").view()));
    message.add_outputs(text_of(sha256("output").view()));
    message.set_proof_hash(text_of(sha256("proof").view()));
  });
  return *this;
}

const Provider& Provider::fails(const Job& job, EndReason reason) const {
  does([&](v1::TransactionBody& body) {
    auto& message = *body.mutable_contract_fail();
    name_contract(message, market_->row(job).contract);
    const auto& row = market_->contract(job);
    const std::uint64_t run_ms = row.started.ms == 0 ? 0 : elapsed(market_->market_time(), row.started).ms;
    message.set_run_ms(std::max(run_ms, row.progress_run_ms));
    message.set_reason(static_cast<std::uint32_t>(reason));
    message.set_report_hash(text_of(sha256("report").view()));
  });
  return *this;
}

Job Requester::submits(const JobRequest& request) const {
  const std::string subject =
      does([&](v1::TransactionBody& body) { *body.mutable_job_submit() = request.message(market_->chain().now()); });
  return {JobId::parse(subject).value_or(JobId{})};
}

const Requester& Requester::cancels(const Job& job) const {
  does([&](v1::TransactionBody& body) { body.mutable_job_cancel()->set_job(text_of(job.id.view())); });
  return *this;
}

const Requester& Requester::accepts(const Job& job) const {
  does([&](auto& body) { name_contract(*body.mutable_contract_accept(), market_->row(job).contract); });
  return *this;
}

Agpu Requester::balance() const { return {market_->machine().ledger().balance(account(), Asset::Agpu)}; }

protocol::Genesis Market::genesis(protocol::Preset preset) {
  return protocol::chain_test::genesis_of(
      preset, {"ada", "bob", "cleo", "aurora", "borealis", "corona", "vault", "operator", "mallory"});
}

Market::Market(protocol::Preset preset) : Market(genesis(preset)) {}

Market::Market(const protocol::Genesis& genesis) : chain_(genesis), money_(genesis) {
  chain_.on_block([this](const protocol::chain_test::Block& block) {
    for (const std::string& difference : money_.follow(block, machine())) {
      ADD_FAILURE() << "block " << block.header.height << ", money counted twice: " << difference;
    }
  });
}

void Market::operator_hears_nothing_of(const Provider& provider) {
  const auto sent = chain_.send("operator", [&](v1::TransactionBody& body) {
    body.mutable_telemetry_report()->add_silent(text_of(provider.node().view()));
  });
  EXPECT_TRUE(sent && sent->core.code == 0);
}

void Market::operator_hears(const Provider& provider) {
  const auto sent = chain_.send("operator", [&](v1::TransactionBody& body) {
    body.mutable_telemetry_report()->add_heard(text_of(provider.node().view()));
  });
  EXPECT_TRUE(sent && sent->core.code == 0);
}

void Market::passes(Milliseconds time) { chain_.pass({static_cast<std::uint64_t>(time.count())}); }

void Market::passes_with_progress(Milliseconds time, const Provider& provider, const Job& job) {
  const Milliseconds every(machine().params().get(protocol::Parameter::ProgressEveryMs));
  for (; time > every; time -= every) {
    passes(every);
    provider.reports_progress(job);
  }
  passes(time);
}

const protocol::ContractRow& Market::contract(const Job& job) const {
  return machine().contracts().table().get(row(job).contract);
}

const protocol::ContractRow& Market::contract(const Job& job, std::uint32_t attempt) const {
  return machine().contracts().table().get(contract_id_of(job.id, attempt));
}

std::vector<NodeId> Market::hosts(const Job& job) const {
  const protocol::ContractRow& row = contract(job);
  if (row.gang.empty()) return {row.node};
  std::vector<NodeId> nodes;
  for (const protocol::GangHost& host : row.gang) nodes.push_back(host.node);
  return nodes;
}

std::uint8_t Market::reputation_of(const Provider& provider, protocol::JobKind kind) const {
  return machine().reputation().score(provider.node(), static_cast<std::uint8_t>(kind), market_time());
}

TimeMs Market::market_time() const { return {chain_.now().ms - machine().chain().halted.ms}; }

}  // namespace starminer::scenario
