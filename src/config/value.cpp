#include "config/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/nearest.h"

namespace starminer::config {
namespace {

using Texts = std::vector<std::string>;
using Error = std::optional<std::string>;

Error one_text(const Texts& texts) {
  if (texts.size() == 1) return std::nullopt;
  return fmt::format("expected one value, found {}", texts.size());
}

/// A binding over a parser that gives UnitResult and a formatter.
template <class T, class Parse, class Format>
ValueBinding bind_unit(T& target, std::string placeholder, Parse parse, Format format) {
  ValueBinding binding;
  binding.placeholder = std::move(placeholder);
  binding.assign = [&target, parse](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    auto parsed = parse(texts.front());
    if (!parsed) return std::move(parsed.error().text);
    target = std::move(*parsed);
    return std::nullopt;
  };
  binding.show = [&target, format] { return Texts{format(target)}; };
  return binding;
}

}  // namespace

ValueBinding bind(std::string& target) {
  ValueBinding binding;
  binding.placeholder = "TEXT";
  binding.assign = [&target](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    target = texts.front();
    return std::nullopt;
  };
  binding.show = [&target] { return Texts{target}; };
  return binding;
}

ValueBinding bind(bool& target) {
  ValueBinding binding;
  binding.shape = ValueShape::Boolean;
  binding.choices = {"true", "false"};
  binding.assign = [&target](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    const std::string& text = texts.front();
    if (text != "true" && text != "false") return fmt::format("\"{}\" is neither true nor false", text);
    target = text == "true";
    return std::nullopt;
  };
  binding.show = [&target] { return Texts{target ? "true" : "false"}; };
  return binding;
}

ValueBinding bind(std::filesystem::path& target) {
  ValueBinding binding;
  binding.placeholder = "PATH";
  binding.completion = Completion::File;
  binding.assign = [&target](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    if (texts.front().empty()) return "the path is empty";
    target = texts.front();
    return std::nullopt;
  };
  binding.show = [&target] { return Texts{target.string()}; };
  return binding;
}

ValueBinding bind(std::chrono::milliseconds& target) {
  return bind_unit(target, "DURATION", parse_duration, format_duration);
}

ValueBinding bind(ByteSize& target) { return bind_unit(target, "SIZE", parse_size, format_size); }

ValueBinding bind(HostPort& target) { return bind_unit(target, "HOST:PORT", parse_host_port, format_host_port); }

ValueBinding bind(Agpu& target) {
  const auto parse = [](const std::string& text) {
    return parse_token_amount(text, "AGPU").map([](std::uint64_t base) { return Agpu{base}; });
  };
  return bind_unit(target, "AMOUNT", parse, [](Agpu amount) { return format_token_amount(amount.base, "AGPU"); });
}

ValueBinding bind(Ppm& target) {
  const auto parse = [](const std::string& text) {
    return parse_percent(text).map([](std::uint32_t ppm) { return Ppm{ppm}; });
  };
  return bind_unit(target, "PERCENT", parse,
                   [](Ppm ppm) { return format_percent(static_cast<std::uint32_t>(ppm.value)); });
}

ValueBinding bind(std::vector<std::string>& target) {
  ValueBinding binding;
  binding.shape = ValueShape::List;
  binding.placeholder = "TEXT";
  binding.assign = [&target](const Texts& texts) -> Error {
    target = texts;
    return std::nullopt;
  };
  binding.show = [&target] { return target; };
  return binding;
}

ValueBinding bind_integer(std::function<void(std::uint64_t)> set, std::function<std::uint64_t()> get,
                          IntegerRange range) {
  ValueBinding binding;
  binding.shape = ValueShape::Integer;
  binding.placeholder = "N";
  binding.assign = [set = std::move(set), range](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    const auto parsed = parse_whole(texts.front());
    if (!parsed) return parsed.error().text;
    if (*parsed < range.low || *parsed > range.high) {
      return fmt::format("{} is out of range: expected {} to {}", *parsed, range.low, range.high);
    }
    set(*parsed);
    return std::nullopt;
  };
  binding.show = [get = std::move(get)] { return Texts{std::to_string(get())}; };
  return binding;
}

ValueBinding bind_name(std::function<void(std::size_t)> set, std::function<std::size_t()> get, Texts names) {
  ValueBinding binding;
  binding.placeholder = fmt::format("{}", fmt::join(names, "|"));
  binding.choices = names;
  binding.assign = [set = std::move(set), names](const Texts& texts) -> Error {
    if (auto error = one_text(texts)) return error;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == texts.front()) {
        set(i);
        return std::nullopt;
      }
    }
    return fmt::format("\"{}\" is not one of {}{}", texts.front(), fmt::join(names, ", "),
                       did_you_mean(texts.front(), names));
  };
  binding.show = [get = std::move(get), names] { return Texts{names[get()]}; };
  return binding;
}

}  // namespace starminer::config
