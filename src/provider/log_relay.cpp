#include "provider/log_relay.h"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starminer::provider {
namespace {

constexpr std::string_view kProgressPrefix = "@progress ";
constexpr std::size_t kChunkBytes = 256U << 10U;
constexpr std::size_t kLineMax = 4096;
constexpr std::size_t kTextMax = 200;
constexpr auto kTimeout = std::chrono::milliseconds(10'000);
constexpr auto kLeftAlone = std::chrono::seconds(2);

// The offset that the node expects, from the members of its conflict answer.
std::optional<std::uint64_t> expected_offset(const client::ApiError& error) {
  for (const auto& [name, text] : error.members) {
    if (name != "expected") continue;
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec == std::errc{}) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProgressLine> parse_progress(std::string_view line) {
  if (!line.starts_with(kProgressPrefix) || line.size() > kLineMax) return std::nullopt;
  const nlohmann::json document = nlohmann::json::parse(line.substr(kProgressPrefix.size()), nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto number = [&document](const char* name) -> std::optional<std::uint64_t> {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  const auto text = [&document](const char* name) {
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? found->get<std::string>().substr(0, kTextMax)
                                                         : std::string();
  };
  const auto done = number("done"), total = number("total");
  if (!done || !total) return std::nullopt;
  return ProgressLine{*done, *total, text("unit"), text("note")};
}

LogRelay::LogRelay(std::string_view urls, const SigningKey& key, const ContractId& contract,
                   std::filesystem::path job_directory)
    : contract_(contract.text()), job_directory_(std::move(job_directory)) {
  for (const std::string& url : client::split_urls(urls)) {
    if (auto node = client::Api::connect(url, key, {.timeout = kTimeout})) readers_.push_back({std::move(*node)});
  }
}

void LogRelay::push(std::uint64_t run_ms) {
  scan_for_progress();
  const nlohmann::json progress = {{"run_ms", run_ms},
                                   {"done", progress_.done},
                                   {"total", progress_.total},
                                   {"unit", progress_.unit},
                                   {"note", progress_.note}};
  for (Reader& reader : readers_) {
    if (std::chrono::steady_clock::now() >= reader.left_alone_until) push_to(reader, progress);
  }
}

void LogRelay::finish(std::uint64_t run_ms) {
  for (Reader& reader : readers_) reader.left_alone_until = {};
  push(run_ms);
}

void LogRelay::push_to(Reader& reader, const nlohmann::json& progress) {
  bool there = push_stream(reader, sandbox::LogStream::StandardOutput, "stdout", reader.output_offset) &&
               push_stream(reader, sandbox::LogStream::StandardError, "stderr", reader.error_offset);
  std::string text = progress.dump();
  if (there && text != reader.last_sent) {
    const auto sent = reader.node->post(fmt::format("/v1/contracts/{}/progress", contract_), progress);
    if (sent) reader.last_sent = std::move(text);
    there = sent || !sent.error().is_transient();
  }
  if (!there) reader.left_alone_until = std::chrono::steady_clock::now() + kLeftAlone;
}

bool LogRelay::push_stream(Reader& reader, sandbox::LogStream stream, const char* name, std::uint64_t& offset) {
  for (;;) {
    const auto chunk = sandbox::read_job_log(job_directory_, stream, offset, kChunkBytes);
    if (!chunk || chunk->bytes.empty()) return true;
    const std::string target = fmt::format("/v1/contracts/{}/logs?stream={}&offset={}", contract_, name, offset);
    const auto sent = reader.node->post_bytes(target, chunk->bytes);
    if (sent) {
      offset = chunk->next_offset;
      continue;
    }
    const auto expected = expected_offset(sent.error());
    if (!expected || *expected == offset) return !sent.error().is_transient();
    offset = *expected;
  }
}

void LogRelay::scan_for_progress() {
  for (;;) {
    const auto chunk =
        sandbox::read_job_log(job_directory_, sandbox::LogStream::StandardOutput, scan_offset_, kChunkBytes);
    if (!chunk || chunk->bytes.empty()) return;
    scan_offset_ = chunk->next_offset;
    for (const char c : chunk->bytes) {
      if (c != '\n') {
        if (partial_line_.size() <= kLineMax) partial_line_.push_back(c);
        continue;
      }
      if (auto line = parse_progress(partial_line_)) progress_ = std::move(*line);
      partial_line_.clear();
    }
  }
}

}  // namespace starminer::provider
