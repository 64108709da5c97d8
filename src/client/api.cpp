#include "client/api.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/check.h"
#include "base/hash.h"
#include "protocol/transaction.h"
#include "signing/request.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::client {
namespace {

using api::http::Headers;
using api::http::HttpClient;
using api::http::Method;
using nlohmann::json;

constexpr std::uint64_t kExpiryMs = 600'000;
constexpr int kSequenceAttempts = 5;
constexpr auto kRetryPause = std::chrono::milliseconds(250);
constexpr std::size_t kReadBytes = 1U << 20U;
constexpr std::string_view kArtifacts = "/v1/artifacts/";

std::uint64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

ApiError local_error(std::string code, std::string title, std::string detail = {}) {
  ApiError error;
  error.code = std::move(code);
  error.title = std::move(title);
  error.detail = std::move(detail);
  return error;
}

Result<json, ApiError> parse(Result<api::http::ClientResponse, ApiError> response) {
  if (!response) return fail(std::move(response.error()));
  if (response->body.empty()) return json::object();
  json document = json::parse(response->body, nullptr, false);
  if (document.is_discarded()) return fail(local_error("bad_response", "the node's answer is no JSON"));
  return document;
}

std::string make_nonce() {
  std::array<std::uint8_t, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

Result<Hash32, ApiError> hash_file(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(local_error("file_error", fmt::format("{} cannot be read", file)));
  Sha256 hash;
  std::string buffer(kReadBytes, '\0');
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || stream.gcount() > 0) {
    hash.update(std::string_view(buffer.data(), static_cast<std::size_t>(stream.gcount())));
  }
  if (stream.bad()) return fail(local_error("file_error", fmt::format("{} cannot be read", file)));
  return hash.finish();
}

}  // namespace

struct Api::Impl {
  std::optional<SigningKey> key;
  ApiOptions options;
  std::unique_ptr<HttpClient> http;
  std::string chain_id;
  std::optional<std::uint64_t> next_sequence;

  void sign(Method method, std::string_view target, std::string_view body, Headers& headers) const {
    if (!key) return;
    // Only an artifact travels as a stream; its address proves its content, so its hash need not be known here.
    const bool streamed = method == Method::Put && target.starts_with(kArtifacts);
    const signing::BodyHash hash = streamed ? signing::BodyHash{} : signing::BodyHash{sha256(body)};
    headers.emplace_back("Authorization", signing::make_authorization(*key, api::http::method_name(method), target,
                                                                      hash, {wall_ms()}, make_nonce()));
  }

  Result<void, ApiError> learn_chain() {
    if (!chain_id.empty()) return {};
    const auto status = parse(http->get("/v1/status"));
    if (!status) return fail(status.error());
    chain_id = status->value("chain_id", std::string());
    if (chain_id.empty()) return fail(local_error("bad_response", "the node does not say which chain it serves"));
    return {};
  }

  Result<void, ApiError> learn_sequence() {
    if (next_sequence) return {};
    const auto account = parse(http->get("/v1/accounts/" + key->account().text()));
    if (!account) return fail(account.error());
    next_sequence = account->value("next_sequence", std::uint64_t{0});
    return {};
  }

  // The same bytes again and again: the node answers a repeat with the first receipt, so nothing happens twice.
  Result<json, ApiError> deliver(const Bytes& bytes) {
    const auto give_up = std::chrono::steady_clock::now() + options.patience;
    for (;;) {
      auto answer = parse(http->post("/v1/transactions", as_text(bytes), "application/octet-stream"));
      if (answer || !answer.error().is_transient() || std::chrono::steady_clock::now() >= give_up) return answer;
      const auto pause = std::chrono::seconds(answer.error().retry_after_s);
      std::this_thread::sleep_for(std::max<std::chrono::milliseconds>(kRetryPause, pause));
    }
  }
};

Result<std::unique_ptr<Api>, ApiError> Api::connect(std::string_view url, std::optional<SigningKey> key,
                                                    ApiOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->key = std::move(key);
  impl->options = options;
  api::http::ClientOptions http_options;
  http_options.timeout = options.timeout;
  http_options.prepare = [raw = impl.get()](Method method, std::string_view target, std::string_view body,
                                            Headers& headers) { raw->sign(method, target, body, headers); };
  auto http = HttpClient::make(url, std::move(http_options));
  if (!http) return fail(std::move(http.error()));
  impl->http = std::move(*http);
  return std::unique_ptr<Api>(new Api(std::move(impl)));
}

Api::Api(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Api::~Api() = default;

const std::optional<SigningKey>& Api::key() const { return impl_->key; }

std::string Api::address() const {
  STARMINER_CHECK(impl_->key.has_value());
  return impl_->key->account().text();
}

Result<json, ApiError> Api::get(std::string_view target) { return parse(impl_->http->get(target)); }

Result<json, ApiError> Api::post(std::string_view target, const json& body) {
  return parse(impl_->http->post(target, body.dump()));
}

Result<json, ApiError> Api::post_bytes(std::string_view target, std::string_view bytes) {
  return parse(impl_->http->post(target, bytes, "application/octet-stream"));
}

Result<std::string, ApiError> Api::get_bytes(std::string_view target) {
  auto response = impl_->http->get(target);
  if (!response) return fail(std::move(response.error()));
  return std::move(response->body);
}

Result<Receipt, ApiError> Api::send(v1::TransactionBody operation) {
  STARMINER_CHECK(impl_->key.has_value());
  if (auto known = impl_->learn_chain(); !known) return fail(std::move(known.error()));
  for (int attempt = 1;; ++attempt) {
    if (auto known = impl_->learn_sequence(); !known) return fail(std::move(known.error()));
    operation.set_chain_id(impl_->chain_id);
    operation.set_sequence(*impl_->next_sequence);
    operation.set_expires_at_ms(wall_ms() + kExpiryMs);
    const auto answer = impl_->deliver(protocol::sign_transaction(operation, *impl_->key));
    if (answer) {
      ++*impl_->next_sequence;
      return Receipt{answer->value("transaction", ""), answer->value("height", std::uint64_t{0}),
                     answer->value("subject", ""), answer->value("duplicate", false)};
    }
    const ApiError& error = answer.error();
    // A charged refusal (422) is in a block and used its sequence up; anything else makes the cached number doubtful.
    if (error.status == 422) {
      ++*impl_->next_sequence;
    } else {
      impl_->next_sequence.reset();
    }
    const bool sequence_race = error.code == "E1103" || error.code == "E1104";
    if (!sequence_race || attempt >= kSequenceAttempts) return fail(error);
    std::this_thread::sleep_for(kRetryPause * attempt);
  }
}

namespace {

constexpr auto kBusyPause = std::chrono::milliseconds(100);
constexpr int kBusyTries = 100;

/// Sends an artifact; while another request writes it, again after a pause: that of a program which was killed holds it
/// until the node notices that the connection is gone.
template <class Send>
auto when_free(const Send& send) {
  auto sent = send();
  for (int left = kBusyTries; !sent && sent.error().code == "busy" && left > 0; --left) {
    std::this_thread::sleep_for(kBusyPause);
    sent = send();
  }
  return sent;
}

}  // namespace

Result<Hash32, ApiError> Api::upload(const std::string& file,
                                     const std::function<bool(std::uint64_t, std::uint64_t)>& progress) {
  const auto hash = hash_file(file);
  if (!hash) return fail(hash.error());
  api::http::TransferOptions transfer;
  transfer.progress = progress;
  const std::string target = std::string(kArtifacts) + hash->hex();
  const auto sent = when_free([&] { return impl_->http->upload(target, file, "application/octet-stream", transfer); });
  if (!sent) return fail(sent.error());
  return *hash;
}

Result<Hash32, ApiError> Api::upload_text(std::string_view text) {
  const Hash32 hash = sha256(text);
  const std::string target = std::string(kArtifacts) + hash.hex();
  const auto sent = when_free([&] { return impl_->http->put(target, text, "application/octet-stream"); });
  if (!sent) return fail(sent.error());
  return hash;
}

Result<void, ApiError> Api::download(const Hash32& hash, const std::string& contract, const std::string& file,
                                     const std::function<bool(std::uint64_t, std::uint64_t)>& progress) {
  api::http::TransferOptions transfer;
  transfer.etag = hash.hex();
  transfer.progress = progress;
  std::string target = std::string(kArtifacts) + hash.hex();
  if (!contract.empty()) target += "?contract=" + contract;
  if (auto got = impl_->http->download(target, file, transfer); !got) return fail(std::move(got.error()));
  const auto found = hash_file(file);
  if (!found) return fail(found.error());
  if (*found != hash) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    return fail(local_error("hash_mismatch", fmt::format("{} does not match its hash", file),
                            fmt::format("expected {}, received {}", hash.hex(), found->hex())));
  }
  return {};
}

Result<std::string, ApiError> Api::events(std::string_view target,
                                          const std::function<bool(const api::http::SseEvent&)>& callback,
                                          const std::atomic<bool>* cancel, int reconnects_max) {
  api::http::EventOptions events;
  events.cancel = cancel;
  events.reconnects_max = reconnects_max;
  return impl_->http->events(target, callback, events);
}

std::string describe(const ApiError& error) {
  std::string text = error.title.empty() ? error.code : error.title;
  if (error.code.starts_with("E")) text += fmt::format(" [{}]", error.code);
  if (!error.detail.empty()) text += fmt::format(": {}", error.detail);
  if (!error.advice.empty()) text += fmt::format("\n  {}", error.advice);
  return text;
}

}  // namespace starminer::client
