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
constexpr auto kSleepSlice = std::chrono::milliseconds(50);
// A node of a network is rarely more than a block behind another.
constexpr auto kBehindMax = std::chrono::seconds(10);
constexpr auto kBehindPause = std::chrono::milliseconds(100);
constexpr std::string_view kSequenceUsed = "E1103";
constexpr std::string_view kSequenceAhead = "E1104";
constexpr int kDiskFull = 507;
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

/// Whether another node may well answer what this one did not.
bool is_elsewhere(const ApiError& error) {
  return (error.is_transient() && error.status != 429) || error.status == kDiskFull;
}

/// Whether the node has no such artifact for the reader; another one may.
bool is_not_there(const ApiError& error) { return error.status == 403 || error.status == 404; }

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
  struct Node {
    std::string url;
    std::unique_ptr<HttpClient> http;
  };

  std::optional<SigningKey> key;
  ApiOptions options;
  std::vector<Node> nodes;
  std::size_t current = 0;
  std::uint64_t seen_height = 0;  // of the newest receipt
  std::string chain_id;
  std::optional<std::uint64_t> next_sequence;
  bool uncertain = false;  // what was delivered last was refused and may still come into a block

  /// What `call(http)` gives at the node that is asked now, or at the first one after it that can answer.
  template <class F>
  auto at_any(const F& call) {
    for (std::size_t asked = 1;; ++asked) {
      auto answer = call(*nodes[current].http);
      if (answer || !is_elsewhere(answer.error()) || asked == nodes.size()) return answer;
      go_on();
    }
  }

  /// What `call(http)` gives at the first node that has it. A node that cannot answer says nothing of what it has, so
  /// its error is the one that counts.
  template <class F>
  auto at_holder(const F& call) {
    auto answer = call(*nodes[current].http);
    for (std::size_t i = 1; i < nodes.size() && !answer; ++i) {
      if (!is_not_there(answer.error()) && !is_elsewhere(answer.error())) break;
      auto other = call(*nodes[(current + i) % nodes.size()].http);
      if (other || !is_not_there(other.error())) answer = std::move(other);
    }
    return answer;
  }

  /// To the next node, once that has the blocks of all that this program was told.
  void go_on() {
    if (nodes.size() == 1) return;
    current = (current + 1) % nodes.size();
    const auto give_up = std::chrono::steady_clock::now() + kBehindMax;
    while (seen_height > 0 && std::chrono::steady_clock::now() < give_up) {
      const auto status = parse(nodes[current].http->get("/v1/status"));
      if (!status || status->value("height", std::uint64_t{0}) >= seen_height) return;
      std::this_thread::sleep_for(kBehindPause);
    }
  }

  void sign(Method method, std::string_view target, std::string_view body, Headers& headers) const {
    if (!key) return;
    // Only an artifact travels as a stream; its address proves its content, so its hash need not be known here.
    const bool streamed = method == Method::Put && target.starts_with(kArtifacts);
    const signing::BodyHash hash = streamed ? signing::BodyHash{} : signing::BodyHash{sha256(body)};
    headers.emplace_back("Authorization", signing::make_authorization(*key, api::http::method_name(method), target,
                                                                      hash, {wall_ms()}, make_nonce()));
  }

  Result<json, ApiError> get(std::string_view target) {
    return at_any([&](HttpClient& http) { return parse(http.get(target)); });
  }

  Result<void, ApiError> learn_chain() {
    if (!chain_id.empty()) return {};
    const auto status = get("/v1/status");
    if (!status) return fail(status.error());
    chain_id = status->value("chain_id", std::string());
    if (chain_id.empty()) return fail(local_error("bad_response", "the node does not say which chain it serves"));
    return {};
  }

  Result<std::uint64_t, ApiError> read_sequence() {
    const auto account = get("/v1/accounts/" + key->account().text());
    if (!account) return fail(account.error());
    return account->value("next_sequence", std::uint64_t{0});
  }

  Result<void, ApiError> learn_sequence() {
    if (next_sequence) return {};
    const auto read = read_sequence();
    if (!read) return fail(read.error());
    next_sequence = *read;
    return {};
  }

  // The same bytes again and again: a node answers a repeat with the first receipt, so nothing happens twice. While an
  // earlier answer is missing, the bytes may be on their way into a block. Then a sequence that this node thinks is
  // ahead proves nothing, as the node may be behind; and one that is used does only if a block has used it, so that the
  // node would know the receipt if it were ours.
  Result<json, ApiError> deliver(const Bytes& bytes, std::uint64_t sequence) {
    const auto give_up = std::chrono::steady_clock::now() + options.patience;
    bool on_its_way = false;
    bool used_in_block = false;
    for (uncertain = false;;) {
      auto answer = parse(nodes[current].http->post("/v1/transactions", as_text(bytes), "application/octet-stream"));
      if (answer) return answer;
      const ApiError& error = answer.error();
      bool again = error.is_transient() || (on_its_way && error.code == kSequenceAhead);
      if (on_its_way && error.code == kSequenceUsed && !used_in_block) {
        again = true;
        const auto next = read_sequence();
        used_in_block = next && *next > sequence;
      }
      uncertain = on_its_way && again;
      if (std::chrono::steady_clock::now() >= give_up) return answer;
      const bool full_here = error.status == kDiskFull && nodes.size() > 1;
      if (!again && !full_here) return answer;
      on_its_way = on_its_way || (error.is_transient() && error.status != 429 && error.code != "connect_failed");
      if (is_elsewhere(error)) go_on();
      const bool here = nodes.size() == 1 || !is_elsewhere(error);
      const auto asked = std::chrono::seconds(here ? error.retry_after_s : 0);
      std::this_thread::sleep_for(std::max<std::chrono::milliseconds>(kRetryPause, asked));
    }
  }
};

Result<std::unique_ptr<Api>, ApiError> Api::connect(std::string_view urls, std::optional<SigningKey> key,
                                                    ApiOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->key = std::move(key);
  impl->options = options;
  std::vector<std::string> addresses = split_urls(urls);
  if (addresses.empty()) addresses.emplace_back(urls);
  for (std::string& url : addresses) {
    api::http::ClientOptions http_options;
    http_options.timeout = options.timeout;
    http_options.prepare = [raw = impl.get()](Method method, std::string_view target, std::string_view body,
                                              Headers& headers) { raw->sign(method, target, body, headers); };
    auto http = HttpClient::make(url, std::move(http_options));
    if (!http) return fail(std::move(http.error()));
    impl->nodes.push_back({std::move(url), std::move(*http)});
  }
  return std::unique_ptr<Api>(new Api(std::move(impl)));
}

Api::Api(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Api::~Api() = default;

const std::string& Api::url() const { return impl_->nodes[impl_->current].url; }

const std::optional<SigningKey>& Api::key() const { return impl_->key; }

std::string Api::address() const {
  STARMINER_CHECK(impl_->key.has_value());
  return impl_->key->account().text();
}

Result<json, ApiError> Api::get(std::string_view target) { return impl_->get(target); }

Result<json, ApiError> Api::post(std::string_view target, const json& body) {
  const std::string text = body.dump();
  return impl_->at_any([&](HttpClient& http) { return parse(http.post(target, text)); });
}

Result<json, ApiError> Api::post_bytes(std::string_view target, std::string_view bytes) {
  return impl_->at_any([&](HttpClient& http) { return parse(http.post(target, bytes, "application/octet-stream")); });
}

Result<std::string, ApiError> Api::get_bytes(std::string_view target) {
  const auto get = [&](HttpClient& http) { return http.get(target); };
  auto response = target.starts_with(kArtifacts) ? impl_->at_holder(get) : impl_->at_any(get);
  if (!response) return fail(std::move(response.error()));
  return std::move(response->body);
}

Result<std::string, ApiError> Api::get_log(std::string_view target) {
  auto piece = get_bytes(target);
  const std::size_t count = impl_->nodes.size();
  for (std::size_t i = 1; i < count && piece && piece->empty(); ++i) {
    auto other = impl_->nodes[(impl_->current + i) % count].http->get(target);
    if (other) piece = std::move(other->body);
  }
  return piece;
}

Result<Receipt, ApiError> Api::send(v1::TransactionBody operation) {
  STARMINER_CHECK(impl_->key.has_value());
  if (auto known = impl_->learn_chain(); !known) return fail(std::move(known.error()));
  for (int attempt = 1;; ++attempt) {
    if (auto known = impl_->learn_sequence(); !known) return fail(std::move(known.error()));
    operation.set_chain_id(impl_->chain_id);
    operation.set_sequence(*impl_->next_sequence);
    operation.set_expires_at_ms(wall_ms() + kExpiryMs);
    const auto answer = impl_->deliver(protocol::sign_transaction(operation, *impl_->key), *impl_->next_sequence);
    if (answer) {
      ++*impl_->next_sequence;
      impl_->seen_height = std::max(impl_->seen_height, answer->value("height", std::uint64_t{0}));
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
    const bool sequence_race = error.code == kSequenceUsed || error.code == kSequenceAhead;
    if (!sequence_race || impl_->uncertain || attempt >= kSequenceAttempts) return fail(error);
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
  const auto sent = when_free([&] {
    return impl_->at_any(
        [&](HttpClient& http) { return http.upload(target, file, "application/octet-stream", transfer); });
  });
  if (!sent) return fail(sent.error());
  return *hash;
}

Result<Hash32, ApiError> Api::upload_text(std::string_view text) {
  const Hash32 hash = sha256(text);
  const std::string target = std::string(kArtifacts) + hash.hex();
  const auto sent = when_free([&] {
    return impl_->at_any([&](HttpClient& http) { return http.put(target, text, "application/octet-stream"); });
  });
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
  if (auto got = impl_->at_holder([&](HttpClient& http) { return http.download(target, file, transfer); }); !got) {
    return fail(std::move(got.error()));
  }
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
  if (impl_->nodes.size() == 1) return impl_->nodes.front().http->events(target, callback, events);
  events.reconnects_max = 0;
  const auto is_cancelled = [cancel] { return cancel != nullptr && cancel->load(); };
  for (int silent = 0;;) {
    bool heard = false;
    const auto take = [&](const api::http::SseEvent& event) {
      heard = true;
      events.last_event_id = event.id;
      return callback(event);
    };
    auto end = impl_->nodes[impl_->current].http->events(target, take, events);
    if (end || !is_elsewhere(end.error())) return end;
    if (heard) silent = 0;
    if (reconnects_max >= 0 && silent++ >= reconnects_max) return end;
    impl_->go_on();
    const auto pause =
        std::max<std::chrono::milliseconds>(2 * kRetryPause, std::chrono::seconds(end.error().retry_after_s));
    for (auto left = pause; left.count() > 0 && !is_cancelled(); left -= kSleepSlice) {
      std::this_thread::sleep_for(kSleepSlice);
    }
  }
}

std::vector<std::string> split_urls(std::string_view urls) {
  std::vector<std::string> found;
  while (!urls.empty()) {
    const std::size_t comma = std::min(urls.find(','), urls.size());
    std::string_view url = urls.substr(0, comma);
    urls.remove_prefix(std::min(comma + 1, urls.size()));
    while (url.starts_with(' ')) url.remove_prefix(1);
    while (url.ends_with(' ')) url.remove_suffix(1);
    if (!url.empty()) found.emplace_back(url);
  }
  return found;
}

std::string describe(const ApiError& error) {
  std::string text = error.title.empty() ? error.code : error.title;
  if (error.code.starts_with("E")) text += fmt::format(" [{}]", error.code);
  if (!error.detail.empty()) text += fmt::format(": {}", error.detail);
  if (!error.advice.empty()) text += fmt::format("\n  {}", error.advice);
  return text;
}

}  // namespace starminer::client
