// The kinds of values that a field of a job file can have. Each kind pairs how a value is read with how JSON Schema
// describes it, so that parser and published schema come from one line. Internal to src/client/job_file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/job_file/job_file.h"
#include "client/job_file/yaml_tree.h"

namespace starminer::client::job_file {

/// Collects problems while the tree is read.
class Reporter {
 public:
  explicit Reporter(std::string_view file_name) : file_name_(file_name) {}

  void add(const Place& place, std::string_view field, std::string_view text);
  /// Of the whole file: what is missing.
  void add_missing(std::string_view text);
  [[nodiscard]] std::size_t count() const { return problems_.size(); }
  [[nodiscard]] std::vector<Problem>& problems() { return problems_; }
  [[nodiscard]] const std::string& file_name() const { return file_name_; }

 private:
  std::string file_name_;
  std::vector<Problem> problems_;
};

/// What the decoder of one field works with.
struct FieldInput {
  const YamlNode& node;
  std::string_view field;
  Reporter& report;

  void fault(std::string_view text) const { report.add(node.place, field, text); }
};

struct FieldType {
  /// Members of the JSON Schema object of the field, without braces.
  std::string schema;
  std::string placeholder;
  std::vector<std::string> choices{};
  bool is_switch = false;
  /// The flag may be given several times.
  bool is_list = false;
  std::function<void(const FieldInput&, JobFile&)> decode;
};

template <class T>
using Setter = std::function<void(JobFile&, T)>;

struct SizeRange {
  std::uint64_t low;
  std::uint64_t high;
};

/// A regular expression that JSON Schema and the reader share, and what it asks for in words.
struct TextForm {
  std::string pattern;
  std::string says;
};

[[nodiscard]] FieldType text_type(std::string placeholder, const TextForm& form, Setter<std::string> set);
[[nodiscard]] FieldType choice_type(std::vector<std::string> names, Setter<std::size_t> set);
[[nodiscard]] FieldType switch_type(Setter<bool> set);
struct IntegerForm {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t step = 1;
};
[[nodiscard]] FieldType integer_type(IntegerForm form, Setter<std::uint64_t> set);
[[nodiscard]] FieldType size_type(SizeRange range, Setter<std::uint64_t> set);
/// In milliseconds, a multiple of `step_ms`.
struct DurationForm {
  std::uint64_t low_ms = 0;
  std::uint64_t high_ms = 0;
  std::uint64_t step_ms = 1;
};
[[nodiscard]] FieldType duration_type(DurationForm form, Setter<std::chrono::milliseconds> set);
/// Thousandths of a number from 0.001 to `high_milli`.
[[nodiscard]] FieldType milli_type(std::uint32_t high_milli, Setter<std::uint32_t> set);
[[nodiscard]] FieldType percent_type(Setter<std::uint32_t> set);
[[nodiscard]] FieldType amount_type(Setter<Agpu> set);
/// One text or a list of them, each of the same form, at most `count`; the order is kept.
[[nodiscard]] FieldType text_list_type(std::string placeholder, const TextForm& form, std::size_t count,
                                       Setter<std::vector<std::string>> set);
[[nodiscard]] FieldType choice_list_type(std::vector<std::string> names, Setter<std::vector<std::size_t>> set);
/// Checks an item further than its form can; returns the fault.
using ItemCheck = std::function<std::optional<std::string>(const std::string&)>;
[[nodiscard]] FieldType checked_list_type(std::string placeholder, const TextForm& form, std::size_t count,
                                          ItemCheck check, Setter<std::vector<std::string>> set);
/// "2026-10-01T12:00:00Z" or a duration from submission on.
[[nodiscard]] FieldType deadline_type();
[[nodiscard]] FieldType command_type();
[[nodiscard]] FieldType environment_type();
[[nodiscard]] FieldType inputs_type();

/// The text as a JSON string.
[[nodiscard]] std::string json_text(std::string_view text);

}  // namespace starminer::client::job_file
