#include "cli/outcome.h"

#include "api/http/client.h"

namespace starminer::cli {
namespace {

using config::ExitCode;

ExitCode exit_code_of(const api::http::ApiError& error) {
  if (error.code == "hash_mismatch") return ExitCode::Mismatch;
  if (error.code == "file_error") return ExitCode::Failure;
  if (error.code == "bad_url") return ExitCode::Usage;
  if (error.code == "cancelled") return ExitCode::Interrupted;
  if (error.status == 0 || error.is_transient()) return ExitCode::Unreachable;
  return error.status == 404 ? ExitCode::NotFound : ExitCode::Refused;
}

std::string without_full_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Trouble trouble_of(const api::http::ApiError& error) {
  Trouble trouble{exit_code_of(error), {}};
  terminal::Failure& failure = trouble.failure;
  failure.code = error.code;
  const bool is_protocol = error.code.size() == 5 && error.code.front() == 'E';
  if (is_protocol || error.detail.empty() || error.status == 0) {
    failure.what = error.title.empty() ? error.code : without_full_stop(error.title);
    failure.why = error.detail;
  } else {
    // The API's own problems have a sentence as detail; their title only repeats the status in words.
    failure.what = without_full_stop(error.detail);
  }
  if (!error.advice.empty()) failure.advice.push_back(error.advice);
  if (error.code == "connect_failed") {
    failure.advice.emplace_back("is a node running there? name another with --api-url or STARMINER_API_URL");
  }
  return trouble;
}

Trouble local_trouble(std::string what, std::string why, std::vector<std::string> advice) {
  return {ExitCode::Failure, {std::move(what), "", std::move(why), std::move(advice)}};
}

Trouble usage_trouble(std::string what, std::string why, std::vector<std::string> advice) {
  return {ExitCode::Usage, {std::move(what), "", std::move(why), std::move(advice)}};
}

ExitCode report(const config::Invocation& call, const Trouble& trouble) {
  return call.fail(trouble.code, trouble.failure);
}

ExitCode report(const config::Invocation& call, const api::http::ApiError& error) {
  return report(call, trouble_of(error));
}

}  // namespace starminer::cli
