// audit export, audit statement: tables and statements out of a replayed log.
#include <array>
#include <fstream>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/audit_log.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/results.h"
#include "cli/session.h"
#include "client/audit/export.h"
#include "client/audit/statement.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using client::audit::ExportTable;
using client::audit::Period;
using client::audit::Statement;
using client::audit::StatementEntry;
using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;

struct PeriodRequest {
  std::string from;
  std::string to;
};

void add_period_options(config::Command& command, PeriodRequest& request) {
  command.option("--from", request.from, "Beginning: 2026-11-01, 2026-11-01T08:00:00Z (UTC) or Unix milliseconds.")
      .placeholder("TIME");
  command.option("--to", request.to, "End, not included; to the last block without it.").placeholder("TIME");
}

Outcome<Period> parse_period(const PeriodRequest& request) {
  Period period;
  for (const auto& [option, text, target] :
       {std::tuple{"--from", &request.from, &period.from_ms}, std::tuple{"--to", &request.to, &period.to_ms}}) {
    if (text->empty()) continue;
    const auto time = client::audit::parse_time(*text);
    if (!time) {
      return fail(Trouble{ExitCode::Usage,
                          {fmt::format("{} is no time", option),
                           "",
                           fmt::format("\"{}\"", terminal::sanitize_line(*text)),
                           {"write 2026-11-01, 2026-11-01T08:00:00Z, or Unix milliseconds"}}});
    }
    *target = *time;
  }
  if (period.from_ms >= period.to_ms) {
    return fail(Trouble{ExitCode::Usage, {"the period is empty", "", "--to is not after --from", {}}});
  }
  return period;
}

// ---- export

enum class Format { Csv, Jsonl };

struct ExportRequest {
  LogRequest log;
  PeriodRequest period;
  std::string party;
  std::string hardware_class;
  Format format = Format::Csv;
  std::string out;
};

/// The files of an export, opened before the first row, so that a folder without space fails at once.
class Tables {
 public:
  Tables(fs::path folder, Format format) : folder_(std::move(folder)), format_(format) {}

  [[nodiscard]] Outcome<void> open() {
    std::error_code error;
    fs::create_directories(folder_, error);
    for (std::uint8_t i = 0; i < client::audit::kExportTableCount; ++i) {
      const auto table = static_cast<ExportTable>(i);
      streams_[i].open(file_of(table), std::ios::binary | std::ios::trunc);
      if (format_ == Format::Csv) streams_[i] << client::audit::csv_header(table);
      if (!streams_[i]) return fail(local_trouble("the export cannot be saved", file_of(table).string()));
    }
    return {};
  }
  void add(ExportTable table, const client::audit::ExportRow& row) {
    const auto at = static_cast<std::size_t>(table);
    streams_[at] << (format_ == Format::Csv ? client::audit::csv_line(row) : client::audit::json_line(table, row));
    ++rows_[at];
  }
  /// Closes the files and says what is in them.
  [[nodiscard]] Outcome<json> finish() {
    json tables = json::object();
    for (std::uint8_t i = 0; i < client::audit::kExportTableCount; ++i) {
      const auto table = static_cast<ExportTable>(i);
      streams_[i].close();
      const auto hash = streams_[i] ? hash_of_file(file_of(table)) : fail(local_trouble("the disk refused the rows"));
      if (!hash) return fail(hash.error());
      json columns = json::array();
      for (const auto& column : client::audit::columns_of(table)) columns.push_back(column.name);
      tables[std::string(table_name(table))] = {{"file", file_of(table).filename().string()},
                                                {"rows", rows_[i]},
                                                {"sha256", hash->hex()},
                                                {"columns", columns}};
    }
    return tables;
  }
  [[nodiscard]] fs::path summary() const { return folder_ / "export.json"; }

 private:
  [[nodiscard]] fs::path file_of(ExportTable table) const {
    return folder_ / fmt::format("{}.{}", table_name(table), format_ == Format::Csv ? "csv" : "jsonl");
  }

  fs::path folder_;
  Format format_;
  std::array<std::ofstream, client::audit::kExportTableCount> streams_;
  std::array<std::uint64_t, client::audit::kExportTableCount> rows_{};
};

ExitCode export_tables(const Invocation& call, const Settings& settings, const ExportRequest& request) {
  const auto period = parse_period(request.period);
  if (!period) return report(call, period.error());
  client::audit::ExportFilter filter{*period, std::nullopt, std::nullopt};
  if (!request.party.empty()) {
    filter.party = AccountId::parse(request.party);
    if (!filter.party)
      return call.fail(ExitCode::Usage, {"--party is no address", "", "an address begins with sm1", {}});
  }
  if (!request.hardware_class.empty()) filter.hardware_class = request.hardware_class;
  const auto folder = log_folder(call, settings, request.log);
  if (!folder) return report(call, folder.error());
  Tables tables(request.out, request.format);
  if (const auto opened = tables.open(); !opened) return report(call, opened.error());
  client::audit::Exporter exporter(
      filter, [&](ExportTable table, const client::audit::ExportRow& row) { tables.add(table, row); });
  const auto walked = walk_log(call, *folder, request.log, {exporter.visitor()});
  if (!walked) return report(call, walked.error());
  const auto written = tables.finish();
  if (!written) return report(call, written.error());
  const json summary = {{"format", "starminer/export/1"},
                        {"chain_id", walked->chain_id},
                        {"height", walked->commitment.height},
                        {"app_hash", make_app_hash(walked->commitment).hex()},
                        {"from_ms", period->from_ms},
                        {"to_ms", request.period.to.empty() ? json() : json(period->to_ms)},
                        {"party", request.party.empty() ? json() : json(request.party)},
                        {"class", request.hardware_class.empty() ? json() : json(request.hardware_class)},
                        {"tables", *written}};
  std::ofstream stream(tables.summary(), std::ios::binary | std::ios::trunc);
  stream << pretty(summary) << "\n" << std::flush;
  if (!stream) return report(call, local_trouble("the export cannot be saved", tables.summary().string()));
  if (call.json) {
    call.out.line(compact(summary));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  for (const auto& [name, table] : written->items()) {
    lines.add(name, fmt::format("{} rows in {}", number_of(table, "rows"), shown(table, "file")));
  }
  lines.add("As of",
            fmt::format("height {}, app hash {}", walked->commitment.height, make_app_hash(walked->commitment).hex()));
  call.out.stream() << lines.render(call.out);
  call.out.line(fmt::format("{} saved to {}; every row comes out of a replayed block", call.out.tick(), request.out));
  call.out.line("  Prove one: starminer audit bundle TRANSACTION|CONTRACT --out FILE");
  return ExitCode::Ok;
}

// ---- statement

struct StatementRequest {
  LogRequest log;
  PeriodRequest period;
  std::string account;
};

std::string signed_tokens(std::int64_t base) {
  if (base == 0) return "";
  const auto size = base < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(base) : static_cast<std::uint64_t>(base);
  return (base < 0 ? "-" : "+") + format_tokens(size);
}

json sums_json(const client::audit::AssetSums& sums) {
  json object = json::object();
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    object[std::string(asset_name(static_cast<Asset>(i)))] = {{"balance", fmt::format("{}", sums[i].balance)},
                                                              {"held", fmt::format("{}", sums[i].held)}};
  }
  return object;
}

json entry_json(const StatementEntry& entry) {
  return {{"height", entry.height},
          {"time_ms", entry.time.ms},
          {"transaction", entry.transaction ? json(entry.transaction->hex()) : json()},
          {"history_index", entry.history_index ? json(*entry.history_index) : json()},
          {"operation", entry.operation},
          {"what", entry.what},
          {"asset", asset_name(entry.asset)},
          {"change", fmt::format("{}", entry.balance)},
          {"held_change", fmt::format("{}", entry.held)},
          {"balance", fmt::format("{}", entry.after.balance)},
          {"held", fmt::format("{}", entry.after.held)}};
}

void show_sums(const Invocation& call, const char* word, const client::audit::AssetSums& sums) {
  terminal::KeyValues lines;
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    if (sums[i] == client::audit::Sums{} && i != 0) continue;
    lines.add(i == 0 ? word : "", fmt::format("{} {}, held {}", format_tokens(sums[i].balance),
                                              asset_name(static_cast<Asset>(i)), format_tokens(sums[i].held)));
  }
  call.out.stream() << lines.render(call.out);
}

void show_statement(const Invocation& call, const Statement& statement) {
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  show_sums(call, "Opening", statement.opening());
  terminal::Table table({{"TIME"},
                         {"HEIGHT", terminal::Align::Right},
                         {"WHAT", terminal::Align::Left, "", true},
                         {"ASSET"},
                         {"CHANGE", terminal::Align::Right, "", true},
                         {"HELD", terminal::Align::Right, "", true},
                         {"BALANCE", terminal::Align::Right, "", true}});
  for (const StatementEntry& entry : statement.entries()) {
    table.add({terminal::human_time(static_cast<std::int64_t>(entry.time.ms), zone), fmt::format("{}", entry.height),
               entry.what, std::string(asset_name(entry.asset)), signed_tokens(entry.balance),
               signed_tokens(entry.held), format_tokens(entry.after.balance)});
  }
  if (!table.empty()) call.out.stream() << table.render(call.out);
  show_sums(call, "Closing", statement.closing());
  call.out.line(fmt::format("{} {} changes add up exactly", call.out.tick(), statement.entries().size()));
}

ExitCode make_statement(const Invocation& call, const Settings& settings, const StatementRequest& request) {
  const auto account = AccountId::parse(request.account);
  if (!account) {
    return call.fail(ExitCode::Usage, {"this is no address", "", "an address begins with sm1 and has a checksum", {}});
  }
  const auto period = parse_period(request.period);
  if (!period) return report(call, period.error());
  const auto folder = log_folder(call, settings, request.log);
  if (!folder) return report(call, folder.error());
  Statement statement(*account, *period);
  const auto walked = walk_log(call, *folder, request.log, {statement.visitor()});
  if (!walked) return report(call, walked.error());
  if (const auto sound = statement.check(); !sound) {
    return call.fail(ExitCode::Mismatch, {"the statement does not add up",
                                          "",
                                          sound.error(),
                                          {"do not use it; send the log to the developers: this must not happen"}});
  }
  if (!statement.known()) {
    return call.fail(ExitCode::NotFound,
                     {"this account never had anything", "", fmt::format("{} is in no block", request.account), {}});
  }
  if (call.json) {
    json entries = json::array();
    for (const StatementEntry& entry : statement.entries()) entries.push_back(entry_json(entry));
    call.out.line(compact({{"account", request.account},
                           {"chain_id", walked->chain_id},
                           {"height", walked->commitment.height},
                           {"app_hash", make_app_hash(walked->commitment).hex()},
                           {"opening", sums_json(statement.opening())},
                           {"entries", std::move(entries)},
                           {"closing", sums_json(statement.closing())},
                           {"adds_up", true}}));
    return ExitCode::Ok;
  }
  show_statement(call, statement);
  call.out.line(fmt::format("  computed from the log up to height {}, app hash {}", walked->commitment.height,
                            make_app_hash(walked->commitment).hex()));
  return ExitCode::Ok;
}

}  // namespace

void add_audit_table_commands(config::Command& group, const Settings& settings) {
  const auto tables = std::make_shared<ExportRequest>();
  config::Command& exported = group.add("export", "Write all trades of a period as tables");
  exported.describe(
      "Writes five tables: transactions, transfers, jobs, contracts, settlements, and export.json that names them with "
      "their hashes. Every row is computed from a replayed block, and names its leaf of the history. --party leaves "
      "what an account took part in; --class leaves jobs, contracts and settlements of a hardware class. Columns: "
      "docs/formats/audit.md. scripts/csv_to_parquet turns the folder into Parquet.");
  add_period_options(exported, tables->period);
  exported.option("--party", tables->party, "Only what this account took part in.").placeholder("ADDRESS");
  exported.option("--class", tables->hardware_class, "Only jobs and contracts of this hardware class.")
      .placeholder("CLASS");
  exported.add_argument({"--format",
                         config::bind_choice(tables->format, {{"csv", Format::Csv}, {"jsonl", Format::Jsonl}}),
                         "Comma-separated values, or one JSON object per line."});
  exported.option("--out", tables->out, "The folder for the tables.")
      .required()
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  add_log_options(exported, tables->log);
  exported.prints()
      .example("starminer audit export --from 2026-11-01 --to 2026-12-01 --out november", "A month of the whole market")
      .example("starminer audit export --party sm1... --format jsonl --out mine", "What one account took part in")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the log does not come to its own roots")
      .run([&settings, tables](const Invocation& call) { return export_tables(call, settings, *tables); });
  const auto request = std::make_shared<StatementRequest>();
  config::Command& statement = group.add("statement", "Itemise every change of an account");
  statement.describe(
      "Opening balance, every change with its cause (fee, transfer, what is held and returned, pay), closing balance, "
      "for each asset. Computed from a replayed log, and compared with the ledger after every step: where a figure "
      "does not fit, nothing is printed and the command fails.");
  statement.positional("account", request->account, "The account.").required().placeholder("ADDRESS");
  add_period_options(statement, request->period);
  add_log_options(statement, request->log);
  statement.prints()
      .example("starminer audit statement sm1... --from 2026-11-01", "Since a day")
      .example("starminer audit statement sm1... --log chain --json", "Offline, for scripts")
      .returns(ExitCode::NotFound, "the account never had anything")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the statement does not add up, or the log does not come to its own roots")
      .run([&settings, request](const Invocation& call) { return make_statement(call, settings, *request); });
}

}  // namespace starminer::cli
