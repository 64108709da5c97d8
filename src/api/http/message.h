// Requests and responses as the handlers see them. A Request owns its bytes and is handed on by move; its views stay
// valid as long as it lives. A Response is built by a handler and serialized by the server.
// Values, not shared between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/http/body.h"
#include "api/http/problem.h"

namespace starminer::api::http {

enum class Method : std::uint8_t { Get, Head, Post, Put, Delete, Patch, Options, Other };

[[nodiscard]] std::string_view method_name(Method method);
[[nodiscard]] Method parse_method(std::string_view name);

struct HeaderView {
  std::string_view name;
  std::string_view value;
};
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Names of headers are equal without regard to the case of ASCII letters.
[[nodiscard]] bool same_name(std::string_view left, std::string_view right);

/// One parsed request. Header names are as sent; look-ups ignore case.
struct Request {
  Method method = Method::Get;
  /// The path as sent (percent-encoded), without the query.
  std::string_view path;
  /// Path and query as sent: what a signature over the request covers.
  std::string_view target;
  std::vector<HeaderView> headers{};
  /// Decoded values of the pattern's {name} segments, in the order of the pattern.
  std::vector<std::pair<std::string_view, std::string>> params{};
  /// Decoded query parameters; a name occurs at most once.
  std::vector<std::pair<std::string, std::string>> query{};
  std::string body{};
  /// Address of the peer as text, without port.
  std::string peer{};
  /// Number of the request in this process; its text form stands in the Request-Id header and in problems.
  std::uint64_t id = 0;
  /// Backing store of the views.
  std::unique_ptr<char[]> head;

  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool has_header(std::string_view name) const;
  /// Requires: the route's pattern has a segment {name}.
  [[nodiscard]] const std::string& param(std::string_view name) const;
  [[nodiscard]] const std::string* find_query(std::string_view name) const;
};

/// The number in a query parameter, `fallback` when absent. Fails with 400 when it is no number within [min, max].
[[nodiscard]] Result<std::uint64_t, Problem> query_number(const Request& request, std::string_view name,
                                                          std::uint64_t fallback, std::uint64_t min, std::uint64_t max);

/// Text form of a request id.
[[nodiscard]] std::string request_id_text(std::uint64_t id);

/// A streamed body: read in pieces on worker threads while the client takes them.
struct StreamBody {
  std::shared_ptr<BodySource> source{};
  /// Total bytes; empty = unknown, sent chunked and without ranges.
  std::optional<std::uint64_t> size{};
  /// Strong validator without quotes; empty = none. With a size it enables Range, If-Range and If-None-Match.
  std::string etag{};
};

/// What a handler answers. The server adds Date, Content-Length, Request-Id and Connection.
struct Response {
  int status = 200;
  std::string content_type{};
  Headers headers{};
  std::variant<std::string, std::shared_ptr<const std::string>, StreamBody, Problem> body;

  [[nodiscard]] static Response json(std::string text, int status = 200);
  [[nodiscard]] static Response text(std::string text, int status = 200);
  [[nodiscard]] static Response bytes(std::string content, std::string content_type, int status = 200);
  /// A body that many answers share, for instance the OpenAPI document.
  [[nodiscard]] static Response shared(std::shared_ptr<const std::string> content, std::string content_type);
  [[nodiscard]] static Response empty(int status = 204);
  [[nodiscard]] static Response stream(StreamBody stream, std::string content_type);
  /// Also the implicit conversion, so that handlers return problems as they are.
  Response(Problem problem);  // NOLINT(google-explicit-constructor)
  Response() = default;

  Response& with(std::string name, std::string value);
};

}  // namespace starminer::api::http
