// Every trade of a chain as tables (AUD-2): transactions, transfers, jobs, contracts, settlements, filtered by period,
// party and class. Fed by a walk, so that every row comes out of a replayed block; each names its leaf of the history,
// with which it is proven. Columns are stable: docs/formats/audit.md section 3.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/audit/statement.h"
#include "client/audit/walk.h"

namespace starminer::client::audit {

enum class ExportTable : std::uint8_t { Transactions, Transfers, Jobs, Contracts, Settlements };
inline constexpr std::uint8_t kExportTableCount = 5;

enum class ColumnType : std::uint8_t {
  Text,
  Number,  // counts, heights, times
  Amount,  // base units: larger than what JSON readers keep exactly, so text there
};
struct ExportColumn {
  std::string_view name;
  ColumnType type;
};

[[nodiscard]] std::string_view table_name(ExportTable table);  // "transfers"
[[nodiscard]] std::span<const ExportColumn> columns_of(ExportTable table);

struct ExportFilter {
  Period period;
  std::optional<AccountId> party;
  std::optional<std::string> hardware_class;  // leaves only jobs, contracts and settlements that name it
};

/// A row's cells in the order of the columns; an empty one is "nothing".
using ExportRow = std::vector<std::string>;
using RowSink = std::function<void(ExportTable table, const ExportRow& row)>;

class Exporter {
 public:
  Exporter(ExportFilter filter, RowSink sink) : filter_(std::move(filter)), sink_(std::move(sink)) {}
  [[nodiscard]] Visitor visitor();

 private:
  void on_step(const Step& step);
  void on_block(const BlockEnd& end);
  void add_transfer(const Step& step, const protocol::Receipt& receipt);
  void add_job(const Step& step, const protocol::Receipt& receipt);
  void add_settlement(const BlockEnd& end, std::uint64_t index, ByteView leaf);

  ExportFilter filter_;
  RowSink sink_;
};

/// A row as a line of CSV (RFC 4180, line feeds), or as one JSON object.
[[nodiscard]] std::string csv_header(ExportTable table);
[[nodiscard]] std::string csv_line(const ExportRow& row);
[[nodiscard]] std::string json_line(ExportTable table, const ExportRow& row);

}  // namespace starminer::client::audit
