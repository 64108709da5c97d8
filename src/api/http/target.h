// Strict reading of request targets: percent-decoding, path segments, query. What could be read in two ways (encoded
// slashes, dot segments, empty segments, NUL, invalid UTF-8, a parameter twice) is refused. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starminer::api::http {

/// Decodes %XX. Empty optional on a bad escape, a control character or invalid UTF-8. `plus_is_space` for queries.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// Encodes all but unreserved characters (RFC 3986 section 2.3).
[[nodiscard]] std::string percent_encode(std::string_view text);

/// "/a/b%20c" -> {"a", "b c"}; "/" -> {}. Empty optional on anything ambiguous.
[[nodiscard]] std::optional<std::vector<std::string>> split_path(std::string_view path);

/// "a=1&b=x%20y". Empty optional on a bad escape, an empty name or a name that occurs twice.
[[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

[[nodiscard]] bool is_valid_utf8(std::string_view text);

/// Where a server is: "http://host:port".
struct Endpoint {
  std::string host;
  std::string port;

  /// Accepts http:// with a host name, an IPv4 address or an IPv6 address in brackets; port 80 when none is given; at
  /// most a "/" after it.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view url);
  /// Value of the Host header.
  [[nodiscard]] std::string authority() const;
};

}  // namespace starminer::api::http
