// The table of all fields of a job file. The parser, the flags, the published JSON Schema and the templates' check all
// read it. Internal to src/client/job_file.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "client/job_file/field_types.h"

namespace starminer::client::job_file {

struct Field {
  /// "gpus" of group "resources" is "resources.gpus".
  std::string path;
  /// "--gpus"; empty for a field without a flag.
  std::string flag;
  /// Heading in the help of the flags.
  std::string heading;
  /// A sentence with a full stop.
  std::string help;
  FieldType type;
  /// How to give it, where it must be given; empty for optional fields.
  std::string missing_hint{};

  /// "resources", or empty.
  [[nodiscard]] std::string_view group() const;
  /// "gpus".
  [[nodiscard]] std::string_view key() const;
};

/// In the order of the documentation. Built once.
[[nodiscard]] std::span<const Field> job_fields();
[[nodiscard]] const Field* find_field(std::string_view path);

struct FieldGroup {
  std::string name;
  std::string help;
};
[[nodiscard]] std::span<const FieldGroup> job_field_groups();

}  // namespace starminer::client::job_file
