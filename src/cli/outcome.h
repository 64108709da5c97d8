// How steps of the command line fail: with the exit code and the message that the user gets. Commands hand a Trouble
// to Invocation::fail and do nothing else about it. Plain values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/command.h"
#include "config/exit_code.h"
#include "terminal/message.h"

namespace starminer::api::http {
struct ApiError;
}

namespace starminer::cli {

struct Trouble {
  config::ExitCode code = config::ExitCode::Failure;
  terminal::Failure failure;
};

template <class T>
using Outcome = Result<T, Trouble>;

/// What a node's refusal or a lost connection means for the user: code, figures, advice.
[[nodiscard]] Trouble trouble_of(const api::http::ApiError& error);
/// A failure of this machine: disk, permissions.
[[nodiscard]] Trouble local_trouble(std::string what, std::string why = {}, std::vector<std::string> advice = {});
/// What was asked for on the command line cannot be meant.
[[nodiscard]] Trouble usage_trouble(std::string what, std::string why, std::vector<std::string> advice = {});

[[nodiscard]] config::ExitCode report(const config::Invocation& call, const Trouble& trouble);
[[nodiscard]] config::ExitCode report(const config::Invocation& call, const api::http::ApiError& error);

}  // namespace starminer::cli
