#include "api/http/request_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include <boost/beast/http/error.hpp>

#include "api/http/target.h"

namespace starminer::api::http {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::string_view kHttpScheme = "http://";

Problem malformed(std::string detail) {
  return bad_request("malformed_request", std::move(detail), "Send HTTP/1.1 as RFC 9112 defines it.");
}

bool is_plain_target(std::string_view target) {
  return std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

/// Fields that decide about framing, routing or rights: two of them would leave open which one counts.
constexpr std::string_view kSingleFields[] = {
    "host",   "content-length", "transfer-encoding", "content-type", "content-range", "authorization",
    "expect", "range",          "if-range",          "last-event-id"};

}  // namespace

RequestParser::RequestParser(Request& request) : request_(request) {
  // The scanner bounds the header, the session bounds the body.
  header_limit(std::numeric_limits<std::uint32_t>::max());
  body_limit(boost::none);
}

std::optional<Problem> RequestParser::parse_head(std::string_view block) {
  request_.head = std::make_unique<char[]>(block.size());
  std::memcpy(request_.head.get(), block.data(), block.size());
  request_.headers.reserve(16);
  Error error;
  put(boost::asio::buffer(request_.head.get(), block.size()), error);
  if (error == beast_http::error::bad_version) {
    return malformed("The request line does not end with HTTP/1.0 or HTTP/1.1.");
  }
  if (error == beast_http::error::bad_content_length || error == beast_http::error::multiple_content_length) {
    return malformed("Content-Length is not one number.");
  }
  if (error == beast_http::error::bad_transfer_encoding) {
    return malformed("The length of the body is stated twice.");
  }
  if (error || !is_header_done()) return malformed("The request line or a header field is malformed.");
  framing_.keep_alive = keep_alive();
  framing_.chunked = chunked();
  framing_.content_length = content_length().value_or(0);
  head_done_ = true;
  if (auto problem = check_fields()) return problem;
  return split_target();
}

std::optional<Problem> RequestParser::check_fields() {
  for (const std::string_view name : kSingleFields) {
    const auto count = std::count_if(request_.headers.begin(), request_.headers.end(),
                                     [&](const HeaderView& header) { return same_name(header.name, name); });
    if (count > 1) return malformed("The header field '" + std::string(name) + "' occurs more than once.");
  }
  if (framing_.http_1_1 && !request_.has_header("host")) return malformed("The header field 'host' is missing.");
  const std::string_view length = request_.header("content-length");
  if (!std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return malformed("Content-Length is not one number.");
  }
  if (request_.has_header("transfer-encoding")) {
    // A coding that we do not take off would leave the end of the body unknown.
    if (!framing_.http_1_1 || !same_name(request_.header("transfer-encoding"), "chunked")) {
      return malformed("The only transfer coding taken is 'chunked', with HTTP/1.1.");
    }
  }
  if (request_.has_header("upgrade") && upgrade()) return malformed("This server does not switch protocols.");
  const std::string_view expect = request_.header("expect");
  if (!expect.empty() && !same_name(expect, "100-continue")) {
    Problem problem = bad_request("expectation_failed", "The only expectation met is '100-continue'.");
    problem.status = 417;
    problem.title = std::string(reason_phrase(417));
    return problem;
  }
  framing_.expect_continue = !expect.empty() && framing_.http_1_1;
  return std::nullopt;
}

std::optional<Problem> RequestParser::split_target() {
  std::string_view target = request_.target;
  if (!is_plain_target(target)) return malformed("The request target has characters that must be percent-encoded.");
  if (target.substr(0, kHttpScheme.size()) == kHttpScheme) {
    // The absolute form that proxies use: the authority is ours, whatever its name.
    const std::size_t slash = target.find('/', kHttpScheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (target == "*" && request_.method == Method::Options) target = "/";
  if (target.empty() || target.front() != '/') return malformed("The request target is not a path.");
  request_.target = target;
  const std::size_t question = target.find('?');
  request_.path = target.substr(0, question);
  if (question == std::string_view::npos) return std::nullopt;
  auto query = parse_query(target.substr(question + 1));
  if (!query) {
    return bad_request("bad_query", "The query is malformed, names a parameter twice or has more than 64 parameters.",
                       "Send name=value pairs, percent-encoded as UTF-8, each name once.");
  }
  request_.query = std::move(*query);
  return std::nullopt;
}

ChunkStatus RequestParser::feed_chunks(std::string_view data, std::size_t& used, std::string& out,
                                       std::uint64_t limit) {
  out_ = &out;
  limit_ = limit;
  used = 0;
  while (!is_done()) {
    if (used == data.size()) return ChunkStatus::NeedMore;
    Error error;
    used += put(boost::asio::buffer(data.data() + used, data.size() - used), error);
    if (error == beast_http::error::need_more) return ChunkStatus::NeedMore;
    if (error == beast_http::error::body_limit) return ChunkStatus::TooLarge;
    if (error) return ChunkStatus::Malformed;
  }
  return ChunkStatus::Done;
}

void RequestParser::on_request_impl(beast_http::verb /*verb*/, View method, View target, int version, Error& error) {
  framing_.http_1_1 = version >= 11;
  request_.method = http::parse_method({method.data(), method.size()});
  request_.target = {target.data(), target.size()};
  error = {};
}

void RequestParser::on_response_impl(int /*status*/, View /*reason*/, int /*version*/, Error& error) {
  error = beast_http::error::bad_method;
}

void RequestParser::on_field_impl(beast_http::field /*field*/, View name, View value, Error& error) {
  // Trailers carry nothing that we use, and their bytes do not stay.
  if (!head_done_) {
    request_.headers.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
  }
  error = {};
}

void RequestParser::on_header_impl(Error& error) { error = {}; }

void RequestParser::on_body_init_impl(boost::optional<std::uint64_t> const& /*length*/, Error& error) { error = {}; }

std::size_t RequestParser::on_body_impl(View /*body*/, Error& error) {
  // Bodies with a length are read by the session, without the parser.
  error = beast_http::error::unexpected_body;
  return 0;
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, View /*extensions*/, Error& error) {
  error = {};
  if (size > limit_ - announced_) {
    error = beast_http::error::body_limit;
    return;
  }
  announced_ += size;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*remain*/, View body, Error& error) {
  out_->append(body.data(), body.size());
  error = {};
  return body.size();
}

void RequestParser::on_finish_impl(Error& error) { error = {}; }

}  // namespace starminer::api::http
