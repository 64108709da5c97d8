#include "client/job_file/inputs.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "base/hash.h"
#include "client/job_file/limits.h"
#include "client/job_file/paths.h"
#include "client/job_file/utf8.h"
#include "protocol/operation/limits.h"

namespace starminer::client::job_file {
namespace {

namespace fs = std::filesystem;

// A glob over a whole home directory should end with a message, not with a full memory.
constexpr std::size_t kEntriesSeenMax = 100'000;

bool lies_below(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

class Finder {
 public:
  explicit Finder(const fs::path& folder) {
    std::error_code fault;
    root_ = fs::canonical(folder.empty() ? fs::path(".") : folder, fault);
    if (fault) problem("", fmt::format("the folder {} cannot be read: {}", folder.string(), fault.message()));
  }

  void find(const InputSpec& spec, std::size_t index) {
    field_ = fmt::format("inputs[{}]", index);
    std::string from = spec.from;
    const bool wants_folder = from.size() > 1 && from.back() == '/';
    if (wants_folder) from.pop_back();
    if (has_glob(from)) {
      find_glob(spec, from);
      return;
    }
    std::error_code fault;
    const fs::file_status status = fs::status(root_ / from, fault);
    if (!fs::exists(status)) {
      problem(from, "does not exist");
    } else if (!is_inside(root_ / from, from)) {
      return;
    } else if (fs::is_directory(status)) {
      find_folder(spec, from);
    } else if (wants_folder) {
      problem(from, "is no folder");
    } else {
      const std::string to = spec.to.empty()         ? from
                             : spec.to.back() == '/' ? spec.to + fs::path(from).filename().string()
                                                     : spec.to;
      add(root_ / from, to, from);
    }
  }

  Result<std::vector<InputFile>, std::vector<Problem>> take() && {
    std::vector<InputFile> files;
    std::string previous;
    for (auto& [path, file] : files_) {
      if (!previous.empty() && path.starts_with(previous + "/"))
        problem(path, fmt::format("lies below /job/in/{}, which is a file", previous));
      previous = path;
      files.push_back(std::move(file));
    }
    if (files.size() > protocol::kJobInputsMax) {
      field_ = "inputs";
      problem("", fmt::format("{} files: at most {}; pack them into an archive that the job unpacks", files.size(),
                              protocol::kJobInputsMax));
    }
    if (!problems_.empty()) return fail(std::move(problems_));
    return files;
  }

 private:
  void problem(const std::string& path, std::string_view text) {
    if (problems_.size() >= kProblemsMax) return;
    problems_.push_back({field_, path.empty() ? std::string(text) : fmt::format("{} {}", path, text)});
  }

  /// Follows every link on the way; false and a problem if the end lies outside.
  bool is_inside(const fs::path& path, const std::string& shown_path) {
    std::error_code fault;
    const fs::path real = fs::canonical(path, fault);
    if (fault) {
      problem(shown_path, "cannot be read: " + fault.message());
      return false;
    }
    if (lies_below(real, root_)) return true;
    problem(shown_path, "leads out of the folder of the job file by a link; copy what is needed into it");
    return false;
  }

  void add(const fs::path& host, const std::string& to, const std::string& shown_path) {
    std::error_code fault;
    if (!fs::is_regular_file(host, fault)) {
      problem(shown_path, "is neither a file nor a folder");
      return;
    }
    const std::uintmax_t size = fs::file_size(host, fault);
    if (fault) {
      problem(shown_path, "cannot be read: " + fault.message());
      return;
    }
    if (const auto path_problem = path_fault(to)) {
      problem(shown_path, "cannot be sent: " + *path_problem);
      return;
    }
    const auto [other, is_new] = files_.try_emplace(to, InputFile{host, to, size});
    if (!is_new && other->second.host != host)
      problem(shown_path, fmt::format("and {} would both become /job/in/{}",
                                      other->second.host.lexically_relative(root_).string(), to));
  }

  /// All files below a folder; `to` replaces the folder's own path.
  void find_folder(const InputSpec& spec, const std::string& from) {
    const std::size_t before = files_.size() + problems_.size();
    std::string to = spec.to.empty() ? from : spec.to;
    while (!to.empty() && to.back() == '/') to.pop_back();
    walk(root_ / from, [&](const fs::path& file, const std::string& relative) {
      if (is_inside(file, from + "/" + relative)) add(file, to + "/" + relative, from + "/" + relative);
    });
    if (files_.size() + problems_.size() == before) problem(from, "is an empty folder");
  }

  void find_glob(const InputSpec& spec, const std::string& glob) {
    // Only what lies below the part without a glob can match.
    const std::size_t star = glob.find_first_of("*?[");
    const std::size_t slash = glob.rfind('/', star);
    const std::string base = slash == std::string::npos ? "" : glob.substr(0, slash);
    std::error_code fault;
    if (!base.empty() && !fs::is_directory(root_ / base, fault)) {
      problem(base, "does not exist");
      return;
    }
    if (!base.empty() && !is_inside(root_ / base, base)) return;
    std::string to = spec.to;
    while (!to.empty() && to.back() == '/') to.pop_back();
    bool any = false;
    walk(root_ / base, [&](const fs::path& file, const std::string& below) {
      const std::string relative = base.empty() ? below : base + "/" + below;
      if (!glob_matches(glob, relative)) return;
      any = true;
      if (!is_inside(file, relative)) return;
      add(file, to.empty() ? relative : to + "/" + (base.empty() ? relative : below), relative);
    });
    if (!any) problem(glob, "matches no file");
  }

  template <class Visit>
  void walk(const fs::path& start, const Visit& visit) {
    std::error_code fault;
    fs::recursive_directory_iterator entry(start, fs::directory_options::none, fault);
    std::size_t seen = 0;
    for (; !fault && entry != fs::recursive_directory_iterator(); entry.increment(fault)) {
      if (++seen > kEntriesSeenMax) {
        problem(start.lexically_relative(root_).string(), fmt::format("has more than {} entries", kEntriesSeenMax));
        return;
      }
      if (static_cast<std::size_t>(entry.depth()) >= kInputFolderDepthMax) entry.disable_recursion_pending();
      std::error_code ignored;
      // A link to a folder is not followed; a link to a file is judged by is_inside.
      if (entry->is_directory(ignored)) {
        if (entry->is_symlink(ignored))
          problem(entry->path().lexically_relative(root_).string(), "is a link to a folder; name that folder itself");
        continue;
      }
      visit(entry->path(), entry->path().lexically_relative(start).string());
    }
    if (fault) problem(start.lexically_relative(root_).string(), "cannot be read: " + fault.message());
  }

  fs::path root_;
  std::string field_ = "inputs";
  std::map<std::string, InputFile> files_;
  std::vector<Problem> problems_;
};

}  // namespace

Result<std::vector<InputFile>, std::vector<Problem>> find_inputs(const JobFile& job, const fs::path& folder) {
  Finder finder(folder);
  for (std::size_t i = 0; i < job.inputs.size(); ++i) finder.find(job.inputs[i], i);
  return std::move(finder).take();
}

Result<std::vector<ManifestInput>, Problem> hash_inputs(const std::vector<InputFile>& files,
                                                        const HashProgress& progress) {
  constexpr std::size_t kChunk = std::size_t{1} << 18;
  std::vector<char> buffer(kChunk);
  std::vector<ManifestInput> inputs;
  std::uint64_t done = 0;
  for (const InputFile& file : files) {
    std::ifstream stream(file.host, std::ios::binary);
    if (!stream) return fail(Problem{file.path, fmt::format("{} cannot be opened", file.host.string())});
    Sha256 hash;
    std::uint64_t size = 0;
    while (stream) {
      stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      const auto count = static_cast<std::size_t>(stream.gcount());
      hash.update(std::string_view(buffer.data(), count));
      size += count;
      done += count;
      if (progress) progress(done);
    }
    if (stream.bad()) return fail(Problem{file.path, fmt::format("{} cannot be read to its end", file.host.string())});
    if (size != file.size)
      return fail(Problem{file.path, fmt::format("{} changed while it was read; try again when nothing writes to it",
                                                 file.host.string())});
    inputs.push_back({file.path, hash.finish(), size});
  }
  return inputs;
}

}  // namespace starminer::client::job_file
