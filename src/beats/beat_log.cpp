#include "beats/beat_log.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "signing/request.h"

namespace starminer::beats {
namespace {

using nlohmann::json;

constexpr char kSeparator = '\t';

bool is_one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 32; });
}

/// Takes the text up to the next separator; nothing where there is none.
std::optional<std::string_view> take_field(std::string_view& line) {
  const std::size_t end = line.find(kSeparator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end + 1);
  return field;
}

}  // namespace

Result<BeatBody, std::string> parse_beat_body(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(std::string("the body is no JSON object"));
  BeatBody body;
  const auto nodes = document.find("nodes");
  if (nodes == document.end() || !nodes->is_array()) return fail(std::string("the body has no list \"nodes\""));
  for (const json& item : *nodes) {
    const auto id = item.is_string() ? NodeId::parse(item.get_ref<const std::string&>()) : std::nullopt;
    if (!id) return fail(std::string("\"nodes\" holds something that is no node id"));
    body.nodes.push_back(*id);
  }
  const auto trip = document.find("round_trip_ms");
  if (trip == document.end() || trip->is_null()) return body;
  if (!trip->is_number_unsigned() || trip->get<std::uint64_t>() > kRoundTripMaxMs) {
    return fail(fmt::format("\"round_trip_ms\" is no whole number up to {}", kRoundTripMaxMs));
  }
  body.round_trip_ms = trip->get<std::uint32_t>();
  return body;
}

std::optional<std::string> format_beat(TimeMs received, std::string_view authorization, std::string_view body) {
  if (!is_one_line(authorization) || !is_one_line(body)) return std::nullopt;
  return fmt::format("{}{}{}{}{}\n", received.ms, kSeparator, authorization, kSeparator, body);
}

Result<Beat, std::string> read_beat(std::string_view line) {
  const auto time = take_field(line);
  const auto authorization = time ? take_field(line) : std::nullopt;
  if (!authorization) return fail(std::string("it has not three fields"));
  Beat beat;
  const auto [end, fault] = std::from_chars(time->data(), time->data() + time->size(), beat.received.ms);
  if (fault != std::errc() || end != time->data() + time->size()) return fail(std::string("its time is no number"));
  const auto signature = signing::parse_authorization(*authorization);
  if (!signature || !signature->body) return fail(std::string("its signature is malformed"));
  if (*signature->body != sha256(line)) return fail(std::string("its body is not the one that was signed"));
  if (signing::verify_request(*signature, "POST", kBeatTarget) != SignatureFault::None) {
    return fail(std::string("its signature is wrong"));
  }
  auto body = parse_beat_body(line);
  if (!body) return fail(std::move(body.error()));
  beat.provider = signature->account();
  beat.nonce = signature->nonce;
  beat.body = std::move(*body);
  return beat;
}

std::uint32_t quantile(std::vector<std::uint32_t> values, std::uint32_t percent) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[(values.size() * percent + 99) / 100 - 1];
}

Result<std::map<NodeId, Figures>, std::string> count_beats(std::string_view file, const Window& window) {
  struct Heard {
    std::uint32_t beats = 0;
    std::vector<std::uint32_t> trips;
  };
  std::map<NodeId, Heard> heard;
  std::set<std::pair<AccountId, std::string>> seen;
  for (std::size_t number = 1; !file.empty(); ++number) {
    const std::size_t end = file.find('\n');
    if (end == std::string_view::npos) return fail(fmt::format("line {} has no end", number));
    const auto beat = read_beat(file.substr(0, end));
    file.remove_prefix(end + 1);
    if (!beat) return fail(fmt::format("line {}: {}", number, beat.error()));
    if (!seen.emplace(beat->provider, beat->nonce).second) {
      return fail(fmt::format("line {}: this beat stands in the file already", number));
    }
    const std::set<NodeId> nodes(beat->body.nodes.begin(), beat->body.nodes.end());
    for (const NodeId& node : nodes) {
      const auto owner = window.find(node);
      if (owner == window.end() || owner->second != beat->provider) continue;
      Heard& counted = heard[node];
      ++counted.beats;
      if (beat->body.round_trip_ms) counted.trips.push_back(*beat->body.round_trip_ms);
    }
  }
  std::map<NodeId, Figures> figures;
  for (const auto& [node, counted] : heard) {
    figures[node] = {counted.beats, quantile(counted.trips, 50), quantile(counted.trips, 90),
                     quantile(counted.trips, 99)};
  }
  return figures;
}

}  // namespace starminer::beats
