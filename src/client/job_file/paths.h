// Names of files as they cross from one machine to another: relative, without ways out, printable. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace starminer::client::job_file {

/// What is wrong with a relative path ("data/text.txt"), or nothing. Refuses empty and absolute paths, "." and ".."
/// parts, empty parts, control characters, bytes that are not UTF-8, and more than 255 bytes.
[[nodiscard]] std::optional<std::string> path_fault(std::string_view path);

/// True if the text has a glob character (* ? [).
[[nodiscard]] bool has_glob(std::string_view text);
/// Whether a path matches a glob: "*" and "?" within one part, "**" as a whole part over any number of parts, "[a-z]".
/// Time is bounded by the product of the lengths.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view path);

}  // namespace starminer::client::job_file
