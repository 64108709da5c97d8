#include "client/audit/facts.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/codec.h"
#include "protocol/contracts/contracts.h"
#include "protocol/machine.h"
#include "protocol/operation_registry.h"

namespace starminer::client::audit {
namespace {

using nlohmann::json;
using protocol::state::TableId;

std::string number(std::uint64_t value) { return fmt::format("{}", value); }

std::string tokens(const json& facts, const char* name, std::string_view symbol = "AGPU") {
  std::uint64_t base = 0;
  for (const char digit : facts.at(name).get_ref<const std::string&>()) {
    base = base * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return fmt::format("{} {}", format_tokens(base), symbol);
}

std::string text(const json& facts, const char* name) {
  const json& value = facts.at(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

json split_facts(const protocol::FeeSplit& split) {
  return {{"pay", number(split.pay.base)},           {"surge_burn", number(split.surge_burn.base)},
          {"burn", number(split.burn.base)},         {"stakers", number(split.stakers.base)},
          {"treasury", number(split.treasury.base)}, {"insurance", number(split.insurance.base)},
          {"referrer", number(split.referrer.base)}, {"provider", number(split.provider.base)}};
}

u128 parts_of(const protocol::FeeSplit& split) {
  u128 sum = 0;
  for (const Agpu part :
       {split.surge_burn, split.burn, split.stakers, split.treasury, split.insurance, split.referrer, split.provider}) {
    sum += part.base;
  }
  return sum;
}

// ---- rows

json facts_of(const protocol::ChainRow& row) {
  return {{"chain_id", row.chain_id},   {"preset", preset_name(row.preset)},
          {"height", row.height},       {"block_time_ms", row.block_time.ms},
          {"halted_ms", row.halted.ms}, {"ticks", row.ticks},
          {"epochs", row.epochs},       {"epoch_ends_market_ms", row.epoch_ends.ms}};
}

json facts_of(const protocol::ParameterRow& row) { return {{"value", number(row.value)}}; }

json facts_of(const protocol::ParameterChangeRow& row) { return {{"value", number(row.value)}}; }

json facts_of(const protocol::GovernanceRow& row) { return {{"account", row.account.text()}}; }

json facts_of(const protocol::StakeRow& row) {
  return {{"bonded", number(row.bonded)},
          {"unbonding", number(row.unbonding)},
          {"unbondings", row.unbondings},
          {"credits_micro", number(row.credits_micro)},
          {"credits_at_market_ms", row.credits_at.ms}};
}

json facts_of(const protocol::UnbondingRow& row) {
  return {{"account", row.account.text()},
          {"asset", asset_name(row.asset)},
          {"amount", number(row.amount)},
          {"due_market_ms", row.due.ms}};
}

json facts_of(const protocol::AccountRow& row) {
  json balances = json::object();
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    balances[std::string(asset_name(static_cast<Asset>(i)))] = number(row.balance[i]);
  }
  return {{"balances", std::move(balances)},
          {"deposit", number(row.deposit)},
          {"next_sequence", row.next_sequence},
          {"roles", row.roles}};
}

json facts_of(const protocol::LockRow& row) { return {{"owner", row.owner.text()}, {"amount", number(row.amount)}}; }

json facts_of(const protocol::ProviderRow& row) {
  return {{"display_name", row.display_name},
          {"payout", row.payout.text()},
          {"nodes", row.node_count},
          {"registered_ms", row.registered.ms}};
}

json facts_of(const protocol::ClassRow& row) {
  return {{"name", row.name}, {"anchor", number(row.anchor.nagpu_per_gpu_hour)}};
}

json facts_of(const protocol::RegionRow& row) {
  return {{"name", row.name}, {"price_factor_ppm", row.price_factor.value}};
}

json facts_of(const protocol::NodeRow& row) {
  json ratings = json::object();
  for (std::uint8_t kind = 0; kind < protocol::kJobKindCount; ++kind) {
    ratings[std::string(kind_name(static_cast<protocol::JobKind>(kind)))] = row.ratings[kind].cu_x1000;
  }
  return {{"provider", row.provider.text()},
          {"name", row.name},
          {"class", row.hardware_class},
          {"model", row.hardware.model},
          {"devices", row.hardware.devices},
          {"device_memory_bytes", row.hardware.device_memory_bytes},
          {"region", row.offer.region},
          {"country", row.offer.country},
          {"status", node_status_name(row.status)},
          {"registered_ms", row.registered.ms},
          {"ratings", std::move(ratings)}};
}

json promise_facts(const std::optional<protocol::StartPromise>& promise) {
  if (!promise) return {};
  return {{"due_market_ms", promise->due.ms}, {"state", start_state_name(promise->state)}};
}

json facts_of(const protocol::ReserveNodeRow& row) {
  return {{"class", row.pool.hardware_class},
          {"region", row.pool.region},
          {"provider", row.provider.text()},
          {"joined_market_ms", row.joined.ms},
          {"until_market_ms", row.until.ms},
          {"stake", number(row.stake.base)},
          {"minimum", number(row.minimum.base)},
          {"charged", number(row.charged.base)},
          {"draws", row.draws},
          {"declines", row.declines}};
}

json facts_of(const protocol::JobRow& row) {
  const bool ended = row.end_reason != protocol::EndReason::None;
  return {{"requester", row.requester.text()},
          {"state", job_state_name(row.state)},
          {"kind", kind_name(row.spec.kind)},
          {"manifest_hash", row.spec.manifest_hash.hex()},
          {"cap", number(row.cap.base)},
          {"attempts", row.attempts},
          {"submitted_ms", row.submitted.ms},
          {"end_reason", ended ? json(end_reason_info(row.end_reason).code) : json()},
          {"paid", number(row.paid.base)},
          {"refunded", number(row.refunded.base)},
          {"burned", number(row.burned.base)},
          {"credits", row.credits},
          {"boost_ms", row.boost.ms},
          {"credits_burned", number(row.credits_burned.base)},
          {"lock_fee", number(row.price_lock ? row.price_lock->fee.base : 0)},
          {"lock_paid", number(row.price_lock ? row.price_lock->paid.base : 0)},
          {"compensation", number(row.compensation.base)},
          {"preemptions", row.preemptions},
          {"start_promise", promise_facts(row.start_promise)}};
}

json notice_facts(const std::optional<protocol::Notice>& notice) {
  if (!notice) return {};
  return {{"by", notice->by.text()},
          {"given_market_ms", notice->given.ms},
          {"due_market_ms", notice->due.ms},
          {"share", number(notice->share.base)},
          {"unsaved", number(notice->unsaved.base)},
          {"provider", number(notice->provider.base)}};
}

json decline_facts(const std::optional<protocol::DeclineCharge>& charge) {
  if (!charge) return {};
  return {{"compensated", number(charge->compensated.base)}, {"burned", number(charge->burned.base)}};
}

json facts_of(const protocol::ContractRow& row) {
  json outputs = json::array();
  for (const Hash32& output : row.outputs) outputs.push_back(output.hex());
  const bool ended = row.end_reason != protocol::EndReason::None;
  return {{"job", row.job.text()},
          {"attempt", row.attempt},
          {"requester", row.requester.text()},
          {"provider", row.provider.text()},
          {"payout", row.payout.text()},
          {"node", row.node.text()},
          {"kind", kind_name(row.kind)},
          {"state", contract_state_name(row.state)},
          {"end_reason", ended ? json(end_reason_info(row.end_reason).code) : json()},
          {"party", party_name(row.party)},
          {"unit_price", number(row.price.unit.nagpu_per_gpu_hour)},
          {"match_height", row.match.height},
          {"match_score", row.match.score},
          {"match_parts", row.match.parts},
          {"match_reserve", row.match.reserve},
          {"metered_ms", row.metered_ms},
          {"cap", number(row.cap.base)},
          {"bill", split_facts(row.bill)},
          {"returned", number(row.returned.base)},
          {"insured", number(row.insured.base)},
          {"refund", number(row.refund.base)},
          {"manifest_hash", row.manifest_hash.hex()},
          {"result_hash", row.result_hash.hex()},
          {"outputs", std::move(outputs)},
          {"compute_units_milli", row.compute_units_milli},
          {"notice", notice_facts(row.notice)},
          {"decline", decline_facts(row.decline)}};
}

template <class Row>
Result<json, std::string> decoded(ByteView bytes) {
  const auto row = decode<Row>(bytes);
  if (!row) return fail(std::string("its bytes are no row of this table in canonical encoding"));
  return facts_of(*row);
}

// ---- leaves

Result<json, std::string> settlement_facts(ByteView bytes) {
  const auto settlement = decode<protocol::Settlement>(bytes);
  if (!settlement) return fail(std::string("the leaf is no settlement in canonical encoding"));
  const protocol::ContractRow& row = settlement->row;
  const Price computed = protocol::Pricing::unit_price(row.price.base, row.price.factors);
  if (std::min(computed, row.price.ceiling) != row.price.unit) {
    return fail(std::string("the unit price is not base price times factors, up to the job's ceiling"));
  }
  if (parts_of(row.bill) != row.bill.pay.base) {
    return fail(std::string("the parts of the bill do not sum to what was paid"));
  }
  if (row.notice && (row.notice->open || row.notice->provider > row.notice->unsaved)) {
    return fail(std::string("a notice of the ended contract is not paid, or more than its unsaved time was"));
  }
  if (row.decline && (row.started.ms != 0 || row.decline->burned < row.decline->compensated)) {
    return fail(std::string("a node paid for declining a job that it ran, or less than half of that was burned"));
  }
  if (row.bill.pay > row.cap) return fail(std::string("more was paid than the cap allows"));
  json facts = facts_of(row);
  facts["contract"] = settlement->contract.text();
  return facts;
}

Result<json, std::string> job_facts(ByteView bytes) {
  const auto ended = decode<protocol::EndedJob>(bytes);
  if (!ended) return fail(std::string("the leaf is no ended job in canonical encoding"));
  const protocol::JobRow& row = ended->row;
  if (row.end_reason == protocol::EndReason::None) return fail(std::string("the job of the leaf has not ended"));
  if (u128{row.paid.base} + row.refunded.base + row.burned.base != row.cap.base) {
    return fail(std::string("what the job paid, got back and burned is not its cap"));
  }
  json facts = facts_of(row);
  facts["job"] = ended->job.text();
  facts["ended_ms"] = row.ended.ms;
  return facts;
}

Result<json, std::string> receipt_facts(ByteView bytes) {
  const auto receipt = decode<protocol::ReceiptCore>(bytes);
  if (!receipt) return fail(std::string("the leaf is no receipt in canonical encoding"));
  return json{{"transaction", receipt->transaction.hex()},
              {"height", receipt->height},
              {"index", receipt->index},
              {"account", receipt->account.text()},
              {"sequence", receipt->sequence},
              {"operation", protocol::operation_name(receipt->operation)},
              {"status", receipt->code == 0 ? "applied" : "refused"},
              {"code", receipt->code == 0 ? json() : json(fmt::format("E{}", receipt->code))},
              {"fee", number(receipt->fee.base)},
              {"subject", receipt->subject}};
}

std::string lock_text(const protocol::LockKey& key) {
  switch (key.purpose) {
    case protocol::LockPurpose::Escrow: return fmt::format("escrow of job {}", JobId{key.subject}.text());
    case protocol::LockPurpose::NodeIdentity: return fmt::format("identity of node {}", NodeId{key.subject}.text());
    case protocol::LockPurpose::Stake: return fmt::format("stake of {}", AccountId{key.subject}.text());
    case protocol::LockPurpose::Unbonding: return fmt::format("unbonding {}", UnbondingId{key.subject}.text());
    case protocol::LockPurpose::PriceLock: return fmt::format("price lock of job {}", JobId{key.subject}.text());
    case protocol::LockPurpose::Notice: return fmt::format("notice to contract {}", ContractId{key.subject}.text());
    case protocol::LockPurpose::Reserve: return fmt::format("reserve of node {}", NodeId{key.subject}.text());
  }
  return to_hex(encode(key));
}

}  // namespace

std::string table_word(TableId table) {
  switch (table) {
    case TableId::Chain: return "chain";
    case TableId::Parameters: return "parameter";
    case TableId::Accounts: return "account";
    case TableId::Locks: return "lock";
    case TableId::Providers: return "provider";
    case TableId::Nodes: return "node";
    case TableId::Classes: return "class";
    case TableId::Regions: return "region";
    case TableId::Jobs: return "job";
    case TableId::Contracts: return "contract";
    case TableId::Governance: return "governance";
    case TableId::ParameterChanges: return "parameter change";
    case TableId::Stakes: return "stake";
    case TableId::Unbondings: return "unbonding";
    case TableId::ReserveNodes: return "commitment";
    default: return fmt::format("table {}", static_cast<unsigned>(table));
  }
}

std::string key_text(TableId table, ByteView key) {
  switch (table) {
    case TableId::Chain:
    case TableId::Governance: return "";
    case TableId::Accounts:
    case TableId::Providers:
      if (const auto id = AccountId::from_view(key)) return id->text();
      break;
    case TableId::Nodes:
    case TableId::ReserveNodes:
      if (const auto id = NodeId::from_view(key)) return id->text();
      break;
    case TableId::Jobs:
      if (const auto id = JobId::from_view(key)) return id->text();
      break;
    case TableId::Contracts:
      if (const auto id = ContractId::from_view(key)) return id->text();
      break;
    case TableId::Unbondings:
      if (const auto id = UnbondingId::from_view(key)) return id->text();
      break;
    case TableId::Stakes:
      if (const auto stake = decode<protocol::StakeKey>(key)) {
        return fmt::format("{} of {}", asset_name(stake->asset), stake->account.text());
      }
      break;
    case TableId::Locks:
      if (const auto lock = decode<protocol::LockKey>(key)) return lock_text(*lock);
      break;
    case TableId::Classes:
    case TableId::Regions:
      if (key.size() == 1) return number(key.front());
      break;
    case TableId::Parameters:
    case TableId::ParameterChanges:
      if (const auto id = decode<std::uint16_t>(key)) {
        for (const protocol::ParameterInfo& info : protocol::parameter_registry()) {
          if (static_cast<std::uint16_t>(info.id) == *id) return std::string(info.name);
        }
        return number(*id);
      }
      break;
    default: break;
  }
  return to_hex(key);
}

Result<json, std::string> row_facts(TableId table, ByteView row) {
  switch (table) {
    case TableId::Chain: return decoded<protocol::ChainRow>(row);
    case TableId::Parameters: return decoded<protocol::ParameterRow>(row);
    case TableId::Accounts: return decoded<protocol::AccountRow>(row);
    case TableId::Locks: return decoded<protocol::LockRow>(row);
    case TableId::Providers: return decoded<protocol::ProviderRow>(row);
    case TableId::Nodes: return decoded<protocol::NodeRow>(row);
    case TableId::Classes: return decoded<protocol::ClassRow>(row);
    case TableId::Regions: return decoded<protocol::RegionRow>(row);
    case TableId::Jobs: return decoded<protocol::JobRow>(row);
    case TableId::Contracts: return decoded<protocol::ContractRow>(row);
    case TableId::Governance: return decoded<protocol::GovernanceRow>(row);
    case TableId::ParameterChanges: return decoded<protocol::ParameterChangeRow>(row);
    case TableId::Stakes: return decoded<protocol::StakeRow>(row);
    case TableId::Unbondings: return decoded<protocol::UnbondingRow>(row);
    case TableId::ReserveNodes: return decoded<protocol::ReserveNodeRow>(row);
    default: return json{{"row", to_hex(row)}};
  }
}

Result<json, std::string> leaf_facts(ByteView leaf) {
  if (leaf.empty()) return fail(std::string("the leaf is empty"));
  const auto type = leaf.front();
  const ByteView content = leaf.subspan(1);
  if (type == static_cast<std::uint8_t>(protocol::LeafType::Settlement)) {
    auto facts = settlement_facts(content);
    if (facts) (*facts)["leaf_kind"] = "settlement";
    return facts;
  }
  if (type == static_cast<std::uint8_t>(protocol::LeafType::Receipt)) {
    auto facts = receipt_facts(content);
    if (facts) (*facts)["leaf_kind"] = "receipt";
    return facts;
  }
  if (type == static_cast<std::uint8_t>(protocol::LeafType::EndedJob)) {
    auto facts = job_facts(content);
    if (facts) (*facts)["leaf_kind"] = "job_end";
    return facts;
  }
  return fail(fmt::format("the leaf has type {}, which this program does not know", type));
}

std::string row_sentence(TableId table, const json& facts) {
  switch (table) {
    case TableId::Chain:
      return fmt::format("{} (preset {}) at height {}", text(facts, "chain_id"), text(facts, "preset"),
                         text(facts, "height"));
    case TableId::Parameters: return text(facts, "value");
    case TableId::ParameterChanges: return fmt::format("{} from the end of the epoch on", text(facts, "value"));
    case TableId::Governance: return fmt::format("{} sets parameters", text(facts, "account"));
    case TableId::Stakes:
      return fmt::format("{} base units staked, {} unbonding in {} parts", text(facts, "bonded"),
                         text(facts, "unbonding"), text(facts, "unbondings"));
    case TableId::ReserveNodes:
      return fmt::format("{} base units staked of {} agreed; {} jobs drawn, {} declined", text(facts, "stake"),
                         text(facts, "minimum"), text(facts, "draws"), text(facts, "declines"));
    case TableId::Unbondings:
      return fmt::format("{} base units of {} return to {}", text(facts, "amount"), text(facts, "asset"),
                         text(facts, "account"));
    case TableId::Accounts: {
      const json& balances = facts.at("balances");
      return fmt::format("{}, {}, {}; deposit {}; next transaction {}", tokens(balances, "AGPU"),
                         tokens(balances, "AMAX", "AMAX"), tokens(balances, "USD", "USD"), tokens(facts, "deposit"),
                         text(facts, "next_sequence"));
    }
    case TableId::Locks: return fmt::format("{} base units of {}", text(facts, "amount"), text(facts, "owner"));
    case TableId::Providers:
      return fmt::format("\"{}\", {} nodes, paid to {}", text(facts, "display_name"), text(facts, "nodes"),
                         text(facts, "payout"));
    case TableId::Nodes:
      return fmt::format("\"{}\" of {}, {}: {} x {}, class {}, region {}", text(facts, "name"), text(facts, "provider"),
                         text(facts, "status"), text(facts, "devices"), text(facts, "model"), text(facts, "class"),
                         text(facts, "region"));
    case TableId::Classes:
    case TableId::Regions: return text(facts, "name");
    case TableId::Jobs:
      return fmt::format("{} of {}, cap {}, paid {}, returned {}", text(facts, "state"), text(facts, "requester"),
                         tokens(facts, "cap"), tokens(facts, "paid"), tokens(facts, "refunded"));
    case TableId::Contracts:
      return fmt::format("{} for {} by {} on {}: {}, {} ms metered, paid {}, returned {}", text(facts, "kind"),
                         text(facts, "requester"), text(facts, "provider"), text(facts, "node"), text(facts, "state"),
                         text(facts, "metered_ms"), tokens(facts.at("bill"), "pay"), tokens(facts, "refund"));
    default: return text(facts, "row");
  }
}

std::string leaf_sentence(const json& facts) {
  if (facts.at("leaf_kind") == "receipt") {
    return fmt::format("transaction {}: {} by {}, {}, fee {}{}", text(facts, "transaction"), text(facts, "operation"),
                       text(facts, "account"), text(facts, "status"), tokens(facts, "fee"),
                       text(facts, "subject").empty() ? "" : ", on " + text(facts, "subject"));
  }
  if (facts.at("leaf_kind") == "job_end") {
    return fmt::format("end of job {}: {} of {}, {}, cap {}, paid {}, returned {}", text(facts, "job"),
                       text(facts, "state"), text(facts, "requester"), text(facts, "end_reason"), tokens(facts, "cap"),
                       tokens(facts, "paid"), tokens(facts, "refunded"));
  }
  return fmt::format("settlement of contract {}: {}, end {}, paid {} of a cap of {}, of which the provider got {}",
                     text(facts, "contract"), text(facts, "state"), text(facts, "end_reason"),
                     tokens(facts.at("bill"), "pay"), tokens(facts, "cap"), tokens(facts.at("bill"), "provider"));
}

}  // namespace starminer::client::audit
