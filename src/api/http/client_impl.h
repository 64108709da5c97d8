// Parts that the client's source files share. Internal to the client; guarded by its mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/client.h"
#include "api/http/client_connection.h"

namespace starminer::api::http {

constexpr std::size_t kPieceBytes = 64U << 10U;

/// A request with its body in memory.
struct Outgoing {
  Method method;
  std::string_view target;
  std::string_view body;
  std::string_view content_type;
  const CallOptions* call;
};

/// The error that an answer outside 2xx stands for.
[[nodiscard]] ApiError error_of(const ResponseHead& head, std::string_view body);

struct HttpClient::Impl {
  Impl(Endpoint where, ClientOptions client_options)
      : endpoint(where), options(std::move(client_options)), connection(std::move(where), options.connect_timeout) {}

  [[nodiscard]] std::string request_head(Method method, std::string_view target, const Headers& headers,
                                         std::optional<std::uint64_t> length) const;
  [[nodiscard]] Patience patience_of(const CallOptions& call) const;
  [[nodiscard]] Headers prepared(Method method, std::string_view target, std::string_view body,
                                 const CallOptions& call) const;
  /// Sends and reads the head of the answer; once more on a kept connection that the server had closed.
  [[nodiscard]] Result<ResponseHead, ApiError> exchange(const Outgoing& request, const Patience& patience);
  [[nodiscard]] Result<std::string, ApiError> read_body(const Patience& patience);
  /// Reads the body and turns an answer outside 2xx into its error.
  [[nodiscard]] Result<ClientResponse, ApiError> complete(ResponseHead head, const Patience& patience);
  [[nodiscard]] Result<ClientResponse, ApiError> call(const Outgoing& request);

  const Endpoint endpoint;
  const ClientOptions options;
  ClientConnection connection;
  std::mutex mutex;
};

}  // namespace starminer::api::http
