// Showing what a bundle or a consistency proof says: shared by the commands that fetch them and by audit verify.
#pragma once

#include <optional>
#include <string>

#include "base/hash.h"
#include "cli/outcome.h"
#include "config/command.h"

namespace starminer::cli {

struct BundleCheck {
  std::optional<Hash32> trusted;      // app hash known from elsewhere
  std::optional<Hash32> trusted_old;  // of the earlier history of a consistency proof
  std::string signer;                 // address that must have signed; empty: anybody
};

/// Text of a file of at most 16 MiB. Fails with NotFound.
[[nodiscard]] Outcome<std::string> read_text_file(const std::string& file);

/// Checks the text and prints what it proves; the exit code is Mismatch or Usage where it proves nothing.
[[nodiscard]] config::ExitCode verify_audit_bundle(const config::Invocation& call, const std::string& text,
                                                   const BundleCheck& check);
[[nodiscard]] config::ExitCode verify_consistency_file(const config::Invocation& call, const std::string& text,
                                                       const BundleCheck& check);

}  // namespace starminer::cli
