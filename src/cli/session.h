// A connection to the node that the settings name, with the user's key where one is needed. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/signature.h"
#include "cli/outcome.h"
#include "cli/settings.h"
#include "client/api.h"

namespace starminer::cli {

enum class KeyNeed : std::uint8_t {
  None,      // public calls only
  IfThere,   // sign where a key exists
  Required,  // fails with the advice to log in
};

/// STARMINER_KEY_PASSPHRASE; never an option, as flags and files are read by others more easily.
[[nodiscard]] std::optional<std::string> passphrase();

[[nodiscard]] Outcome<std::unique_ptr<client::Api>> open_session(const Settings& settings, KeyNeed need);

/// A whole job id as it is; the start of one ("j1abc") becomes the one job of this account that begins so.
[[nodiscard]] Outcome<std::string> resolve_job(client::Api& api, const std::string& text);

}  // namespace starminer::cli
