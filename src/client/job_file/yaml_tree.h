// A YAML document as a tree in which every value knows its line and column. The subset of YAML that a job file needs:
// no anchors, aliases, tags, duplicate keys or second documents; depth and size are bounded while reading, so that a
// hostile file costs no more than a large one. Internal to src/client/job_file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/job_file/job_file.h"

namespace starminer::client::job_file {

struct Place {
  /// 1-based; 0 if the value comes from a flag.
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  /// "--gpus" if the value comes from a flag.
  std::string flag{};
};

/// Plain scalars have the types of the YAML 1.2 core schema, as JSON Schema tools see them; quoted ones are strings.
enum class YamlType : std::uint8_t { Null, Boolean, Integer, Float, String, List, Map };

struct YamlNode {
  YamlType type = YamlType::Null;
  /// Of a scalar, as it is written.
  std::string text{};
  std::vector<YamlNode> items{};
  /// Keys of a map, in step with `items`.
  std::vector<std::string> keys{};
  std::vector<Place> key_places{};
  Place place{};

  /// The value of a key, or null.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

/// What a type is called in messages: "a whole number".
[[nodiscard]] std::string_view type_text(YamlType type);

/// An empty document is an empty map. Problems are appended; the tree is usable where only duplicates were found.
[[nodiscard]] YamlNode read_yaml(std::string_view text, std::string_view file_name, std::vector<Problem>& problems);

}  // namespace starminer::client::job_file
