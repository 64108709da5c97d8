#include "config/units.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/amount.h"
#include "base/arithmetic.h"

namespace starminer::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::uint64_t kDurationMsMax = std::uint64_t{100} * 366 * 24 * 3600 * 1000;
constexpr std::array<Unit, 20> kDurationUnits = {Unit{"ms", 1},
                                                 Unit{"millisecond", 1},
                                                 Unit{"milliseconds", 1},
                                                 Unit{"s", 1000},
                                                 Unit{"sec", 1000},
                                                 Unit{"second", 1000},
                                                 Unit{"seconds", 1000},
                                                 Unit{"m", 60'000},
                                                 Unit{"min", 60'000},
                                                 Unit{"minute", 60'000},
                                                 Unit{"minutes", 60'000},
                                                 Unit{"h", 3'600'000},
                                                 Unit{"hour", 3'600'000},
                                                 Unit{"hours", 3'600'000},
                                                 Unit{"d", 86'400'000},
                                                 Unit{"day", 86'400'000},
                                                 Unit{"days", 86'400'000},
                                                 Unit{"w", 604'800'000},
                                                 Unit{"week", 604'800'000},
                                                 Unit{"weeks", 604'800'000}};
constexpr std::array<Unit, 12> kSizeUnits = {
    Unit{"B", 1},
    Unit{"kB", 1000},
    Unit{"KB", 1000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"PB", 1'000'000'000'000'000},
    Unit{"KiB", std::uint64_t{1} << 10},
    Unit{"MiB", std::uint64_t{1} << 20},
    Unit{"GiB", std::uint64_t{1} << 30},
    Unit{"TiB", std::uint64_t{1} << 40},
    Unit{"PiB", std::uint64_t{1} << 50},
};

constexpr std::string_view kDurationForm = R"(a number and a unit, such as "90s", "2 min" or "1h30m")";
constexpr std::string_view kSizeForm = R"(a number and a unit, such as "2 GiB" or "512 MB")";

// Long enough for every sensible value; keeps messages about hostile input short.
constexpr std::size_t kQuotedMax = 40;
constexpr std::size_t kHostMax = 253;

std::string quoted(std::string_view text) {
  return text.size() <= kQuotedMax ? fmt::format("\"{}\"", text) : fmt::format("\"{}...\"", text.substr(0, kQuotedMax));
}

auto malformed(std::string_view text, std::string_view what, std::string_view form) {
  return fail(UnitError{UnitErrorCode::Malformed, fmt::format("{} is not {}: expected {}", quoted(text), what, form)});
}

auto out_of_range(std::string_view text, std::string_view limit) {
  return fail(UnitError{UnitErrorCode::OutOfRange, fmt::format("{} is too large: {}", quoted(text), limit)});
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// A decimal number as digits and a scale: "1.50" is 150 with two digits after the point.
struct Decimal {
  std::uint64_t digits = 0;
  std::uint64_t scale = 1;
};

enum class DecimalFault : std::uint8_t { None, Malformed, TooLong };

struct DecimalRead {
  Decimal value;
  DecimalFault fault = DecimalFault::None;
};

/// Takes the decimal number at the front of `rest`. At most 18 digits, so that the scale fits.
DecimalRead take_decimal(std::string_view& rest) {
  constexpr std::size_t kDigitsMax = 18;
  DecimalRead read;
  std::size_t digits = 0;
  std::size_t at = 0;
  const auto take_digits = [&](bool after_point) {
    const std::size_t start = at;
    for (; at < rest.size() && is_digit(rest[at]); ++at) {
      if (read.value.digits != 0 || rest[at] != '0' || after_point) ++digits;
      if (digits > kDigitsMax) {
        read.fault = DecimalFault::TooLong;
        continue;
      }
      read.value.digits = read.value.digits * 10 + static_cast<std::uint64_t>(rest[at] - '0');
      if (after_point) read.value.scale *= 10;
    }
    return at > start;
  };
  bool complete = take_digits(false);
  if (complete && at < rest.size() && rest[at] == '.') {
    ++at;
    complete = take_digits(true);
  }
  if (!complete) read.fault = DecimalFault::Malformed;
  rest.remove_prefix(at);
  return read;
}

std::string_view take_word(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && std::isalpha(static_cast<unsigned char>(rest[at])) != 0) ++at;
  const std::string_view word = rest.substr(0, at);
  rest.remove_prefix(at);
  return word;
}

template <std::size_t kCount>
const Unit* find_unit(std::string_view name, const std::array<Unit, kCount>& units) {
  const auto* const found = std::find_if(units.begin(), units.end(), [name](const Unit& u) { return u.name == name; });
  return found == units.end() ? nullptr : found;
}

/// Up to `digits` digits after the point, in units of 10^-digits.
UnitResult<std::uint64_t> parse_scaled(std::string_view text, std::size_t digits, std::string_view what,
                                       std::string_view form) {
  std::string_view rest = text;
  const std::size_t point = text.find('.');
  const DecimalRead read = take_decimal(rest);
  if (read.fault == DecimalFault::Malformed || !rest.empty()) return malformed(text, what, form);
  if (point != std::string_view::npos && text.size() - point - 1 > digits) {
    return fail(UnitError{UnitErrorCode::TooPrecise,
                          fmt::format("{} has more than {} digits after the point", quoted(text), digits)});
  }
  std::uint64_t factor = 1;
  for (std::size_t i = 0; i < digits; ++i) factor *= 10;
  const auto scaled = read.fault == DecimalFault::TooLong
                          ? std::nullopt
                          : mul_div(read.value.digits, factor, read.value.scale, Rounding::Floor);
  if (!scaled) return out_of_range(text, "no such value is meant to exist");
  return *scaled;
}

/// A decimal without trailing zeros.
std::string format_scaled(std::uint64_t value, std::uint64_t scale, int digits) {
  std::string text = fmt::format("{}.{:0{}}", value / scale, value % scale, digits);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > kHostMax) return false;
  const bool only_numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  in_addr address{};
  if (only_numeric) return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c == '-' && label > 0);
    if (!letter || ++label > 63) return false;
  }
  return label > 0 && host.back() != '-';
}

}  // namespace

UnitResult<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = trimmed(text);
  std::uint64_t total = 0;
  std::uint64_t previous_unit = ~std::uint64_t{0};
  if (rest.empty()) return malformed(text, "a duration", kDurationForm);
  while (!rest.empty()) {
    const DecimalRead read = take_decimal(rest);
    if (read.fault == DecimalFault::Malformed) return malformed(text, "a duration", kDurationForm);
    rest = trimmed(rest);
    const std::string_view name = take_word(rest);
    rest = trimmed(rest);
    if (name.empty()) {
      return fail(UnitError{UnitErrorCode::UnitMissing,
                            fmt::format("{} has no unit of time: expected {}", quoted(text), kDurationForm)});
    }
    const Unit* const unit = find_unit(name, kDurationUnits);
    if (unit == nullptr) {
      return fail(UnitError{UnitErrorCode::UnitUnknown,
                            fmt::format("{} is no unit of time: use ms, s, min, h, d or w", quoted(name))});
    }
    if (unit->size >= previous_unit) return malformed(text, "a duration", "units from large to small, each once");
    previous_unit = unit->size;
    const auto part = read.fault == DecimalFault::TooLong
                          ? std::nullopt
                          : mul_div(read.value.digits, unit->size, read.value.scale, Rounding::Floor);
    const auto sum = part ? checked_add(total, *part) : std::nullopt;
    if (!sum || *sum > kDurationMsMax) return out_of_range(text, "at most 100 years");
    const auto exact = mul_div(*part, read.value.scale, unit->size, Rounding::Floor);
    if (exact != read.value.digits) {
      return fail(UnitError{UnitErrorCode::TooPrecise, fmt::format("{} is finer than a millisecond", quoted(text))});
    }
    total = *sum;
  }
  return std::chrono::milliseconds(total);
}

std::string format_duration(std::chrono::milliseconds duration) {
  constexpr std::array<Unit, 5> kParts = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                          Unit{"s", 1000}, Unit{"ms", 1}};
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
  std::string text;
  for (const Unit& part : kParts) {
    if (rest >= part.size) text += fmt::format("{}{}", rest / part.size, part.name);
    rest %= part.size;
  }
  return text.empty() ? "0s" : text;
}

UnitResult<ByteSize> parse_size(std::string_view text) {
  std::string_view rest = trimmed(text);
  const DecimalRead read = take_decimal(rest);
  if (read.fault == DecimalFault::Malformed) return malformed(text, "a size", kSizeForm);
  rest = trimmed(rest);
  if (rest.empty()) {
    return fail(UnitError{UnitErrorCode::UnitMissing,
                          fmt::format("{} has no unit of size: expected {}", quoted(text), kSizeForm)});
  }
  const Unit* const unit = find_unit(rest, kSizeUnits);
  if (unit == nullptr) {
    return fail(
        UnitError{UnitErrorCode::UnitUnknown,
                  fmt::format("{} is no unit of size: use B, KiB, MiB, GiB, TiB or kB, MB, GB, TB", quoted(rest))});
  }
  const auto bytes = read.fault == DecimalFault::TooLong
                         ? std::nullopt
                         : mul_div(read.value.digits, unit->size, read.value.scale, Rounding::Floor);
  if (!bytes) return out_of_range(text, "at most 16383 PiB");
  return ByteSize{*bytes};
}

std::string format_size(ByteSize size) {
  const Unit* best = kSizeUnits.data();
  for (const Unit& unit : kSizeUnits) {
    // Binary units come last and win over equal decimal ones only where they are larger.
    if (size.bytes > 0 && size.bytes % unit.size == 0 && unit.size > best->size) best = &unit;
  }
  return fmt::format("{} {}", size.bytes / best->size, best->name);
}

UnitResult<std::uint64_t> parse_token_amount(std::string_view text, std::string_view symbol) {
  std::string_view rest = trimmed(text);
  const std::size_t number_end = std::min(rest.find_first_not_of("0123456789."), rest.size());
  const std::string_view number = rest.substr(0, number_end);
  const std::string_view unit = trimmed(rest.substr(number_end));
  const std::string form = fmt::format("\"1.5 {}\"", symbol);
  if (!rest.empty() && rest.front() == '-') {
    return fail(UnitError{UnitErrorCode::OutOfRange, fmt::format("{} is negative: an amount cannot be", quoted(text))});
  }
  if (number.empty()) return malformed(text, "an amount", form);
  if (unit.empty()) {
    return fail(UnitError{UnitErrorCode::UnitMissing,
                          fmt::format("{} does not name the token: expected {}", quoted(text), form)});
  }
  if (unit != symbol) {
    return fail(
        UnitError{UnitErrorCode::UnitUnknown, fmt::format("{} is not {}: expected {}", quoted(unit), symbol, form)});
  }
  const std::size_t point = number.find('.');
  if (point != std::string_view::npos && number.size() - point - 1 > 9) {
    return fail(
        UnitError{UnitErrorCode::TooPrecise, fmt::format("{} has more than 9 digits after the point", quoted(text))});
  }
  if (const auto base = parse_tokens(number)) return *base;
  std::string_view number_rest = number;
  if (take_decimal(number_rest).fault == DecimalFault::Malformed || !number_rest.empty()) {
    return malformed(text, "an amount", form);
  }
  return out_of_range(text, fmt::format("the largest amount is {}", format_token_amount(kAmountMax, symbol)));
}

std::string format_token_amount(std::uint64_t base_units, std::string_view symbol) {
  return fmt::format("{} {}", format_scaled(base_units, kBasePerToken, 9), symbol);
}

UnitResult<std::uint32_t> parse_percent(std::string_view text) {
  constexpr std::string_view kForm = R"(a percentage such as "25 %" or "0.5 %")";
  std::string_view rest = trimmed(text);
  if (rest.empty() || rest.back() != '%') {
    return fail(UnitError{UnitErrorCode::UnitMissing, fmt::format("{} has no %: expected {}", quoted(text), kForm)});
  }
  rest.remove_suffix(1);
  const auto ppm = parse_scaled(trimmed(rest), 4, "a percentage", kForm);
  if (!ppm) return fail(ppm.error());
  if (*ppm > kPpm) return out_of_range(text, "at most 100 %");
  return static_cast<std::uint32_t>(*ppm);
}

std::string format_percent(std::uint32_t ppm) { return format_scaled(ppm, 10'000, 4) + " %"; }

UnitResult<std::uint32_t> parse_milli(std::string_view text) {
  const auto milli = parse_scaled(trimmed(text), 3, "a number", R"(a number such as "4" or "1.5")");
  if (!milli) return fail(milli.error());
  if (*milli > 0xffff'ffffU) return out_of_range(text, "at most 4294967");
  return static_cast<std::uint32_t>(*milli);
}

std::string format_milli(std::uint32_t milli) { return format_scaled(milli, 1000, 3); }

UnitResult<std::uint64_t> parse_whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return out_of_range(text, "at most 18446744073709551615");
  if (error != std::errc() || end != text.data() + text.size()) {
    return malformed(text, "a whole number", "digits only, such as 8");
  }
  return value;
}

UnitResult<HostPort> parse_host_port(std::string_view text) {
  constexpr std::string_view kForm =
      R"(host and port, such as "127.0.0.1:8545", "[::1]:8545" or "node.example.org:443")";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, "an address", kForm);
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) return malformed(text, "an address", kForm);
  } else if (!is_host(host)) {
    return malformed(text, "an address", kForm);
  }
  const auto port = parse_whole(port_text);
  if (!port || port_text.size() > 5 || *port > 65535) {
    return fail(UnitError{UnitErrorCode::OutOfRange,
                          fmt::format("{} has no valid port: expected 0 to 65535 behind the colon", quoted(text))});
  }
  return HostPort{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string format_host_port(const HostPort& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return six ? fmt::format("[{}]:{}", address.host, address.port) : fmt::format("{}:{}", address.host, address.port);
}

}  // namespace starminer::config
