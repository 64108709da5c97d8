#include "api/http/problem.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace starminer::api::http {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array kPhrases = {
    Phrase{100, "Continue"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{206, "Partial Content"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{422, "Unprocessable Content"},
    Phrase{425, "Too Early"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{507, "Insufficient Storage"},
};

Problem make(int status, std::string code, std::string detail, std::string advice) {
  Problem problem;
  problem.status = status;
  problem.code = std::move(code);
  problem.title = std::string(reason_phrase(status));
  problem.detail = std::move(detail);
  problem.advice = std::move(advice);
  return problem;
}

std::string text_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_standard_member(const std::string& name) {
  static constexpr std::array<std::string_view, 7> kNames = {"type", "title",    "status", "detail",
                                                             "code", "instance", "advice"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto found = std::lower_bound(kPhrases.begin(), kPhrases.end(), status,
                                      [](const Phrase& phrase, int wanted) { return phrase.status < wanted; });
  return found != kPhrases.end() && found->status == status ? found->text : std::string_view("Error");
}

Problem bad_request(std::string code, std::string detail, std::string advice) {
  return make(400, std::move(code), std::move(detail), std::move(advice));
}

Problem unauthorized(std::string code, std::string detail, std::string advice) {
  return make(401, std::move(code), std::move(detail), std::move(advice));
}

Problem forbidden(std::string code, std::string detail, std::string advice) {
  return make(403, std::move(code), std::move(detail), std::move(advice));
}

Problem not_found(std::string code, std::string detail, std::string advice) {
  return make(404, std::move(code), std::move(detail), std::move(advice));
}

Problem conflict(std::string code, std::string detail, std::string advice) {
  return make(409, std::move(code), std::move(detail), std::move(advice));
}

Problem too_many_requests(int retry_after_s) {
  Problem problem = make(429, "rate_limited", "This address or key sends more requests than its rate allows.",
                         "Wait as many seconds as Retry-After says, then send fewer requests or use a batch endpoint.");
  problem.retry_after_s = retry_after_s;
  return problem;
}

Problem unavailable(std::string code, std::string detail, int retry_after_s) {
  Problem problem = make(503, std::move(code), std::move(detail),
                         "Send the request again after as many seconds as Retry-After says, or to another node.");
  problem.retry_after_s = retry_after_s;
  return problem;
}

Problem internal_error() {
  return make(500, "internal", "The server met an error of its own while it answered this request.",
              "Send it again; if it stays, give the operator the instance id of this answer.");
}

std::string to_json(const Problem& problem, std::string_view instance) {
  nlohmann::ordered_json object;
  object["type"] = "/problems/" + problem.code;
  object["title"] = problem.title.empty() ? std::string(reason_phrase(problem.status)) : problem.title;
  object["status"] = problem.status;
  object["detail"] = problem.detail;
  object["code"] = problem.code;
  object["instance"] = instance;
  if (!problem.advice.empty()) object["advice"] = problem.advice;
  for (const auto& [name, text] : problem.members) object[name] = text;
  for (const auto& [name, text] : problem.json_members) object[name] = nlohmann::ordered_json::parse(text);
  // Details may quote what a client sent; bytes that are no UTF-8 must not make the answer fail.
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Problem parse_problem(int status, std::string_view text) {
  Problem problem;
  problem.status = status;
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return problem;
  problem.code = text_member(object, "code");
  problem.title = text_member(object, "title");
  problem.detail = text_member(object, "detail");
  problem.advice = text_member(object, "advice");
  for (const auto& [name, value] : object.items()) {
    if (is_standard_member(name) && name != "instance") continue;
    if (value.is_string()) {
      problem.members.emplace_back(name, value.get<std::string>());
    } else {
      problem.json_members.emplace_back(name, value.dump());
    }
  }
  return problem;
}

}  // namespace starminer::api::http
