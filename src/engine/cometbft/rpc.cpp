#include "engine/cometbft/rpc.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/http/client.h"
#include "api/http/json.h"
#include "base/check.h"

namespace starminer::engine::cometbft {
namespace {

using nlohmann::json;

constexpr std::size_t kAnswerBytesMax = 1U << 20U;
constexpr std::size_t kTextMax = 500;
constexpr int kDepthMax = 16;
constexpr std::string_view kKnown = "tx already exists in cache";
constexpr std::string_view kFull = "mempool is full";
constexpr std::string_view kStillRechecking = "mempool is still rechecking";

/// A stranger's words for our log and our clients: one line of printable ASCII.
std::string plain(std::string text) {
  if (text.size() > kTextMax) text.resize(kTextMax);
  for (char& letter : text) {
    if (letter < ' ' || letter > '~') letter = letter == '\n' || letter == '\t' ? ' ' : '?';
  }
  return text;
}

std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() ? &*found : nullptr;
}

/// CometBFT writes 64-bit numbers as text.
std::optional<std::uint64_t> number_of(const json& object, const char* name) {
  const std::string text = text_of(object, name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string to_lower(std::string text) {
  for (char& letter : text) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  return text;
}

RpcFault unreadable() { return "what answers there does not speak CometBFT's RPC"; }

Result<json, RpcFault> parse(std::string_view answer) {
  auto document = api::http::parse_json(answer, {.bytes = kAnswerBytesMax, .depth = kDepthMax});
  if (!document) return fail(unreadable());
  return std::move(*document);
}

std::string words_of(const json& error) {
  const std::string data = text_of(error, "data");
  return plain(data.empty() ? text_of(error, "message") : data);
}

std::optional<Handover> read_one(const json& answer) {
  if (const json* error = member(answer, "error"); error != nullptr && !error->is_null()) {
    std::string words = words_of(*error);
    if (words.starts_with(kKnown)) return Handover{Fate::Known, 0, {}, std::move(words)};
    const bool full = words.starts_with(kFull) || words.starts_with(kStillRechecking);
    return Handover{full ? Fate::Full : Fate::Failed, 0, {}, std::move(words)};
  }
  const json* result = member(answer, "result");
  const json* code = result != nullptr ? member(*result, "code") : nullptr;
  if (code == nullptr || !code->is_number_unsigned() || code->get<std::uint64_t>() > UINT32_MAX) return std::nullopt;
  Handover handover{Fate::Taken, code->get<std::uint32_t>(), {}, {}};
  if (handover.code == 0) return handover;
  handover.fate = Fate::Refused;
  handover.codespace = plain(text_of(*result, "codespace"));
  // The engine puts the figures of its refusal there (engine.cpp); CometBFT writes them in capitals.
  const auto figures = from_hex(to_lower(text_of(*result, "data")));
  handover.detail = plain(figures ? to_text(*figures) : text_of(*result, "log"));
  return handover;
}

}  // namespace

std::string format_handover(std::span<const ByteView> transactions) {
  std::string body = "[";
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    body += fmt::format(R"({}{{"jsonrpc":"2.0","id":{},"method":"broadcast_tx_sync","params":{{"tx":"{}"}}}})",
                        i == 0 ? "" : ",", i, to_base64(transactions[i]));
  }
  return body + "]";
}

Result<std::vector<Handover>, RpcFault> parse_handover(std::string_view answer, std::size_t count) {
  auto document = parse(answer);
  if (!document) return fail(std::move(document.error()));
  // A batch of one is answered by an object.
  const json answers = document->is_array() ? std::move(*document) : json::array({std::move(*document)});
  std::vector<std::optional<Handover>> found(count);
  for (const json& one : answers) {
    const json* id = member(one, "id");
    if (id == nullptr || !id->is_number_unsigned() || id->get<std::uint64_t>() >= count) return fail(unreadable());
    auto handover = read_one(one);
    if (!handover) return fail(unreadable());
    found[id->get<std::size_t>()] = std::move(*handover);
  }
  std::vector<Handover> handovers;
  for (auto& handover : found) {
    if (!handover) return fail(unreadable());
    handovers.push_back(std::move(*handover));
  }
  return handovers;
}

Result<CometStatus, RpcFault> parse_status(std::string_view answer) {
  auto document = parse(answer);
  if (!document) return fail(std::move(document.error()));
  if (const json* error = member(*document, "error"); error != nullptr && !error->is_null()) {
    return fail(words_of(*error));
  }
  const json* result = member(*document, "result");
  const json* node = result != nullptr ? member(*result, "node_info") : nullptr;
  const json* sync = result != nullptr ? member(*result, "sync_info") : nullptr;
  const json* validator = result != nullptr ? member(*result, "validator_info") : nullptr;
  if (node == nullptr || sync == nullptr) return fail(unreadable());
  const auto height = number_of(*sync, "latest_block_height");
  const json* catching_up = member(*sync, "catching_up");
  const std::string network = text_of(*node, "network");
  if (!height || catching_up == nullptr || !catching_up->is_boolean() || network.empty()) return fail(unreadable());
  return CometStatus{plain(network), plain(text_of(*node, "version")), *height, catching_up->get<bool>(),
                     validator != nullptr ? number_of(*validator, "voting_power").value_or(0) : 0};
}

std::string rpc_url(std::string_view address) {
  constexpr std::string_view kTcp = "tcp://";
  std::string url(address);
  if (address.starts_with(kTcp)) url = fmt::format("http://{}", address.substr(kTcp.size()));
  return api::http::Endpoint::parse(url) ? url : std::string();
}

CometRpc::CometRpc(const std::string& url, std::chrono::milliseconds timeout) {
  api::http::ClientOptions options;
  options.connect_timeout = timeout;
  options.timeout = timeout;
  options.body_bytes_max = kAnswerBytesMax;
  auto http = api::http::HttpClient::make(url, std::move(options));
  STARMINER_CHECK(http.has_value());
  http_ = std::move(*http);
}

CometRpc::~CometRpc() = default;

Result<std::string, RpcFault> CometRpc::post(const std::string& body) {
  auto answer = http_->post("/", body);
  // A connection that CometBFT closed while it was idle says nothing; the same bytes twice are taken once.
  if (!answer && answer.error().code == "connection_lost") answer = http_->post("/", body);
  if (answer) return std::move(answer->body);
  const api::http::ApiError& error = answer.error();
  if (error.status != 0) return fail(fmt::format("it answers with status {}", error.status));
  std::string why = plain(error.detail.empty() ? error.code : error.detail);
  if (why.ends_with('.')) why.pop_back();
  return fail(std::move(why));
}

Result<std::vector<Handover>, RpcFault> CometRpc::hand_over(std::span<const ByteView> transactions) {
  const auto answer = post(format_handover(transactions));
  if (!answer) return fail(answer.error());
  return parse_handover(*answer, transactions.size());
}

Result<CometStatus, RpcFault> CometRpc::status() {
  const auto answer = post(R"({"jsonrpc":"2.0","id":0,"method":"status","params":{}})");
  if (!answer) return fail(answer.error());
  return parse_status(*answer);
}

}  // namespace starminer::engine::cometbft
