// Manual pages (roff, man macros) of a program and its commands, made from the command table. Reproducible: they carry
// the version and no date.
#pragma once

#include <filesystem>
#include <string>

#include "config/program.h"

namespace starminer::config {

[[nodiscard]] std::string manual_page(const Program& program, const Command& command);
/// "starminer-vault-create.1".
[[nodiscard]] std::string manual_page_name(const Command& command);
/// Writes the page of every visible command; reports what cannot be written.
[[nodiscard]] ExitCode write_manual_pages(const Program& program, const std::filesystem::path& folder,
                                          const Invocation& invocation);

}  // namespace starminer::config
