#include "artifacts/record.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace starminer::artifacts {
namespace {

constexpr std::string_view kFirstLine = "starminer-artifact 1\n";
constexpr std::size_t kUploaderBytesMax = 128;

/// Takes the line "name value\n" off the front.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || text.substr(0, name.size()) != name || end <= name.size() ||
      text[name.size()] != ' ') {
    return std::nullopt;
  }
  const std::string_view value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

template <class T>
bool take_number(std::string_view& text, std::string_view name, T& out) {
  const auto value = take_line(text, name);
  if (!value) return false;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), out);
  return error == std::errc() && end == value->data() + value->size() && fmt::format("{}", out) == *value;
}

bool is_plain(char c) { return c > 0x20 && c < 0x7f; }

}  // namespace

std::string format_record(const Record& record) {
  std::string out =
      fmt::format("{}size {}\ncreated_ms {}\ntime_ms {}\n", kFirstLine, record.size, record.created_ms, record.time_ms);
  for (const std::string& uploader : record.uploaders) out += fmt::format("uploader {}\n", uploader);
  out += "end .\n";
  return out;
}

std::optional<Record> parse_record(std::string_view text) {
  if (text.substr(0, kFirstLine.size()) != kFirstLine) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  Record record;
  if (!take_number(text, "size", record.size) || !take_number(text, "created_ms", record.created_ms) ||
      !take_number(text, "time_ms", record.time_ms)) {
    return std::nullopt;
  }
  while (const auto uploader = take_line(text, "uploader")) {
    if (!note_uploader(record, *uploader) || record.uploaders.back() != *uploader) return std::nullopt;
  }
  // The last line shows that the record is whole.
  if (text != "end .\n") return std::nullopt;
  return record;
}

bool note_uploader(Record& record, std::string_view uploader) {
  std::string name;
  std::copy_if(uploader.begin(), uploader.end(), std::back_inserter(name), is_plain);
  name.resize(std::min(name.size(), kUploaderBytesMax));
  auto& known = record.uploaders;
  if (name.empty() || known.size() >= kUploadersMax || std::find(known.begin(), known.end(), name) != known.end()) {
    return false;
  }
  known.push_back(std::move(name));
  return true;
}

}  // namespace starminer::artifacts
