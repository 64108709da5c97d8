// The table of routes: which handler answers a method and a path, with what limits. Paths are matched segment by
// segment, literals before parameters. The table can be listed, so that a test compares it with the OpenAPI document
// and with the authorization matrix. Filled before the server starts, then read only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/http/message.h"
#include "api/http/responder.h"
#include "api/http/sse.h"
#include "base/result.h"

namespace starminer::api::http {

/// Where a handler runs. Inline handlers run on the I/O thread: they must not block and last microseconds.
enum class Run : std::uint8_t { Worker, Inline };

struct RouteOptions {
  /// Bytes of a body; 0 = none is taken, as always with GET and HEAD.
  std::uint64_t body_limit = 1U << 20U;
  /// Accepted media types of a body; empty = any.
  std::vector<std::string> content_types = {"application/json"};
  std::string summary{};
  /// Who may call it; the words belong to the API, the server only lists them.
  std::string auth = "public";
  /// A name in ServerOptions::rates.
  std::string rate_class = "default";
  Run run = Run::Worker;
};

/// Answers when it returns.
using SyncHandler = std::function<Response(const Request&)>;
/// Answers through the Responder, at any later time and from any thread.
using AsyncHandler = std::function<void(Request, Responder)>;
/// Opens a sink for a streamed body, or refuses before any byte of it is read. Runs on a worker.
using UploadHandler = std::function<Result<std::unique_ptr<BodySink>, Response>(const Request&)>;
/// Subscribes the stream, or refuses with a response. Runs on a worker. `Last-Event-ID` is in the request's headers.
using EventHandler = std::function<std::optional<Response>(const Request&, SseStream)>;

using Handler = std::variant<SyncHandler, AsyncHandler, UploadHandler, EventHandler>;

struct Route {
  Method method = Method::Get;
  std::string pattern{};
  RouteOptions options;
  Handler handler;
  /// Position in Router::routes().
  std::size_t index = 0;
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// Patterns are absolute ("/v1/jobs/{id}"). A malformed pattern or the same method and pattern twice is a bug of
  /// the caller and stops the process.
  void add(Method method, std::string pattern, SyncHandler handler, RouteOptions options = {});
  void add_async(Method method, std::string pattern, AsyncHandler handler, RouteOptions options = {});
  void add_upload(Method method, std::string pattern, UploadHandler handler, RouteOptions options = {});
  void add_events(std::string pattern, EventHandler handler, RouteOptions options = {});

  /// All routes in the order they were added.
  [[nodiscard]] const std::vector<std::unique_ptr<Route>>& routes() const;

  struct Match {
    /// Null when the path is unknown or has no such method.
    const Route* route = nullptr;
    /// Value of the Allow header; empty when the path is unknown.
    std::string allow;
  };
  /// Finds the route of a path of decoded segments. HEAD falls back to GET. On a match the values of the pattern's
  /// parameters are appended to `params`; the names in it live as long as the router.
  [[nodiscard]] Match find(Method method, const std::vector<std::string>& segments,
                           std::vector<std::pair<std::string_view, std::string>>& params) const;

 private:
  struct Node;
  void insert(Method method, std::string pattern, Handler handler, RouteOptions options);

  std::vector<std::unique_ptr<Route>> routes_{};
  std::unique_ptr<Node> root_;
};

}  // namespace starminer::api::http
