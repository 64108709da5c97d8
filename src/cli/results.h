// Results of a contract on this machine: the result manifest and every file are checked against the hashes that stand
// in the contract before they get their names. A file that is there already is not fetched again.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "cli/outcome.h"
#include "client/api.h"

namespace starminer::cli {

struct ResultFile {
  std::string path;
  Hash32 sha256;
  std::uint64_t size = 0;

  bool operator==(const ResultFile&) const = default;
};

struct Results {
  std::filesystem::path folder{};
  /// The job's outputs, in the order of the contract.
  std::vector<ResultFile> outputs{};
  /// What the job printed: stdout.txt and stderr.txt, where it printed anything; of other hosts of a gang
  /// host-RANK-stdout.txt and so on.
  std::vector<ResultFile> logs{};
};

/// What a result manifest says; pure. Fails with Mismatch where it disagrees with the contract or names unsafe paths.
[[nodiscard]] Outcome<Results> read_result_manifest(std::string_view bytes, const nlohmann::json& contract);

/// Where results go whose folder was not named: ./NAME, or NAME-2 and so on where other files lie in the way.
[[nodiscard]] std::filesystem::path free_folder(const std::string& name, const Results& results);

struct FetchRequest {
  const nlohmann::json& contract;
  /// For the folder, where `out` is empty.
  std::string name;
  std::string out;
};

[[nodiscard]] Outcome<Results> fetch_results(const config::Invocation& call, client::Api& api,
                                             const FetchRequest& request);

/// The job's name from its manifest, or its id where that cannot be read.
[[nodiscard]] std::string name_of_job(client::Api& api, const nlohmann::json& job);

[[nodiscard]] Outcome<Hash32> hash_of_file(const std::filesystem::path& file);
/// [{"path","sha256","size"}]
[[nodiscard]] nlohmann::json files_json(const std::vector<ResultFile>& files);

}  // namespace starminer::cli
