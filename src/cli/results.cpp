#include "cli/results.h"

#include <algorithm>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/json_view.h"
#include "client/job_file/manifest.h"
#include "client/job_file/paths.h"
#include "terminal/format.h"
#include "terminal/progress.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 1U << 20U;
constexpr int kFolderTries = 1000;

Trouble mismatch(std::string why) {
  return {ExitCode::Mismatch,
          {"the results do not match the contract",
           "",
           std::move(why),
           {"do not use them; the acceptance window is still open if the contract is not settled"}}};
}

Outcome<ResultFile> read_entry(const json& entry, std::string path) {
  const auto hash = Hash32::from_hex(text_of(entry, "sha256"));
  const auto size = find_number(entry, "size");
  if (!hash || !size) return fail(mismatch("the result manifest is malformed"));
  return ResultFile{std::move(path), *hash, *size};
}

/// What a host printed; `prefix` tells the hosts of a gang apart.
Outcome<void> add_log(const json& host, const std::string& prefix, const char* stream, Results& results) {
  const json& entry = member(host, stream);
  if (number_of(entry, "size") == 0) return {};
  std::string path = fmt::format("{}{}.txt", prefix, stream);
  const auto taken = [&path](const ResultFile& file) { return file.path == path; };
  while (std::any_of(results.outputs.begin(), results.outputs.end(), taken)) path = "job-" + path;
  auto log = read_entry(entry, std::move(path));
  if (!log) return fail(log.error());
  results.logs.push_back(std::move(*log));
  return {};
}

bool holds(const fs::path& file, const ResultFile& wanted) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(file, error)) || fs::file_size(file, error) != wanted.size) return false;
  const auto hash = hash_of_file(file);
  return hash && *hash == wanted.sha256;
}

/// Nothing of another job lies where these results go.
bool is_free(const fs::path& folder, const Results& results) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(folder, error))) return true;
  if (!fs::is_directory(folder, error)) return false;
  const auto is_in_the_way = [&folder](const ResultFile& file) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(folder / file.path, ignored)) && !holds(folder / file.path, file);
  };
  return std::none_of(results.outputs.begin(), results.outputs.end(), is_in_the_way) &&
         std::none_of(results.logs.begin(), results.logs.end(), is_in_the_way);
}

/// A link in the results' folder must not lead a file out of it.
bool stays_inside(const fs::path& folder, const fs::path& file) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) return false;
  const fs::path parent = fs::canonical(file.parent_path(), error);
  if (error) return false;
  const auto [end, ignored] = std::mismatch(root.begin(), root.end(), parent.begin(), parent.end());
  return end == root.end();
}

class Fetcher {
 public:
  Fetcher(const config::Invocation& call, client::Api& api, std::string contract, const Results& results)
      : api_(api),
        contract_(std::move(contract)),
        folder_(results.folder),
        bar_(call.json ? call.err : call.out, "results", 0, terminal::ProgressUnit::Bytes) {
    std::uint64_t total = 0;
    for (const auto* files : {&results.outputs, &results.logs}) {
      for (const ResultFile& file : *files) total += file.size;
    }
    bar_.set_total(total);
  }

  Outcome<void> fetch(const ResultFile& file) {
    const fs::path target = folder_ / file.path;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (error || !stays_inside(folder_, target)) {
      return fail(local_trouble(
          "the results cannot be saved",
          fmt::format("{}: {}", target.string(), error ? error.message() : "a link leads out of the folder"),
          {"name another folder: --out DIR"}));
    }
    if (!holds(target, file)) {
      if (auto got = download(file, target); !got) return got;
    }
    done_ += file.size;
    bar_.update(done_);
    return {};
  }

  void finish() { bar_.clear(); }

 private:
  Outcome<void> download(const ResultFile& file, const fs::path& target) {
    // Under the name of its hash until it is whole, so that an interrupted download goes on and nothing half stands
    // under the name of a result.
    const fs::path part = folder_ / fmt::format(".{}.part", file.sha256.hex());
    const auto got = api_.download(file.sha256, contract_, part.string(), [this](std::uint64_t now, std::uint64_t) {
      bar_.update(done_ + now);
      return !InterruptScope::asked();
    });
    if (!got) {
      bar_.clear();
      if (got.error().code == "cancelled") {
        return fail(
            Trouble{InterruptScope::code(), {"stopped while fetching results", "", "", {"go on: the same command"}}});
      }
      return fail(trouble_of(got.error()));
    }
    std::error_code error;
    fs::rename(part, target, error);
    if (error)
      return fail(
          local_trouble("the results cannot be saved", fmt::format("{}: {}", target.string(), error.message())));
    return {};
  }

  client::Api& api_;
  std::string contract_;
  fs::path folder_;
  terminal::ProgressBar bar_;
  std::uint64_t done_ = 0;
};

}  // namespace

Outcome<Hash32> hash_of_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(local_trouble(fmt::format("{} cannot be read", file.string())));
  Sha256 hash;
  std::string buffer(kReadBytes, '\0');
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || stream.gcount() > 0) {
    hash.update(std::string_view(buffer.data(), static_cast<std::size_t>(stream.gcount())));
  }
  if (stream.bad()) return fail(local_trouble(fmt::format("{} cannot be read", file.string())));
  return hash.finish();
}

Outcome<Results> read_result_manifest(std::string_view bytes, const json& contract) {
  if (sha256(bytes).hex() != text_of(contract, "result_hash")) {
    return fail(mismatch("the result manifest has another hash than the contract names"));
  }
  const json manifest = json::parse(bytes, nullptr, false);
  if (number_of(manifest, "version") != 1 || text_of(manifest, "contract") != text_of(contract, "id")) {
    return fail(mismatch("the result manifest is malformed or of another contract"));
  }
  Results results;
  std::set<std::string> paths;
  for (const json& entry : list_of(manifest, "outputs")) {
    std::string path = text_of(entry, "path");
    if (const auto fault = client::job_file::path_fault(path)) {
      return fail(mismatch(fmt::format("an output has a path that {}", *fault)));
    }
    if (!paths.insert(path).second) return fail(mismatch(fmt::format("two outputs are called {}", path)));
    auto file = read_entry(entry, std::move(path));
    if (!file) return fail(file.error());
    results.outputs.push_back(std::move(*file));
  }
  const json& promised = list_of(contract, "outputs");
  const bool same = std::equal(promised.begin(), promised.end(), results.outputs.begin(), results.outputs.end(),
                               [](const json& hash, const ResultFile& file) {
                                 return hash.is_string() && hash.get<std::string>() == file.sha256.hex();
                               });
  if (!same) return fail(mismatch("the result manifest lists other files than the contract"));
  std::size_t rank = 0;
  const auto add_logs = [&](const json& host) -> Outcome<void> {
    const std::string prefix = rank == 0 ? std::string() : fmt::format("host-{}-", rank);
    ++rank;
    for (const char* const stream : {"stdout", "stderr"}) {
      if (auto added = add_log(host, prefix, stream, results); !added) return added;
    }
    return {};
  };
  if (auto added = add_logs(manifest); !added) return fail(added.error());
  for (const json& host : list_of(manifest, "hosts")) {
    if (auto added = add_logs(host); !added) return fail(added.error());
  }
  return results;
}

fs::path free_folder(const std::string& name, const Results& results) {
  fs::path folder = name;
  for (int i = 2; i < kFolderTries && !is_free(folder, results); ++i) folder = fmt::format("{}-{}", name, i);
  return folder;
}

Outcome<Results> fetch_results(const config::Invocation& call, client::Api& api, const FetchRequest& request) {
  const std::string id = text_of(request.contract, "id");
  const std::string hash = text_of(request.contract, "result_hash");
  if (hash.empty()) {
    const std::string state = shown(request.contract, "state");
    return fail(Trouble{ExitCode::NotFound,
                        {"the job has no results",
                         "",
                         fmt::format("its contract is {}", state.empty() ? "not made yet" : state),
                         {"see how it stands: starminer status JOB"}}});
  }
  const auto manifest = api.get_bytes(fmt::format("/v1/artifacts/{}?contract={}", hash, id));
  if (!manifest) return fail(trouble_of(manifest.error()));
  auto results = read_result_manifest(*manifest, request.contract);
  if (!results) return fail(results.error());
  results->folder = request.out.empty() ? free_folder(request.name, *results) : fs::path(request.out);
  std::error_code error;
  fs::create_directories(results->folder, error);
  if (error) {
    return fail(local_trouble("the results cannot be saved",
                              fmt::format("{}: {}", results->folder.string(), error.message()),
                              {"name another folder: --out DIR"}));
  }
  Fetcher fetcher(call, api, id, *results);
  for (const auto* files : {&results->outputs, &results->logs}) {
    for (const ResultFile& file : *files) {
      if (auto got = fetcher.fetch(file); !got) return fail(got.error());
    }
  }
  fetcher.finish();
  return std::move(*results);
}

std::string name_of_job(client::Api& api, const json& job) {
  const std::string hash = text_of(member(job, "spec"), "manifest_hash");
  const auto bytes = api.get_bytes("/v1/artifacts/" + hash);
  if (bytes && sha256(*bytes).hex() == hash) {
    const auto manifest = client::job_file::parse_manifest(*bytes);
    if (manifest) return manifest->name;
  }
  return text_of(job, "id");
}

json files_json(const std::vector<ResultFile>& files) {
  json list = json::array();
  for (const ResultFile& file : files) {
    list.push_back({{"path", file.path}, {"sha256", file.sha256.hex()}, {"size", file.size}});
  }
  return list;
}

}  // namespace starminer::cli
