#include "terminal/format.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

namespace starminer::terminal {
namespace {

constexpr std::uint64_t kTokenUnit = 1'000'000'000;
constexpr int kTokenDigits = 9;
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;

std::uint64_t power_of_ten(int exponent) {
  std::uint64_t power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// n / unit rounded half up without overflow near the end of the range.
std::uint64_t round_div(std::uint64_t n, std::uint64_t unit) {
  return n / unit + (n % unit >= unit - n % unit ? 1 : 0);
}

int token_digits(std::uint64_t base) {
  if (base >= 1000 * kTokenUnit) return 2;
  if (base >= 100 * kTokenUnit) return 3;
  if (base >= kTokenUnit / 100) return 4;
  int digits = kTokenDigits;
  for (std::uint64_t n = base; n >= 10'000; n /= 10) --digits;
  return digits;
}

/// One digit after the point below ten of the unit, none above; ".0" is left out.
std::string scaled(std::uint64_t value, std::uint64_t unit, std::string_view name) {
  const std::uint64_t tenths = round_div(value, unit / 10);
  if (tenths >= 1000 || tenths % 10 == 0) return fmt::format("{} {}", round_div(value, unit), name);
  return fmt::format("{}.{} {}", tenths / 10, tenths % 10, name);
}

}  // namespace

std::string human_count(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ' ');
  }
  return text;
}

std::string human_tokens(std::uint64_t base_units) {
  if (base_units == 0) return "0";
  const int digits = token_digits(base_units);
  const std::uint64_t scale = power_of_ten(digits);
  const std::uint64_t rounded = round_div(base_units, power_of_ten(kTokenDigits - digits));
  std::string fraction = fmt::format("{:0{}}", rounded % scale, digits);
  // Beyond four digits a trailing zero is no information; up to four it keeps columns of amounts aligned.
  while (fraction.size() > 4 && fraction.back() == '0') fraction.pop_back();
  return human_count(rounded / scale) + "." + fraction;
}

std::string human_amount(std::uint64_t base_units, std::string_view symbol) {
  return fmt::format("{} {}", human_tokens(base_units), symbol);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  std::uint64_t unit = 1000;
  std::size_t name = 0;
  while (name + 1 < kNames.size() && round_div(bytes, unit) >= 1000) unit *= 1000, ++name;
  return scaled(bytes, unit, kNames[name]);
}

std::string human_memory(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  std::uint64_t unit = 1024;
  std::size_t name = 0;
  while (name + 1 < kNames.size() && bytes / unit >= 1024) unit *= 1024, ++name;
  const std::uint64_t whole = bytes / unit;
  const std::uint64_t tenth = (bytes % unit) / (unit / 1024) * 10 / 1024;
  return tenth == 0 || whole >= 100 ? fmt::format("{} {}", whole, kNames[name])
                                    : fmt::format("{}.{} {}", whole, tenth, kNames[name]);
}

std::string human_duration(std::uint64_t milliseconds) {
  if (milliseconds < kSecond) return fmt::format("{} ms", milliseconds);
  if (milliseconds < 10 * kSecond) {
    const std::uint64_t tenths = milliseconds / 100;
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const auto pair = [milliseconds](std::uint64_t large, std::string_view large_name, std::uint64_t small,
                                   std::string_view small_name) {
    const std::uint64_t rest = milliseconds % large / small;
    const std::string text = fmt::format("{} {}", milliseconds / large, large_name);
    return rest == 0 ? text : fmt::format("{} {} {}", text, rest, small_name);
  };
  if (milliseconds < kMinute) return fmt::format("{} s", milliseconds / kSecond);
  if (milliseconds < kHour) return pair(kMinute, "min", kSecond, "s");
  if (milliseconds < kDay) return pair(kHour, "h", kMinute, "min");
  return pair(kDay, "d", kHour, "h");
}

std::string clock_text(std::uint64_t milliseconds) {
  const std::uint64_t seconds = milliseconds / kSecond;
  if (seconds < 3600) return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string human_percent(std::uint64_t ppm) {
  const std::uint64_t hundredths = round_div(ppm, 100);
  if (hundredths % 100 == 0) return fmt::format("{} %", hundredths / 100);
  if (hundredths % 10 == 0) return fmt::format("{}.{} %", hundredths / 100, hundredths / 10 % 10);
  return fmt::format("{}.{:02} %", hundredths / 100, hundredths % 100);
}

std::string human_time(std::int64_t unix_ms, Zone zone) {
  // Floor, so that times before 1970 (a peer may send any number) still name the second they lie in.
  const std::int64_t remainder = unix_ms % 1000;
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000 - (remainder < 0 ? 1 : 0));
  std::tm parts{};
  const bool ok = zone == Zone::Utc ? gmtime_r(&seconds, &parts) != nullptr : localtime_r(&seconds, &parts) != nullptr;
  std::array<char, 64> buffer{};
  const char* const pattern = zone == Zone::Utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%S %Z";
  const std::size_t length = ok ? std::strftime(buffer.data(), buffer.size(), pattern, &parts) : 0;
  return length == 0 ? fmt::format("{} ms after 1970", unix_ms) : std::string(buffer.data(), length);
}

std::string human_distance(std::int64_t unix_ms, std::int64_t now_ms) {
  const bool past = unix_ms < now_ms;
  const auto distance = past ? static_cast<std::uint64_t>(now_ms) - static_cast<std::uint64_t>(unix_ms)
                             : static_cast<std::uint64_t>(unix_ms) - static_cast<std::uint64_t>(now_ms);
  if (distance < kSecond) return "now";
  const std::string text = human_duration(distance);
  return past ? text + " ago" : "in " + text;
}

}  // namespace starminer::terminal
