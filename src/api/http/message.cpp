#include "api/http/message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::api::http {
namespace {

constexpr std::array<std::string_view, 7> kMethodNames = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

std::string_view method_name(Method method) {
  const auto index = static_cast<std::size_t>(method);
  return index < kMethodNames.size() ? kMethodNames[index] : std::string_view("OTHER");
}

Method parse_method(std::string_view name) {
  for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
    if (kMethodNames[i] == name) return static_cast<Method>(i);
  }
  return Method::Other;
}

bool same_name(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (lower(left[i]) != lower(right[i])) return false;
  }
  return true;
}

std::string_view Request::header(std::string_view name) const {
  for (const HeaderView& entry : headers) {
    if (same_name(entry.name, name)) return entry.value;
  }
  return {};
}

bool Request::has_header(std::string_view name) const {
  for (const HeaderView& entry : headers) {
    if (same_name(entry.name, name)) return true;
  }
  return false;
}

const std::string& Request::param(std::string_view name) const {
  const auto found = std::find_if(params.begin(), params.end(), [&](const auto& entry) { return entry.first == name; });
  const bool pattern_has_parameter = found != params.end();
  STARMINER_CHECK(pattern_has_parameter);
  return found->second;
}

const std::string* Request::find_query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<std::uint64_t, Problem> query_number(const Request& request, std::string_view name, std::uint64_t fallback,
                                            std::uint64_t min, std::uint64_t max) {
  const std::string* text = request.find_query(name);
  if (text == nullptr) return fallback;
  std::uint64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (text->empty() || error != std::errc() || stop != end || value < min || value > max) {
    return fail(bad_request("bad_query",
                            fmt::format("The query parameter '{}' is not a number from {} to {}.", name, min, max)));
  }
  return value;
}

std::string request_id_text(std::uint64_t id) { return fmt::format("r-{:016x}", id); }

Response Response::json(std::string text, int status) { return bytes(std::move(text), "application/json", status); }

Response Response::text(std::string text, int status) {
  return bytes(std::move(text), "text/plain; charset=utf-8", status);
}

Response Response::bytes(std::string content, std::string content_type, int status) {
  Response response;
  response.status = status;
  response.content_type = std::move(content_type);
  response.body = std::move(content);
  return response;
}

Response Response::shared(std::shared_ptr<const std::string> content, std::string content_type) {
  Response response;
  response.content_type = std::move(content_type);
  response.body = std::move(content);
  return response;
}

Response Response::empty(int status) {
  Response response;
  response.status = status;
  return response;
}

Response Response::stream(StreamBody stream, std::string content_type) {
  Response response;
  response.content_type = std::move(content_type);
  response.body = std::move(stream);
  return response;
}

Response::Response(Problem problem) : status(problem.status), content_type("application/problem+json") {
  body = std::move(problem);
}

Response& Response::with(std::string name, std::string value) {
  headers.emplace_back(std::move(name), std::move(value));
  return *this;
}

}  // namespace starminer::api::http
