// Grammar of requests by Boost.Beast, plus the rules where Beast is more lenient than we want to be (transfer codings,
// repeated framing fields, Host). Fills a Request whose views point into the Request's own copy of the header.
// One parser per request, one thread. Internal to the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

#include "api/http/message.h"

namespace starminer::api::http {

/// How the body of a request is framed and what becomes of the connection.
struct Framing {
  bool http_1_1 = true;
  bool keep_alive = true;
  bool chunked = false;
  bool expect_continue = false;
  std::uint64_t content_length = 0;

  [[nodiscard]] bool has_body() const { return chunked || content_length > 0; }
};

enum class ChunkStatus : std::uint8_t { NeedMore, Done, TooLarge, Malformed };

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  explicit RequestParser(Request& request);

  /// Takes a scanned header. A problem says why it is refused; the connection must then be closed.
  [[nodiscard]] std::optional<Problem> parse_head(std::string_view block);
  [[nodiscard]] const Framing& framing() const { return framing_; }

  /// Decodes chunked bytes from `data` onto `out`; `used` tells how many were consumed. `limit` bounds all chunks of
  /// the body together and is tested when a chunk is announced, before its bytes come.
  [[nodiscard]] ChunkStatus feed_chunks(std::string_view data, std::size_t& used, std::string& out,
                                        std::uint64_t limit);

 private:
  using Base = boost::beast::http::basic_parser<true>;
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;

  [[nodiscard]] std::optional<Problem> check_fields();
  [[nodiscard]] std::optional<Problem> split_target();

  void on_request_impl(boost::beast::http::verb verb, View method, View target, int version, Error& error) override;
  void on_response_impl(int status, View reason, int version, Error& error) override;
  void on_field_impl(boost::beast::http::field field, View name, View value, Error& error) override;
  void on_header_impl(Error& error) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const& length, Error& error) override;
  std::size_t on_body_impl(View body, Error& error) override;
  void on_chunk_header_impl(std::uint64_t size, View extensions, Error& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, View body, Error& error) override;
  void on_finish_impl(Error& error) override;

  Request& request_;
  Framing framing_;
  bool head_done_ = false;
  std::string* out_ = nullptr;
  std::uint64_t limit_ = 0;
  std::uint64_t announced_ = 0;
};

}  // namespace starminer::api::http
