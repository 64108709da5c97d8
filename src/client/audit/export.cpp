#include "client/audit/export.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/codec.h"
#include "protocol/decode.h"
#include "protocol/operation_registry.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::client::audit {
namespace {

constexpr ColumnType kText = ColumnType::Text;
constexpr ColumnType kNumber = ColumnType::Number;
constexpr ColumnType kAmount = ColumnType::Amount;

// Every row begins with where its leaf stands, and when it entered the history.
constexpr ExportColumn kTransactions[] = {{"history_index", kNumber}, {"height", kNumber}, {"time_ms", kNumber},
                                          {"transaction", kText},     {"account", kText},  {"sequence", kNumber},
                                          {"operation", kText},       {"subject", kText},  {"fee", kAmount},
                                          {"status", kText},          {"code", kText}};
constexpr ExportColumn kTransfers[] = {{"history_index", kNumber}, {"height", kNumber}, {"time_ms", kNumber},
                                       {"transaction", kText},     {"sender", kText},   {"receiver", kText},
                                       {"asset", kText},           {"amount", kAmount}, {"fee", kAmount}};
constexpr ExportColumn kJobs[] = {{"history_index", kNumber},
                                  {"height", kNumber},
                                  {"time_ms", kNumber},
                                  {"transaction", kText},
                                  {"job", kText},
                                  {"requester", kText},
                                  {"kind", kText},
                                  {"runtime", kText},
                                  {"classes", kText},
                                  {"gpus", kNumber},
                                  {"share_milli", kNumber},
                                  {"tier", kNumber},
                                  {"expected_s", kNumber},
                                  {"max_s", kNumber},
                                  {"max_price", kAmount},
                                  {"cap", kAmount},
                                  {"manifest_hash", kText},
                                  {"fee", kAmount},
                                  {"credits", kNumber},
                                  {"credits_burned", kAmount},
                                  {"price_lock", kNumber},
                                  {"lock_fee", kAmount}};
constexpr ExportColumn kContracts[] = {{"history_index", kNumber},
                                       {"height", kNumber},
                                       {"time_ms", kNumber},
                                       {"contract", kText},
                                       {"job", kText},
                                       {"attempt", kNumber},
                                       {"requester", kText},
                                       {"provider", kText},
                                       {"payout", kText},
                                       {"node", kText},
                                       {"class", kText},
                                       {"kind", kText},
                                       {"state", kText},
                                       {"end_reason", kText},
                                       {"party", kText},
                                       {"base_price", kAmount},
                                       {"unit_price", kAmount},
                                       {"billing_milli", kNumber},
                                       {"cap", kAmount},
                                       {"expected_s", kNumber},
                                       {"max_s", kNumber},
                                       {"matched_ms", kNumber},
                                       {"started_ms", kNumber},
                                       {"delivered_ms", kNumber},
                                       {"ended_ms", kNumber},
                                       {"metered_ms", kNumber},
                                       {"compute_units_milli", kNumber},
                                       {"manifest_hash", kText},
                                       {"result_hash", kText},
                                       {"proof_hash", kText},
                                       {"outputs", kText},
                                       {"notice_by", kText},
                                       {"notice_share", kAmount},
                                       {"notice_unsaved", kAmount},
                                       {"notice_provider", kAmount},
                                       {"match_reserve", kNumber},
                                       {"decline_compensated", kAmount},
                                       {"decline_burned", kAmount}};
constexpr ExportColumn kSettlements[] = {{"history_index", kNumber},
                                         {"height", kNumber},
                                         {"time_ms", kNumber},
                                         {"contract", kText},
                                         {"job", kText},
                                         {"requester", kText},
                                         {"provider", kText},
                                         {"payout", kText},
                                         {"class", kText},
                                         {"pay", kAmount},
                                         {"surge_burn", kAmount},
                                         {"burn", kAmount},
                                         {"stakers", kAmount},
                                         {"treasury", kAmount},
                                         {"insurance", kAmount},
                                         {"referrer", kAmount},
                                         {"provider_share", kAmount},
                                         {"prior_claim", kText},
                                         {"prior_pay", kAmount},
                                         {"returned", kAmount},
                                         {"insured", kAmount},
                                         {"refund", kAmount},
                                         {"cap", kAmount}};

std::string number(std::uint64_t value) { return fmt::format("{}", value); }

std::string hash_text(const Hash32& hash) { return hash.is_zero() ? std::string() : hash.hex(); }

/// Market time as Unix time; nothing where it has not happened.
std::string time_text(TimeMs market, DurationMs halted) { return market.ms == 0 ? "" : number((market + halted).ms); }

std::string class_name(const protocol::Machine& machine, protocol::ClassId id) {
  const protocol::ClassRow* row = machine.registry().classes().find(id);
  return row != nullptr ? row->name : number(id);
}

std::string csv_cell(const std::string& text) {
  // A leading sign or "=" makes a spreadsheet compute: foreign text never gets to.
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  if (!formula && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = formula ? "\"'" : "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string_view table_name(ExportTable table) {
  switch (table) {
    case ExportTable::Transactions: return "transactions";
    case ExportTable::Transfers: return "transfers";
    case ExportTable::Jobs: return "jobs";
    case ExportTable::Contracts: return "contracts";
    case ExportTable::Settlements: return "settlements";
  }
  return "";
}

std::span<const ExportColumn> columns_of(ExportTable table) {
  switch (table) {
    case ExportTable::Transactions: return kTransactions;
    case ExportTable::Transfers: return kTransfers;
    case ExportTable::Jobs: return kJobs;
    case ExportTable::Contracts: return kContracts;
    case ExportTable::Settlements: return kSettlements;
  }
  return {};
}

Visitor Exporter::visitor() {
  return {[this](const Step& step) { on_step(step); }, [this](const BlockEnd& end) { on_block(end); }, {}};
}

void Exporter::on_step(const Step& step) {
  if (step.receipt == nullptr || !filter_.period.contains(step.time)) return;
  const protocol::Receipt& receipt = *step.receipt;
  const protocol::ReceiptCore& core = receipt.core;
  const bool applied = core.code == 0;
  if (!filter_.hardware_class && (!filter_.party || *filter_.party == core.account)) {
    const auto code = static_cast<protocol::RefusalCode>(core.code);
    sink_(ExportTable::Transactions,
          {number(receipt.history_index), number(step.height), number(step.time.ms), core.transaction.hex(),
           core.account.text(), number(core.sequence), std::string(protocol::operation_name(core.operation)),
           core.subject, number(core.fee.base), applied ? "applied" : "refused",
           applied ? "" : protocol::refusal_label(code)});
  }
  if (!applied) return;
  const v1::TransactionBody& body = step.transaction->body();
  if ((body.has_transfer() || body.has_account_close()) && !filter_.hardware_class) add_transfer(step, receipt);
  if (body.has_job_submit()) add_job(step, receipt);
}

/// What the movements say, so that the closing of an account has a row for each asset.
void Exporter::add_transfer(const Step& step, const protocol::Receipt& receipt) {
  const AccountId& sender = receipt.core.account;
  for (const Movement& movement : step.movements) {
    if (movement.kind != MovementKind::Moved || movement.balance <= 0) continue;
    if (filter_.party && *filter_.party != sender && *filter_.party != movement.account) continue;
    sink_(ExportTable::Transfers,
          {number(receipt.history_index), number(step.height), number(step.time.ms), receipt.core.transaction.hex(),
           sender.text(), movement.account.text(), std::string(asset_name(movement.asset)),
           number(static_cast<std::uint64_t>(movement.balance)), number(receipt.core.fee.base)});
  }
}

void Exporter::add_job(const Step& step, const protocol::Receipt& receipt) {
  const auto id = JobId::parse(receipt.core.subject);
  const protocol::JobRow* row = id ? step.machine.market().jobs().find(*id) : nullptr;
  if (row == nullptr || (filter_.party && *filter_.party != row->requester)) return;
  const auto& classes = row->spec.resources.classes;
  const bool named = !filter_.hardware_class || classes.empty() ||
                     std::find(classes.begin(), classes.end(), *filter_.hardware_class) != classes.end();
  if (!named) return;
  sink_(ExportTable::Jobs, {number(receipt.history_index),
                            number(step.height),
                            number(step.time.ms),
                            receipt.core.transaction.hex(),
                            id->text(),
                            row->requester.text(),
                            std::string(kind_name(row->spec.kind)),
                            row->spec.runtime,
                            fmt::format("{}", fmt::join(classes, ";")),
                            number(row->spec.resources.gpus),
                            number(row->spec.resources.share_milli),
                            number(row->tier),
                            number(row->spec.expected_s),
                            number(row->spec.max_s),
                            number(row->max_price.nagpu_per_gpu_hour),
                            number(row->cap.base),
                            row->spec.manifest_hash.hex(),
                            number(receipt.core.fee.base),
                            number(row->credits),
                            number(row->credits_burned.base),
                            number(row->spec.price_lock),
                            number(row->price_lock ? row->price_lock->fee.base : 0)});
}

void Exporter::on_block(const BlockEnd& end) {
  if (!filter_.period.contains(end.block.time)) return;
  for (const protocol::HistoryLeaf& leaf : end.result.leaves) {
    if (leaf.type == protocol::LeafType::Settlement) add_settlement(end, leaf.index, ByteView(leaf.bytes).subspan(1));
  }
}

void Exporter::add_settlement(const BlockEnd& end, std::uint64_t index, ByteView leaf) {
  const auto settlement = decode<protocol::Settlement>(leaf);
  if (!settlement) return;
  const protocol::ContractRow& row = settlement->row;
  const bool is_party = !filter_.party || *filter_.party == row.requester || *filter_.party == row.provider ||
                        *filter_.party == row.payout;
  const std::string hardware = class_name(end.machine, row.price.hardware_class);
  if (!is_party || (filter_.hardware_class && *filter_.hardware_class != hardware)) return;
  const DurationMs halted = end.machine.chain().halted;
  std::string outputs;
  for (const Hash32& output : row.outputs) outputs += (outputs.empty() ? "" : ";") + output.hex();
  const bool ended = row.end_reason != protocol::EndReason::None;
  const std::string place[] = {number(index), number(end.block.height), number(end.block.time.ms)};
  sink_(ExportTable::Contracts, {place[0],
                                 place[1],
                                 place[2],
                                 settlement->contract.text(),
                                 row.job.text(),
                                 number(row.attempt),
                                 row.requester.text(),
                                 row.provider.text(),
                                 row.payout.text(),
                                 row.node.text(),
                                 hardware,
                                 std::string(kind_name(row.kind)),
                                 std::string(contract_state_name(row.state)),
                                 ended ? std::string(end_reason_info(row.end_reason).code) : "",
                                 std::string(party_name(row.party)),
                                 number(row.price.base.nagpu_per_gpu_hour),
                                 number(row.price.unit.nagpu_per_gpu_hour),
                                 number(row.billing_milli),
                                 number(row.cap.base),
                                 number(row.expected_s),
                                 number(row.max_s),
                                 time_text(row.matched, halted),
                                 time_text(row.started, halted),
                                 time_text(row.delivered, halted),
                                 time_text(row.ended, halted),
                                 number(row.metered_ms),
                                 number(row.compute_units_milli),
                                 hash_text(row.manifest_hash),
                                 hash_text(row.result_hash),
                                 hash_text(row.proof_hash),
                                 outputs,
                                 row.notice ? row.notice->by.text() : std::string(),
                                 number(row.notice ? row.notice->share.base : 0),
                                 number(row.notice ? row.notice->unsaved.base : 0),
                                 number(row.notice ? row.notice->provider.base : 0),
                                 number(row.match.reserve),
                                 number(row.decline ? row.decline->compensated.base : 0),
                                 number(row.decline ? row.decline->burned.base : 0)});
  sink_(ExportTable::Settlements, {place[0],
                                   place[1],
                                   place[2],
                                   settlement->contract.text(),
                                   row.job.text(),
                                   row.requester.text(),
                                   row.provider.text(),
                                   row.payout.text(),
                                   hardware,
                                   number(row.bill.pay.base),
                                   number(row.bill.surge_burn.base),
                                   number(row.bill.burn.base),
                                   number(row.bill.stakers.base),
                                   number(row.bill.treasury.base),
                                   number(row.bill.insurance.base),
                                   number(row.bill.referrer.base),
                                   number(row.bill.provider.base),
                                   row.prior_claim.is_zero() ? "" : row.prior_claim.text(),
                                   number(row.prior_bill.pay.base),
                                   number(row.returned.base),
                                   number(row.insured.base),
                                   number(row.refund.base),
                                   number(row.cap.base)});
}

std::string csv_header(ExportTable table) {
  std::string line;
  for (const ExportColumn& column : columns_of(table)) {
    line += line.empty() ? "" : ",";
    line += column.name;
  }
  return line + "\n";
}

std::string csv_line(const ExportRow& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ",") + csv_cell(row[i]);
  return line + "\n";
}

std::string json_line(ExportTable table, const ExportRow& row) {
  nlohmann::ordered_json object;
  const auto columns = columns_of(table);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string name(columns[i].name);
    if (row[i].empty()) {
      object[name] = nullptr;
    } else if (columns[i].type == kNumber) {
      std::uint64_t value = 0;
      std::from_chars(row[i].data(), row[i].data() + row[i].size(), value);
      object[name] = value;
    } else {
      object[name] = row[i];
    }
  }
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace starminer::client::audit
