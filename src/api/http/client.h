// Blocking HTTP/1.1 client for the command line, the agent and tests. Every call has a deadline; the connection is kept
// and reused. Problems come back as ApiError with code and advice. One call at a time: calls from several threads are
// serialized by a lock, so give each thread its own client where they should run side by side.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "api/http/sse.h"
#include "api/http/target.h"
#include "base/result.h"

namespace starminer::api::http {

/// Why a call has no value. status 0: no answer came, and code is one of bad_url, connect_failed, connection_lost,
/// deadline_exceeded, bad_response, too_large, cancelled, file_error.
struct ApiError {
  int status = 0;
  std::string code{};
  std::string title{};
  std::string detail{};
  std::string advice{};
  int retry_after_s = 0;
  /// Request id of the server.
  std::string instance{};
  std::vector<std::pair<std::string, std::string>> members{};

  /// Worth the same call again later: no connection, overload or rate limit.
  [[nodiscard]] bool is_transient() const;
};

struct ClientResponse {
  int status = 0;
  Headers headers{};
  std::string body{};

  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  /// For calls without a deadline of their own. Streams of files count it from the last progress.
  std::chrono::milliseconds timeout{30'000};
  std::size_t body_bytes_max = 64U << 20U;
  std::string user_agent = "starminer";
  /// Sees each attempt before it is sent and may add headers, for instance a signature with a one-use nonce. The body
  /// is empty for streamed uploads and for calls without one. Called from the thread of the call; events() runs beside
  /// others, so with it the function must be thread-safe.
  std::function<void(Method method, std::string_view target, std::string_view body, Headers& headers)> prepare{};
};

struct CallOptions {
  Headers headers{};
  /// 0 = the client's timeout.
  std::chrono::milliseconds timeout{0};
};

/// Tells the bytes so far and the total (0 = unknown); returning false cancels.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

struct TransferOptions {
  CallOptions call{};
  /// Attempts that each resume where the last one broke off.
  int attempts = 5;
  std::chrono::milliseconds pause{200};
  /// Downloads: the strong validator of the content, where the caller knows it (an artifact's hash). With it a file
  /// that is there is continued; without it, only what this call itself has received.
  std::string etag{};
  Progress progress{};
};

struct EventOptions {
  CallOptions call{};
  std::string last_event_id{};
  /// Pause before a reconnect; the server's `retry` replaces it.
  std::chrono::milliseconds reconnect_pause{500};
  /// Reconnects in a row without an event; negative = without end.
  int reconnects_max = -1;
  /// Silence after which the connection counts as dead; the server sends a comment each 15 s.
  std::chrono::milliseconds silence_max{40'000};
  /// Ends the stream from another thread within a fraction of a second.
  const std::atomic<bool>* cancel = nullptr;
};

class HttpClient {
 public:
  explicit HttpClient(Endpoint endpoint, ClientOptions options = {});
  /// From "http://host:port". Fails with bad_url.
  [[nodiscard]] static Result<std::unique_ptr<HttpClient>, ApiError> make(std::string_view url,
                                                                          ClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] Result<ClientResponse, ApiError> get(std::string_view target, const CallOptions& call = {});
  [[nodiscard]] Result<ClientResponse, ApiError> head(std::string_view target, const CallOptions& call = {});
  [[nodiscard]] Result<ClientResponse, ApiError> post(std::string_view target, std::string_view body,
                                                      std::string_view content_type = "application/json",
                                                      const CallOptions& call = {});
  [[nodiscard]] Result<ClientResponse, ApiError> put(std::string_view target, std::string_view body,
                                                     std::string_view content_type = "application/json",
                                                     const CallOptions& call = {});
  [[nodiscard]] Result<ClientResponse, ApiError> del(std::string_view target, const CallOptions& call = {});

  /// Downloads into `file` and resumes by Range with If-Range; a changed content starts anew. The caller checks the
  /// content's hash. Gives the size of the file.
  [[nodiscard]] Result<std::uint64_t, ApiError> download(std::string_view target, const std::filesystem::path& file,
                                                         const TransferOptions& options = {});
  /// Uploads a file by PUT. HEAD of the target tells in Upload-Offset how much is stored; the rest goes with
  /// Content-Range, or "bytes */size" where only the end is missing. A HEAD that answers 404 means nothing is stored, a
  /// 2xx without Upload-Offset that all is.
  [[nodiscard]] Result<ClientResponse, ApiError> upload(std::string_view target, const std::filesystem::path& file,
                                                        std::string_view content_type = "application/octet-stream",
                                                        const TransferOptions& options = {});
  /// Reads events until the callback returns false (then the id of the last event is given), the server refuses, or
  /// reconnects are used up. A lost connection is resumed with Last-Event-ID. Has a connection of its own and runs
  /// beside other calls.
  [[nodiscard]] Result<std::string, ApiError> events(std::string_view target,
                                                     const std::function<bool(const SseEvent&)>& callback,
                                                     const EventOptions& options = {});

  /// The client's inside, for its own source files.
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::api::http
