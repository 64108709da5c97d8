#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/json_text.h"
#include "api/render.h"
#include "protocol/block_order.h"
#include "protocol/operation_registry.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Machine;

std::string subject_text(const protocol::LockKey& key) {
  switch (key.purpose) {
    case protocol::LockPurpose::Escrow:
    case protocol::LockPurpose::PriceLock: return JobId{key.subject}.text();
    case protocol::LockPurpose::NodeIdentity:
    case protocol::LockPurpose::Reserve: return NodeId{key.subject}.text();
    case protocol::LockPurpose::Stake: return AccountId{key.subject}.text();
    case protocol::LockPurpose::Unbonding: return UnbondingId{key.subject}.text();
    case protocol::LockPurpose::Notice: return ContractId{key.subject}.text();
  }
  return "";
}

json render_supply(const Machine& machine, Asset asset) {
  const protocol::SupplyBreakdown supply = machine.ledger().supply(asset);
  return {{"minted", decimal(supply.minted)},     {"burned", decimal(supply.burned)},
          {"balances", decimal(supply.balances)}, {"locks", decimal(supply.locks)},
          {"pools", decimal(supply.pools)},       {"conserved", supply.conserved()}};
}

/// Null for the genesis, which has none.
json render_preamble(ByteView bytes) {
  const auto preamble = protocol::decode_preamble(bytes);
  if (!preamble) return {};
  const auto& [output, proof] = preamble->vrf;
  return {{"output", to_hex(output.view())},
          {"challenge", to_hex(proof.challenge.bytes)},
          {"response", to_hex(proof.response.bytes)}};
}

}  // namespace

std::string_view purpose_name(protocol::LockPurpose purpose) {
  switch (purpose) {
    case protocol::LockPurpose::Escrow: return "escrow";
    case protocol::LockPurpose::NodeIdentity: return "node_identity";
    case protocol::LockPurpose::Stake: return "stake";
    case protocol::LockPurpose::Unbonding: return "unbonding";
    case protocol::LockPurpose::PriceLock: return "price_lock";
    case protocol::LockPurpose::Notice: return "notice";
    case protocol::LockPurpose::Reserve: return "reserve";
  }
  return "";
}

std::string_view refusal_class_name(protocol::RefusalClass refusal_class) {
  switch (refusal_class) {
    case protocol::RefusalClass::Malformed: return "malformed";
    case protocol::RefusalClass::Retry: return "retry";
    case protocol::RefusalClass::Charged: return "charged";
    case protocol::RefusalClass::Local: return "local";
  }
  return "";
}

json render_receipt(const storage::StoredReceipt& receipt, bool duplicate) {
  const protocol::ReceiptCore& core = receipt.core;
  json object = {{"transaction", core.transaction.hex()},
                 {"height", core.height},
                 {"index", core.index},
                 {"time_ms", receipt.time.ms},
                 {"account", core.account.text()},
                 {"sequence", core.sequence},
                 {"operation", protocol::operation_name(core.operation)},
                 {"fee", decimal(core.fee.base)},
                 {"subject", core.subject},
                 {"history_index", receipt.history_index},
                 {"duplicate", duplicate},
                 {"status", core.code == 0 ? "applied" : "refused"}};
  if (core.code != 0) {
    object["code"] = protocol::refusal_label(static_cast<protocol::RefusalCode>(core.code));
    object["detail"] = receipt.detail;
  }
  return object;
}

json render_account(const Machine& machine, const AccountId& account) {
  json balances = json::object();
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    balances[std::string(asset_name(asset))] = decimal(machine.ledger().balance(account, asset));
  }
  json locks = json::array();
  if (const std::uint64_t deposit = machine.ledger().deposit(account); deposit != 0) {
    locks.push_back({{"purpose", "account_deposit"},
                     {"subject", account.text()},
                     {"asset", asset_name(Asset::Agpu)},
                     {"amount", decimal(deposit)}});
  }
  for (const auto& [key, row] : machine.ledger().locks()) {
    if (row.owner != account) continue;
    locks.push_back({{"purpose", purpose_name(key.purpose)},
                     {"subject", subject_text(key)},
                     {"asset", asset_name(key.asset)},
                     {"amount", decimal(row.amount)}});
  }
  return {{"address", account.text()},       {"exists", machine.ledger().exists(account)},
          {"balances", std::move(balances)}, {"next_sequence", machine.ledger().next_sequence(account).value_or(0)},
          {"locks", std::move(locks)},       {"provider", machine.registry().providers().contains(account)}};
}

json render_status(const Machine& machine, TimeMs now) {
  const protocol::ChainRow& chain = machine.chain();
  json supply = json::object();
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    supply[std::string(asset_name(asset))] = render_supply(machine, asset);
  }
  return {{"chain_id", chain.chain_id},
          {"preset", preset_name(chain.preset)},
          {"height", chain.height},
          {"block_time_ms", chain.block_time.ms},
          {"time_ms", now.ms},
          {"halted_ms", chain.halted.ms},
          {"app_hash", machine.app_hash().hex()},
          {"state_root", machine.state_root().hex()},
          {"history_root", machine.history().root().hex()},
          {"history_size", machine.history().size()},
          {"tick_ms", machine.params().get(protocol::Parameter::TickMs)},
          {"epoch_ms", machine.params().get(protocol::Parameter::EpochMs)},
          {"ticks", chain.ticks},
          {"epochs", chain.epochs},
          {"epoch_ends_ms", Clock(machine).unix_ms(chain.epoch_ends)},
          {"supply", std::move(supply)}};
}

json render_parameters(const Machine& machine) {
  json parameters = json::array();
  for (const protocol::ParameterInfo& info : protocol::parameter_registry()) {
    const protocol::ParameterBounds bounds = machine.params().bounds(info.id);
    const auto pending = machine.governance().pending(info.id);
    parameters.push_back({{"number", static_cast<std::uint16_t>(info.id)},
                          {"name", info.name},
                          {"unit", protocol::unit_name(info.unit)},
                          {"value", decimal(machine.params().get(info.id))},
                          {"pending", pending ? json(decimal(*pending)) : json()},
                          {"default", decimal(info.default_value)},
                          {"min", decimal(bounds.min)},
                          {"max", decimal(bounds.max)},
                          {"set_by", protocol::setter_name(info.setter)},
                          {"description", info.description}});
  }
  json rules = json::array();
  for (const protocol::ParameterRule& rule : protocol::parameter_rules()) rules.push_back(format_rule(rule));
  const auto governing = machine.governance().account();
  return {{"parameters", std::move(parameters)},
          {"rules", std::move(rules)},
          {"governance", governing ? json(governing->text()) : json()},
          {"epoch_ends_ms", Clock(machine).unix_ms(machine.chain().epoch_ends)}};
}

json render_stake(const Machine& machine, const AccountId& account, TimeMs now) {
  const protocol::StakeRow row = machine.staking().stake(account, Asset::Amax);
  const Clock clock(machine);
  json parts = json::array();
  if (row.unbondings != 0) {
    for (const auto& [id, part] : machine.staking().unbondings()) {
      if (part.account != account) continue;
      parts.push_back({{"id", id.text()},
                       {"asset", asset_name(part.asset)},
                       {"amount", decimal(part.amount)},
                       {"returns_ms", clock.unix_ms(part.due)}});
    }
  }
  const protocol::Params& params = machine.params();
  const protocol::Staking& staking = machine.staking();
  constexpr DurationMs kHour{3'600'000};
  const DurationMs span = params.duration(protocol::Parameter::CreditSpanMs);
  return {{"address", account.text()},
          {"credits_micro", decimal(staking.credits_micro(account, machine.query_context(now).time))},
          {"credits_micro_max", decimal(staking.credits_micro_in(account, span))},
          {"credits_micro_hour", decimal(staking.credits_micro_in(account, kHour))},
          {"credit_burn", decimal(params.get(protocol::Parameter::CreditBurn))},
          {"asset", asset_name(Asset::Amax)},
          {"bonded", decimal(row.bonded)},
          {"unbonding", decimal(row.unbonding)},
          {"unbondings", std::move(parts)},
          {"minimum", decimal(params.get(protocol::Parameter::StakeMinimum))},
          {"unbond_ms", params.get(protocol::Parameter::UnbondAmaxMs)}};
}

json render_codes() {
  json refusals = json::array();
  for (const protocol::RefusalInfo& info : protocol::refusal_registry()) {
    refusals.push_back({{"code", protocol::refusal_label(info.code)},
                        {"name", info.name},
                        {"class", refusal_class_name(info.refusal_class)},
                        {"what", info.what},
                        {"advice", info.advice}});
  }
  json reasons = json::array();
  for (const protocol::EndReasonInfo& info : protocol::end_reason_registry()) {
    reasons.push_back({{"number", static_cast<std::uint8_t>(info.reason)},
                       {"code", info.code},
                       {"party", party_name(info.party)},
                       {"sentence", info.sentence}});
  }
  json operations = json::array();
  for (const protocol::OperationInfo& info : protocol::operation_registry()) {
    operations.push_back({{"number", info.number}, {"name", info.name}, {"module", info.module}, {"what", info.what}});
  }
  return {
      {"refusals", std::move(refusals)}, {"end_reasons", std::move(reasons)}, {"operations", std::move(operations)}};
}

json render_block(const storage::StoredBlock& block) {
  json transactions = json::array();
  for (const Bytes& bytes : block.transactions) transactions.push_back(sha256(bytes).hex());
  return {{"height", block.height},
          {"time_ms", block.time.ms},
          {"previous_app_hash", block.previous_app_hash.hex()},
          {"order_rule", order_rule_name(block.order_rule)},
          {"proposer", block.proposer.is_zero() ? json() : json(block.proposer.text())},
          {"seed", block.seed.hex()},
          {"vrf", render_preamble(block.preamble)},
          {"transactions", std::move(transactions)},
          {"state_root", block.state_root.hex()},
          {"history_root", block.history_root.hex()},
          {"history_size", block.history_size},
          {"app_hash", block.app_hash.hex()}};
}

}  // namespace starminer::api
