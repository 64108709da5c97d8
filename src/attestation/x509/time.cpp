#include "attestation/x509/time.h"

#include <algorithm>
#include <array>

namespace starminer::attestation::x509 {
namespace {

struct Civil {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
  std::int64_t hour;
  std::int64_t minute;
  std::int64_t second;
};

constexpr std::int64_t kDaySeconds = 86'400;

bool is_leap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

std::int64_t days_in(std::int64_t year, std::int64_t month) {
  constexpr std::array<std::int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

/// Days of the proleptic Gregorian calendar before 1 January of the year, counted from year 1.
std::int64_t days_before(std::int64_t year) {
  const std::int64_t past = year - 1;
  return past * 365 + past / 4 - past / 100 + past / 400;
}

std::optional<UnixTime> time_of_civil(const Civil& civil) {
  if (civil.year < 1950 || civil.month < 1 || civil.month > 12 || civil.day < 1 ||
      civil.day > days_in(civil.year, civil.month) || civil.hour > 23 || civil.minute > 59 || civil.second > 59) {
    return std::nullopt;
  }
  std::int64_t days = days_before(civil.year) - days_before(1970) + civil.day - 1;
  for (std::int64_t month = 1; month < civil.month; ++month) days += days_in(civil.year, month);
  return UnixTime{days * kDaySeconds + civil.hour * 3600 + civil.minute * 60 + civil.second};
}

/// A number of exactly `count` digits at `at`; -1 if there is none.
std::int64_t digits(std::string_view text, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::string padded(std::int64_t value, std::size_t width) {
  std::string text = std::to_string(value);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text;
}

bool has_only_digits(const Civil& civil) {
  return std::min({civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second}) >= 0;
}

}  // namespace

std::optional<UnixTime> parse_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShape[i] != '0' && text[i] != kShape[i]) return std::nullopt;
  }
  const Civil civil{digits(text, 0, 4),  digits(text, 5, 2),  digits(text, 8, 2),
                    digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)};
  return has_only_digits(civil) ? time_of_civil(civil) : std::nullopt;
}

std::string format_time(UnixTime time) {
  std::int64_t days = time.seconds / kDaySeconds;
  std::int64_t rest = time.seconds % kDaySeconds;
  if (rest < 0) {
    rest += kDaySeconds;
    --days;
  }
  days += days_before(1970);
  std::int64_t year = days / 366 + 1;
  while (days_before(year + 1) <= days) ++year;
  std::int64_t day = days - days_before(year);
  std::int64_t month = 1;
  while (day >= days_in(year, month)) day -= days_in(year, month++);
  return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day + 1, 2) + "T" + padded(rest / 3600, 2) + ":" +
         padded(rest / 60 % 60, 2) + ":" + padded(rest % 60, 2) + "Z";
}

std::optional<UnixTime> time_of(const der::Element& element) {
  const std::string_view text = as_text(element.content);
  const bool utc = element.tag == der::kUtcTime && text.size() == 13;
  const bool generalized = element.tag == der::kGeneralizedTime && text.size() == 15;
  if ((!utc && !generalized) || text.back() != 'Z') return std::nullopt;
  const std::size_t at = utc ? 2 : 4;
  std::int64_t year = digits(text, 0, at);
  if (year < 0) return std::nullopt;
  if (utc) year += year < 50 ? 2000 : 1900;
  const Civil civil{year,
                    digits(text, at, 2),
                    digits(text, at + 2, 2),
                    digits(text, at + 4, 2),
                    digits(text, at + 6, 2),
                    digits(text, at + 8, 2)};
  return has_only_digits(civil) ? time_of_civil(civil) : std::nullopt;
}

std::string time_fault(const Validity& validity, UnixTime time, std::string_view what) {
  if (validity.contains(time)) return {};
  const std::string name(what);
  if (time < validity.not_before) return name + " is valid only from " + format_time(validity.not_before);
  return name + " ran out at " + format_time(validity.not_after);
}

}  // namespace starminer::attestation::x509
