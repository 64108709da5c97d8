#include "client/job_file/manifest.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/arithmetic.h"
#include "client/job_file/limits.h"
#include "client/job_file/paths.h"
#include "client/job_file/utf8.h"
#include "protocol/operation/limits.h"

namespace starminer::client::job_file {
namespace {

// nlohmann's default object is ordered by key, which is RFC 8785's order for the ASCII keys used here.
using Json = nlohmann::json;
using Code = ManifestErrorCode;

constexpr std::uint64_t kVersion = 1;
constexpr int kDepthLimit = 3;
constexpr std::array<std::string_view, 4> kKinds = {"training", "inference", "rendering", "simulation"};

auto error(Code code, std::string text) { return fail(ManifestError{code, std::move(text)}); }

bool is_token(std::string_view text, std::size_t most, std::string_view more) {
  if (text.empty() || text.size() > most) return false;
  const auto allowed = [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  };
  return std::all_of(text.begin(), text.end(), allowed) && more.find(text.front()) == std::string_view::npos;
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || name.size() > kVariableNameMax || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

/// The first fault of a manifest's values: what both making and parsing hold to.
std::optional<ManifestError> fault_of_command(const Manifest& manifest) {
  if (manifest.command.empty() || manifest.command.size() > kArgumentsMax || manifest.command.front().empty()) {
    return ManifestError{Code::OutOfRange, fmt::format("command: 1 to {} words, the first not empty", kArgumentsMax)};
  }
  std::size_t bytes = 0;
  for (const std::string& word : manifest.command) {
    bytes += word.size() + 1;
    if (word.size() > kArgumentBytesMax || find_bad_text(word))
      return ManifestError{Code::OutOfRange, "command: a word is too long or has control characters"};
  }
  if (bytes > kCommandBytesMax) return ManifestError{Code::OutOfRange, "command: too many bytes"};
  bytes = 0;
  for (const auto& [name, value] : manifest.env) {
    bytes += name.size() + value.size() + 2;
    if (!is_variable_name(name))
      return ManifestError{Code::OutOfRange, "env: a name is not made of letters, digits and _"};
    if (value.size() > kVariableBytesMax || find_bad_text(value))
      return ManifestError{Code::OutOfRange, "env: a value is too long or has control characters"};
  }
  if (manifest.env.size() > kVariablesMax || bytes > kCommandBytesMax)
    return ManifestError{Code::OutOfRange, "env: too many variables or bytes"};
  return std::nullopt;
}

std::optional<ManifestError> fault_of_files(const Manifest& manifest) {
  if (manifest.inputs.size() > protocol::kJobInputsMax) {
    return ManifestError{Code::OutOfRange, fmt::format("inputs: {} files, at most {}; pack them into an archive",
                                                       manifest.inputs.size(), protocol::kJobInputsMax)};
  }
  std::uint64_t total = 0;
  const ManifestInput* previous = nullptr;
  for (const ManifestInput& input : manifest.inputs) {
    if (const auto fault = path_fault(input.path)) return ManifestError{Code::BadPath, "inputs: " + *fault};
    if (previous != nullptr && !(previous->path < input.path))
      return ManifestError{Code::BadPath, "inputs: not sorted by path, or one path twice"};
    total = saturating_add(total, input.size);
    previous = &input;
  }
  for (const ManifestInput& folder : manifest.inputs) {
    for (const ManifestInput& file : manifest.inputs) {
      if (file.path.starts_with(folder.path + "/"))
        return ManifestError{Code::BadPath, "inputs: one path is a folder of another"};
    }
  }
  if (total > protocol::kInputBytesMax) return ManifestError{Code::OutOfRange, "inputs: too many bytes"};
  if (manifest.outputs.size() > kOutputsMax)
    return ManifestError{Code::OutOfRange, fmt::format("outputs: at most {}", kOutputsMax)};
  for (const std::string& output : manifest.outputs) {
    if (const auto fault = path_fault(output)) return ManifestError{Code::BadPath, "outputs: " + *fault};
  }
  return std::nullopt;
}

std::optional<ManifestError> fault_of_limits(const ManifestLimits& limits) {
  struct Row {
    std::string_view name;
    std::uint64_t value;
    std::uint64_t low;
    std::uint64_t high;
  };
  const std::array<Row, 7> rows = {Row{"cpus_milli", limits.cpus_milli, 1, protocol::kJobCpuMilliMax},
                                   Row{"memory_bytes", limits.memory_bytes, 1, protocol::kRamBytesMax},
                                   Row{"disk_bytes", limits.disk_bytes, 1, protocol::kDiskBytesMax},
                                   Row{"output_bytes", limits.output_bytes, 1, kOutputBytesMax},
                                   Row{"pids", limits.pids, 1, kProcessesMax},
                                   Row{"wall_s", limits.wall_s, protocol::kJobSecondsMin, protocol::kJobSecondsMax},
                                   Row{"log_bytes", limits.log_bytes, 1, kLogBytesMax}};
  for (const Row& row : rows) {
    if (row.value >= row.low && row.value <= row.high) continue;
    return ManifestError{Code::OutOfRange,
                         fmt::format("limits.{} is {}; allowed {} to {}", row.name, row.value, row.low, row.high)};
  }
  return std::nullopt;
}

std::optional<ManifestError> fault_of(const Manifest& manifest) {
  if (!is_token(manifest.name, kNameMax, "._-"))
    return ManifestError{Code::OutOfRange,
                         "name: 1 to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a letter or digit"};
  if (!is_token(manifest.runtime, protocol::kRuntimeNameMax, "._/:+-"))
    return ManifestError{Code::OutOfRange, "runtime: not the name of a runtime"};
  if (auto fault = fault_of_command(manifest)) return fault;
  if (auto fault = fault_of_files(manifest)) return fault;
  return fault_of_limits(manifest.limits);
}

/// Reads members of one object and checks that there are no others.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  std::string text(const char* key) {
    const Json* const value = member(key);
    if (value == nullptr) return {};
    if (const auto* text = value->get_ptr<const Json::string_t*>()) return *text;
    set(Code::WrongType, key, "must be a string");
    return {};
  }

  std::uint64_t number(const char* key, std::uint64_t high) {
    const Json* const value = member(key);
    if (value == nullptr) return 0;
    const auto* number = value->get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr) {
      set(Code::WrongType, key, "must be a whole number, not negative");
      return 0;
    }
    if (*number > high) set(Code::OutOfRange, key, fmt::format("must be at most {}", high));
    return *number;
  }

  const Json* array(const char* key, std::size_t most) {
    const Json* const value = member(key);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return set(Code::WrongType, key, "must be an array"), nullptr;
    if (value->size() > most) return set(Code::OutOfRange, key, fmt::format("has more than {} items", most)), nullptr;
    return value;
  }

  const Json* object(const char* key) {
    const Json* const value = member(key);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) return set(Code::WrongType, key, "must be an object"), nullptr;
    return value;
  }

  std::vector<std::string> texts(const char* key, std::size_t most) {
    std::vector<std::string> all;
    const Json* const list = array(key, most);
    if (list == nullptr) return all;
    for (const Json& item : *list) {
      const auto* text = item.get_ptr<const Json::string_t*>();
      if (text == nullptr) {
        set(Code::WrongType, key, "must hold strings");
        return {};
      }
      all.push_back(*text);
    }
    return all;
  }

  void set(Code code, std::string_view key, std::string_view text) {
    if (!fault_) fault_ = ManifestError{code, fmt::format("{}{}: {}", path_, key, text)};
  }

  /// The first fault; an unknown member counts last.
  std::optional<ManifestError> finish() {
    if (!fault_ && read_ != json_.size())
      fault_ = ManifestError{
          Code::UnknownField,
          (path_.empty() ? std::string("the document") : path_.substr(0, path_.size() - 1)) + " has an unknown field"};
    return fault_;
  }

 private:
  const Json* member(const char* key) {
    const auto found = json_.find(key);
    if (found == json_.end()) {
      set(Code::MissingField, key, "is missing");
      return nullptr;
    }
    ++read_;
    return &*found;
  }

  const Json& json_;
  std::string path_;
  std::size_t read_ = 0;
  std::optional<ManifestError> fault_;
};

std::optional<ManifestError> read_inputs(const Json& list, std::vector<ManifestInput>& inputs) {
  for (const Json& item : list) {
    if (!item.is_object()) return ManifestError{Code::WrongType, "inputs: must hold objects"};
    ObjectReader reader(item, "inputs.");
    ManifestInput input;
    input.path = reader.text("path");
    const auto hash = Hash32::from_hex(reader.text("sha256"));
    input.size = reader.number("size", protocol::kInputBytesMax);
    if (!hash) reader.set(Code::WrongType, "sha256", "must be 64 lower-case hexadecimal digits");
    if (auto fault = reader.finish()) return fault;
    input.sha256 = *hash;
    inputs.push_back(std::move(input));
  }
  return std::nullopt;
}

std::optional<ManifestError> read_limits(const Json& json, ManifestLimits& limits) {
  ObjectReader reader(json, "limits.");
  limits.cpus_milli = static_cast<std::uint32_t>(reader.number("cpus_milli", protocol::kJobCpuMilliMax));
  limits.disk_bytes = reader.number("disk_bytes", protocol::kDiskBytesMax);
  limits.log_bytes = reader.number("log_bytes", kLogBytesMax);
  limits.memory_bytes = reader.number("memory_bytes", protocol::kRamBytesMax);
  limits.output_bytes = reader.number("output_bytes", kOutputBytesMax);
  limits.pids = static_cast<std::uint32_t>(reader.number("pids", kProcessesMax));
  limits.wall_s = reader.number("wall_s", protocol::kJobSecondsMax);
  return reader.finish();
}

std::optional<ManifestError> read_root(const Json& json, Manifest& manifest) {
  ObjectReader reader(json, "");
  const std::uint64_t version = reader.number("version", ~std::uint64_t{0});
  if (json.contains("version") && version != kVersion)
    reader.set(Code::UnknownVersion, "version", "this program knows version 1 only");
  manifest.name = reader.text("name");
  manifest.runtime = reader.text("runtime");
  const std::string kind = reader.text("kind");
  const auto* const found = std::find(kKinds.begin(), kKinds.end(), kind);
  if (found == kKinds.end())
    reader.set(Code::OutOfRange, "kind", "must be training, inference, rendering or simulation");
  manifest.kind = static_cast<protocol::JobKind>(found - kKinds.begin());
  manifest.command = reader.texts("command", kArgumentsMax);
  manifest.outputs = reader.texts("outputs", kOutputsMax);
  const Json* const inputs = reader.array("inputs", protocol::kJobInputsMax);
  const Json* const env = reader.object("env");
  const Json* const limits = reader.object("limits");
  if (env != nullptr && env->size() > kVariablesMax) reader.set(Code::OutOfRange, "env", "has too many variables");
  if (auto fault = reader.finish()) return fault;
  for (const auto& [name, value] : env->items()) {
    const auto* text = value.get_ptr<const Json::string_t*>();
    if (text == nullptr) return ManifestError{Code::WrongType, "env: must hold strings"};
    manifest.env.emplace(name, *text);
  }
  if (auto fault = read_inputs(*inputs, manifest.inputs)) return fault;
  return read_limits(*limits, manifest.limits);
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  Json inputs = Json::array();
  for (const ManifestInput& input : manifest.inputs) {
    inputs.push_back({{"path", input.path}, {"sha256", input.sha256.hex()}, {"size", input.size}});
  }
  const ManifestLimits& limits = manifest.limits;
  const Json json = {{"version", kVersion},
                     {"name", manifest.name},
                     {"kind", kKinds[static_cast<std::size_t>(manifest.kind)]},
                     {"runtime", manifest.runtime},
                     {"command", manifest.command},
                     {"env", Json(manifest.env)},
                     {"inputs", std::move(inputs)},
                     {"outputs", manifest.outputs},
                     {"limits",
                      {{"cpus_milli", limits.cpus_milli},
                       {"memory_bytes", limits.memory_bytes},
                       {"disk_bytes", limits.disk_bytes},
                       {"output_bytes", limits.output_bytes},
                       {"pids", limits.pids},
                       {"wall_s", limits.wall_s},
                       {"log_bytes", limits.log_bytes}}}};
  return json.dump();
}

Result<std::string, ManifestError> make_manifest(const JobFile& job, std::vector<ManifestInput> inputs) {
  Manifest manifest;
  manifest.name = job.name;
  manifest.kind = job.kind;
  manifest.runtime = job.runtime;
  manifest.command = job.command;
  manifest.env = job.env;
  manifest.inputs = std::move(inputs);
  std::sort(manifest.inputs.begin(), manifest.inputs.end(),
            [](const ManifestInput& a, const ManifestInput& b) { return a.path < b.path; });
  manifest.outputs = job.outputs;
  manifest.limits = {job.resources.cpu_milli,  job.resources.memory_bytes,
                     job.resources.disk_bytes, job.limits.output_bytes,
                     job.limits.processes,     static_cast<std::uint64_t>(job.time.max.count()),
                     job.limits.log_bytes};
  if (auto fault = fault_of(manifest)) return fail(std::move(*fault));
  std::string bytes = encode_manifest(manifest);
  if (bytes.size() > kManifestBytesMax) return error(Code::TooLarge, "the manifest is larger than 1 MiB");
  return bytes;
}

Result<Manifest, ManifestError> parse_manifest(std::string_view bytes) {
  if (bytes.size() > kManifestBytesMax) return error(Code::TooLarge, "the manifest is larger than 1 MiB");
  bool too_deep = false;
  const auto bound_depth = [&too_deep](int depth, Json::parse_event_t event, Json&) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kDepthLimit) too_deep = true;
    return !too_deep;
  };
  const Json json = Json::parse(bytes, bound_depth, /*allow_exceptions=*/false);
  if (too_deep) return error(Code::WrongType, "nested too deeply");
  if (json.is_discarded()) return error(Code::NotJson, "not JSON");
  if (!json.is_object()) return error(Code::WrongType, "the document must be an object");
  Manifest manifest;
  if (auto fault = read_root(json, manifest)) return fail(std::move(*fault));
  if (auto fault = fault_of(manifest)) return fail(std::move(*fault));
  // Covers key order, white space, escapes, number forms and duplicate keys at once.
  if (encode_manifest(manifest) != bytes) return error(Code::NotCanonical, "not in canonical form (RFC 8785)");
  return manifest;
}

Hash32 manifest_hash(std::string_view bytes) { return sha256(bytes); }

}  // namespace starminer::client::job_file
