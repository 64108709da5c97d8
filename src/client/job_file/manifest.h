// The manifest: the canonical JSON document of what a node is asked to run. Its SHA-256 is the manifest hash on the
// chain, so one meaning has exactly one form: RFC 8785 (sorted keys, no white space) with whole numbers only. A node
// parses manifests of strangers: parse_manifest is total, bounded and strict. Plain values, pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "client/job_file/job_file.h"

namespace starminer::client::job_file {

/// One file that the node fetches by its hash and puts to `path` below /job/in.
struct ManifestInput {
  std::string path;
  Hash32 sha256;
  std::uint64_t size = 0;

  bool operator==(const ManifestInput&) const = default;
};

struct ManifestLimits {
  std::uint32_t cpus_milli = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::uint32_t pids = 0;
  std::uint64_t wall_s = 0;
  std::uint64_t log_bytes = 0;

  bool operator==(const ManifestLimits&) const = default;
};

struct Manifest {
  std::string name;
  protocol::JobKind kind{};
  std::string runtime;
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  /// Sorted by path; no path is a folder of another.
  std::vector<ManifestInput> inputs;
  /// Globs below /job/out, as path_fault allows them; empty: everything there.
  std::vector<std::string> outputs;
  ManifestLimits limits;

  bool operator==(const Manifest&) const = default;
};

enum class ManifestErrorCode : std::uint8_t {
  TooLarge,
  NotJson,
  UnknownField,
  MissingField,
  WrongType,
  OutOfRange,
  BadPath,
  NotCanonical,
  UnknownVersion,
};

struct ManifestError {
  ManifestErrorCode code;
  /// Names the field; never repeats text of the document.
  std::string text;

  bool operator==(const ManifestError&) const = default;
};

/// The document of a job and its input files (in any order). Fails with BadPath where two inputs meet at one path, and
/// OutOfRange where there are too many or they are too large.
[[nodiscard]] Result<std::string, ManifestError> make_manifest(const JobFile& job, std::vector<ManifestInput> inputs);
/// The canonical bytes of a manifest whose parts are within their limits.
[[nodiscard]] std::string encode_manifest(const Manifest& manifest);
/// Any bytes give a manifest or an error; a manifest encodes back to exactly these bytes.
[[nodiscard]] Result<Manifest, ManifestError> parse_manifest(std::string_view bytes);
/// SHA-256 of the bytes, as it stands in JobSpec::manifest_hash.
[[nodiscard]] Hash32 manifest_hash(std::string_view bytes);

}  // namespace starminer::client::job_file
