// Error answers as RFC 9457 problem details. Every refusal of the server and of the handlers is one of these: a stable
// code for programs, a sentence and an advice for people. A detail never holds a path, a stack or another party's data.
// Plain values; safe to copy between threads.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starminer::api::http {

/// One error answer. `code` is the stable name: lower case with underscores, it also forms `type` "/problems/<code>".
struct Problem {
  int status = 500;
  std::string code{};
  std::string title{};
  std::string detail{};
  /// What the caller can do about it; empty when there is nothing to say.
  std::string advice{};
  /// Whole seconds for the Retry-After header; 0 = no header.
  int retry_after_s = 0;
  /// Further members of the JSON object (name, text), for instance the figures of a refusal.
  std::vector<std::pair<std::string, std::string>> members{};
  /// Members whose value is no text (name, JSON text), for instance a receipt. Requires: valid JSON of our own making.
  std::vector<std::pair<std::string, std::string>> json_members{};
};

/// The problems the server itself answers with. The title is taken from the code's fixed sentence.
[[nodiscard]] Problem bad_request(std::string code, std::string detail, std::string advice = {});
[[nodiscard]] Problem unauthorized(std::string code, std::string detail, std::string advice = {});
[[nodiscard]] Problem forbidden(std::string code, std::string detail, std::string advice = {});
[[nodiscard]] Problem not_found(std::string code, std::string detail, std::string advice = {});
[[nodiscard]] Problem conflict(std::string code, std::string detail, std::string advice = {});
[[nodiscard]] Problem too_many_requests(int retry_after_s);
[[nodiscard]] Problem unavailable(std::string code, std::string detail, int retry_after_s);
[[nodiscard]] Problem internal_error();

/// The phrase of a status ("Not Found"); "Error" for one that HTTP does not define.
[[nodiscard]] std::string_view reason_phrase(int status);

/// The JSON text of a problem. `instance` names the request, so that an operator finds it in the log.
[[nodiscard]] std::string to_json(const Problem& problem, std::string_view instance);

/// Reads the JSON text of a problem back. Members that are missing stay empty, further members that are no text become
/// json_members; text that is no JSON object gives a problem with the given status and an empty code.
[[nodiscard]] Problem parse_problem(int status, std::string_view text);

}  // namespace starminer::api::http
