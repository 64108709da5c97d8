// The C++ SDK's connection to a chain: JSON calls, signed where they must be, and transactions that survive lost
// answers and lost nodes. It talks to one node of a list, and goes on with the next one where that cannot answer. One
// Api per thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "api/http/client.h"
#include "base/result.h"
#include "base/signature.h"

namespace starminer::v1 {
class TransactionBody;
}

namespace starminer::client {

using api::http::ApiError;

struct ApiOptions {
  std::chrono::milliseconds timeout{30'000};
  /// How long a transaction is sent again after lost connections and overload before giving up.
  std::chrono::milliseconds patience{60'000};
};

/// What a node answered to a transaction that is in a block.
struct Receipt {
  std::string transaction;
  std::uint64_t height = 0;
  std::string subject;  // id that the operation made
  bool duplicate = false;
};

class Api {
 public:
  /// `urls`: nodes of one chain, "http://host:port", separated by commas; the first is asked while it answers. `key`:
  /// signs requests and transactions; without one only public calls work. Fails with bad_url.
  [[nodiscard]] static Result<std::unique_ptr<Api>, ApiError> connect(std::string_view urls,
                                                                      std::optional<SigningKey> key,
                                                                      ApiOptions options = {});
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  [[nodiscard]] Result<nlohmann::json, ApiError> get(std::string_view target);
  [[nodiscard]] Result<nlohmann::json, ApiError> post(std::string_view target, const nlohmann::json& body);
  /// Protobuf or raw bytes as body.
  [[nodiscard]] Result<nlohmann::json, ApiError> post_bytes(std::string_view target, std::string_view bytes);
  /// An artifact comes from whichever node has it; that none has is only said where all could be asked.
  [[nodiscard]] Result<std::string, ApiError> get_bytes(std::string_view target);
  /// A piece of a log, from whichever node has bytes there: one that was away while a job ran never got them. Empty
  /// where none has any.
  [[nodiscard]] Result<std::string, ApiError> get_log(std::string_view target);

  /// Fills in chain, sequence and expiry, signs, sends, and sends the same bytes again while the answer is lost, to the
  /// next node where one is away. A sequence taken by another program with the same key is replaced and signed anew,
  /// but never while the bytes before could still come into a block. Refusals come back as ApiError with the protocol's
  /// code ("E2104"). Requires: a key.
  [[nodiscard]] Result<Receipt, ApiError> send(v1::TransactionBody operation);

  /// Uploads a file to the artifact store unless it is there; returns its hash.
  [[nodiscard]] Result<Hash32, ApiError> upload(const std::string& file,
                                                const std::function<bool(std::uint64_t, std::uint64_t)>& progress);
  [[nodiscard]] Result<Hash32, ApiError> upload_text(std::string_view text);
  /// Downloads an artifact from whichever node has it and checks its hash; a file whose content is wrong is removed.
  [[nodiscard]] Result<void, ApiError> download(const Hash32& hash, const std::string& contract,
                                                const std::string& file,
                                                const std::function<bool(std::uint64_t, std::uint64_t)>& progress);

  /// Server-sent events with the connection's signature; see HttpClient::events. A lost stream goes on at the next
  /// node.
  [[nodiscard]] Result<std::string, ApiError> events(std::string_view target,
                                                     const std::function<bool(const api::http::SseEvent&)>& callback,
                                                     const std::atomic<bool>* cancel, int reconnects_max = -1);

  /// The node that is asked now.
  [[nodiscard]] const std::string& url() const;
  [[nodiscard]] const std::optional<SigningKey>& key() const;
  /// The account's address. Requires: a key.
  [[nodiscard]] std::string address() const;

 private:
  struct Impl;
  explicit Api(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The addresses of a list that commas separate, without spaces and empty parts.
[[nodiscard]] std::vector<std::string> split_urls(std::string_view urls);

/// "message: detail. advice" of an error, as people read it.
[[nodiscard]] std::string describe(const ApiError& error);

}  // namespace starminer::client
