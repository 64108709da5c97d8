// Nodes as text: the table of a listing, the line of a log. Pure functions; texts of others are sanitised here or by
// the table.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "terminal/table.h"
#include "terminal/terminal.h"

namespace starminer::cli {

/// Thousandths of devices as a decimal: "1.5".
[[nodiscard]] std::string milli_text(std::uint64_t milli);
/// Thousandths that are free, all devices added up.
[[nodiscard]] std::uint64_t free_devices(const nlohmann::json& node);
/// "1 node", "1 213 nodes"
[[nodiscard]] std::string counted(std::uint64_t count, const char* thing);
/// "a, b"
[[nodiscard]] std::string joined(const nlohmann::json& texts);

/// On a narrow terminal ids are cut to a length that still names a node, and the least important columns go; elsewhere
/// every value is whole.
[[nodiscard]] terminal::Table node_table(const terminal::Terminal& terminal, const nlohmann::json& nodes);
/// One node on one line, for output that nothing can be redrawn in.
[[nodiscard]] std::string node_line(const nlohmann::json& node);

}  // namespace starminer::cli
