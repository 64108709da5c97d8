#include "api/http/client.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "api/http/client_impl.h"

namespace starminer::api::http {

bool ApiError::is_transient() const {
  return code == "connect_failed" || code == "connection_lost" || code == "deadline_exceeded" || status == 429 ||
         status == 502 || status == 503 || status == 504;
}

std::string_view ClientResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

ApiError error_of(const ResponseHead& head, std::string_view body) {
  Problem problem = parse_problem(head.status, body);
  ApiError error;
  error.status = head.status;
  error.code = problem.code.empty() ? fmt::format("http_{}", head.status) : std::move(problem.code);
  error.title = problem.title.empty() ? std::string(reason_phrase(head.status)) : std::move(problem.title);
  error.detail = std::move(problem.detail);
  error.advice = std::move(problem.advice);
  for (auto& member : problem.members) {
    if (member.first == "instance") {
      error.instance = std::move(member.second);
    } else {
      error.members.push_back(std::move(member));
    }
  }
  const std::string_view retry = head.header("retry-after");
  if (!retry.empty() && retry.size() < 8 && retry.find_first_not_of("0123456789") == std::string_view::npos) {
    error.retry_after_s = std::stoi(std::string(retry));
  }
  return error;
}

std::string HttpClient::Impl::request_head(Method method, std::string_view target, const Headers& headers,
                                           std::optional<std::uint64_t> length) const {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\n", method_name(method), target,
                                endpoint.authority(), options.user_agent);
  for (const auto& [name, value] : headers) {
    const auto is_break = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    out += name;
    out += ": ";
    for (const char c : value) out.push_back(is_break(c) ? ' ' : c);
    out += "\r\n";
  }
  if (length) out += fmt::format("Content-Length: {}\r\n", *length);
  out += "\r\n";
  return out;
}

Patience HttpClient::Impl::patience_of(const CallOptions& call) const {
  const auto timeout = call.timeout.count() > 0 ? call.timeout : options.timeout;
  return {std::chrono::steady_clock::now() + timeout, nullptr};
}

Headers HttpClient::Impl::prepared(Method method, std::string_view target, std::string_view body,
                                   const CallOptions& call) const {
  Headers headers = call.headers;
  if (options.prepare) options.prepare(method, target, body, headers);
  return headers;
}

Result<ResponseHead, ApiError> HttpClient::Impl::exchange(const Outgoing& request, const Patience& patience) {
  const bool has_body = request.method == Method::Post || request.method == Method::Put || !request.body.empty();
  const bool repeatable = request.method != Method::Post;
  for (int attempt = 0;; ++attempt) {
    const auto reused = connection.open(patience);
    if (!reused) return fail(reused.error());
    Headers headers = prepared(request.method, request.target, request.body, *request.call);
    if (!request.content_type.empty()) headers.emplace_back("Content-Type", request.content_type);
    const std::string head = request_head(request.method, request.target, headers,
                                          has_body ? std::optional<std::uint64_t>(request.body.size()) : std::nullopt);
    const auto written = connection.write(head, request.body, patience);
    // A server that refuses early answers and closes; the answer says more than the broken connection.
    auto answer = connection.read_head(request.method == Method::Head, patience);
    if (answer) return answer;
    const bool stale = *reused && attempt == 0 && repeatable && answer.error().code == "connection_lost";
    if (stale) continue;
    connection.close();
    return fail(written ? answer.error() : written.error());
  }
}

Result<std::string, ApiError> HttpClient::Impl::read_body(const Patience& patience) {
  std::string body;
  std::size_t filled = 0;
  for (;;) {
    const std::size_t room = std::clamp(filled, kPieceBytes / 8, 16 * kPieceBytes);
    body.resize(filled + room);
    const auto count = connection.read_some({body.data() + filled, room}, patience);
    if (!count) return fail(count.error());
    filled += *count;
    if (filled > options.body_bytes_max) {
      connection.close();
      return fail(link_error("too_large", fmt::format("The answer has more than {} bytes.", options.body_bytes_max),
                             "Ask for less at once."));
    }
    if (*count == 0) break;
  }
  body.resize(filled);
  connection.finish();
  return body;
}

Result<ClientResponse, ApiError> HttpClient::Impl::complete(ResponseHead head, const Patience& patience) {
  auto body = read_body(patience);
  if (!body) return fail(std::move(body.error()));
  if (head.status < 200 || head.status >= 300) return fail(error_of(head, *body));
  return ClientResponse{head.status, std::move(head.headers), std::move(*body)};
}

Result<ClientResponse, ApiError> HttpClient::Impl::call(const Outgoing& request) {
  const std::lock_guard lock(mutex);
  const Patience patience = patience_of(*request.call);
  auto head = exchange(request, patience);
  if (!head) return fail(std::move(head.error()));
  return complete(std::move(*head), patience);
}

HttpClient::HttpClient(Endpoint endpoint, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(endpoint), std::move(options))) {}

HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>, ApiError> HttpClient::make(std::string_view url, ClientOptions options) {
  auto endpoint = Endpoint::parse(url);
  if (!endpoint) {
    return fail(link_error("bad_url", fmt::format("'{}' is not the address of a node.", url),
                           "Write it as http://host:port, for instance http://127.0.0.1:8080."));
  }
  return std::make_unique<HttpClient>(std::move(*endpoint), std::move(options));
}

Result<ClientResponse, ApiError> HttpClient::get(std::string_view target, const CallOptions& call) {
  return impl_->call({Method::Get, target, {}, {}, &call});
}

Result<ClientResponse, ApiError> HttpClient::head(std::string_view target, const CallOptions& call) {
  return impl_->call({Method::Head, target, {}, {}, &call});
}

Result<ClientResponse, ApiError> HttpClient::post(std::string_view target, std::string_view body,
                                                  std::string_view content_type, const CallOptions& call) {
  return impl_->call({Method::Post, target, body, content_type, &call});
}

Result<ClientResponse, ApiError> HttpClient::put(std::string_view target, std::string_view body,
                                                 std::string_view content_type, const CallOptions& call) {
  return impl_->call({Method::Put, target, body, content_type, &call});
}

Result<ClientResponse, ApiError> HttpClient::del(std::string_view target, const CallOptions& call) {
  return impl_->call({Method::Delete, target, {}, {}, &call});
}

}  // namespace starminer::api::http
