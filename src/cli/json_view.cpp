#include "cli/json_view.h"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "terminal/format.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using nlohmann::json;

const json kNull;
const json kNoItems = json::array();
constexpr std::uint64_t kMillion = 1'000'000;

}  // namespace

const json& member(const json& object, std::string_view name) {
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

const json& list_of(const json& object, std::string_view name) {
  const json& found = member(object, name);
  return found.is_array() ? found : kNoItems;
}

bool has(const json& object, std::string_view name) { return !member(object, name).is_null(); }

std::string text_of(const json& object, std::string_view name) {
  const json& found = member(object, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

std::string shown(const json& object, std::string_view name) { return terminal::sanitize_line(text_of(object, name)); }

std::optional<std::uint64_t> find_number(const json& object, std::string_view name) {
  const json& found = member(object, name);
  if (found.is_number_unsigned()) return found.get<std::uint64_t>();
  // Numbers that were not parsed from text may be signed.
  if (found.is_number_integer() && found.get<std::int64_t>() >= 0) return found.get<std::uint64_t>();
  if (!found.is_string()) return std::nullopt;
  const auto& text = found.get_ref<const std::string&>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::uint64_t number_of(const json& object, std::string_view name) { return find_number(object, name).value_or(0); }

bool flag_of(const json& object, std::string_view name) {
  const json& found = member(object, name);
  return found.is_boolean() && found.get<bool>();
}

std::string agpu(std::uint64_t base_units) { return terminal::human_amount(base_units, "AGPU"); }

std::string agpu_of(const json& object, std::string_view name) { return agpu(number_of(object, name)); }

std::string tokens_of(const json& object, std::string_view name) {
  return terminal::human_tokens(number_of(object, name));
}

std::string factor_text(std::uint64_t ppm) {
  std::string text = fmt::format("{}.{:06}", ppm / kMillion, ppm % kMillion);
  while (text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();
  return text;
}

std::string compact(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string pretty(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace); }

}  // namespace starminer::cli
