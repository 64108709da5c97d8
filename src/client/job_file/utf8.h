// Checks of text from other people before anything else looks at it, and its short form for messages. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace starminer::client::job_file {

/// Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629) or is a control character other than line
/// feed, carriage return and tab; nothing if the text is fine.
[[nodiscard]] std::optional<std::size_t> find_bad_text(std::string_view text);
/// The same, with no control characters at all: names and paths.
[[nodiscard]] std::optional<std::size_t> find_bad_name(std::string_view text);

/// At most 40 bytes of a text, cut at a character, for messages.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace starminer::client::job_file
