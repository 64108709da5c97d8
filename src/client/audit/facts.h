// What proven bytes say, in words and values: rows of the state and leaves of the history as JSON objects with ids in
// text form and amounts as strings of base units. A row whose content contradicts itself is refused. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/state/table_ids.h"

namespace starminer::client::audit {

/// "account", "node", "parameter"; "table 9" for one without words of its own.
[[nodiscard]] std::string table_word(protocol::state::TableId table);
/// What the key names: an address, an id, a parameter's name; hexadecimal where the table has no words of its own.
[[nodiscard]] std::string key_text(protocol::state::TableId table, ByteView key);
/// Members of a row. Fails with a sentence where the bytes are no row of this table.
[[nodiscard]] Result<nlohmann::json, std::string> row_facts(protocol::state::TableId table, ByteView row);

/// A leaf with its type byte: "leaf_kind" is settlement, job_end or receipt. Fails with a sentence where it does not
/// decode, or price, bill, refund and cap do not fit each other (WRK-4).
[[nodiscard]] Result<nlohmann::json, std::string> leaf_facts(ByteView leaf);

/// One line about facts, for people: "12.5 AGPU, 0 AMAX, 0 USD; next transaction 4".
[[nodiscard]] std::string row_sentence(protocol::state::TableId table, const nlohmann::json& facts);
[[nodiscard]] std::string leaf_sentence(const nlohmann::json& facts);

}  // namespace starminer::client::audit
