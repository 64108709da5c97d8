#include "cli/run_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <sodium.h>

#include "base/bytes.h"
#include "cli/json_view.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = 0600;
constexpr std::string_view kExtension = ".json";

json to_json(const RunRecord& record) {
  return {{"version", 1},
          {"client_id", record.client_id},
          {"chain_id", record.chain_id},
          {"account", record.account},
          {"fingerprint", record.fingerprint},
          {"name", record.name},
          {"spec", to_hex(as_bytes(record.spec))},
          {"job", record.job},
          {"out", record.out},
          {"started_ms", record.started_ms},
          {"phase", record.phase == RunPhase::Submitting ? "submitting" : "following"},
          {"quote", record.quote}};
}

std::optional<RunRecord> from_json(const json& document) {
  if (number_of(document, "version") != 1 || text_of(document, "client_id").empty()) return std::nullopt;
  const auto spec = from_hex(text_of(document, "spec"));
  if (!spec) return std::nullopt;
  RunRecord record;
  record.client_id = text_of(document, "client_id");
  record.chain_id = text_of(document, "chain_id");
  record.account = text_of(document, "account");
  record.fingerprint = text_of(document, "fingerprint");
  record.name = text_of(document, "name");
  record.spec = to_text(*spec);
  record.job = text_of(document, "job");
  record.out = text_of(document, "out");
  record.started_ms = number_of(document, "started_ms");
  record.phase = text_of(document, "phase") == "submitting" ? RunPhase::Submitting : RunPhase::Following;
  record.quote = member(document, "quote");
  return record;
}

fs::path lock_of(const fs::path& file) {
  fs::path lock = file;
  return lock.replace_extension(".lock");
}

Trouble disk_trouble(const fs::path& file, int fault) {
  return local_trouble("the run cannot be remembered", fmt::format("{}: {}", file.string(), std::strerror(fault)),
                       {"nothing was submitted; make room or name another folder: --state-dir DIRECTORY"});
}

/// -1 where another program has it.
int take_lock(const fs::path& file) {
  const int lock = ::open(lock_of(file).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (lock < 0) return -1;
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  ::close(lock);
  return -1;
}

bool write_all(int descriptor, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(descriptor, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

std::string random_id() {
  std::array<std::uint8_t, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

/// Client ids of the user may hold any character; a file name may not.
std::string file_stem(const std::string& client_id) {
  const bool plain = client_id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                     std::string::npos;
  return plain ? client_id : "x" + to_hex(as_bytes(client_id));
}

}  // namespace

OpenRun::~OpenRun() { ::close(lock_); }

Outcome<void> OpenRun::save() const {
  fs::path temporary = file_;
  temporary += ".tmp";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly);
  if (descriptor < 0) return fail(disk_trouble(temporary, errno));
  const bool written = write_all(descriptor, pretty(to_json(record)) + "\n") && ::fsync(descriptor) == 0;
  const int fault = errno;
  ::close(descriptor);
  if (!written) return fail(disk_trouble(temporary, fault));
  if (::rename(temporary.c_str(), file_.c_str()) != 0) return fail(disk_trouble(file_, errno));
  sync_folder(file_.parent_path());
  return {};
}

void OpenRun::close() {
  std::error_code ignored;
  fs::remove(file_, ignored);
  fs::remove(lock_of(file_), ignored);
}

Outcome<std::unique_ptr<OpenRun>> RunStore::create(RunRecord record) const {
  if (record.client_id.empty()) record.client_id = random_id();
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(disk_trouble(folder_, error.value()));
  const fs::path file = folder_ / (file_stem(record.client_id) + std::string(kExtension));
  const int lock = take_lock(file);
  if (lock < 0) {
    return fail(
        local_trouble("the run cannot be remembered",
                      fmt::format("{} cannot be locked: another program follows this run, or the folder is not yours",
                                  lock_of(file).string())));
  }
  auto run = std::unique_ptr<OpenRun>(new OpenRun(file, lock));
  run->record = std::move(record);
  return run;
}

std::unique_ptr<OpenRun> RunStore::open(const fs::path& file) const {
  const int lock = take_lock(file);
  if (lock < 0) return nullptr;
  auto run = std::unique_ptr<OpenRun>(new OpenRun(file, lock));
  // Read under the lock: whoever had it before may have closed the run.
  std::ifstream stream(file);
  auto record = stream ? from_json(json::parse(stream, nullptr, false)) : std::nullopt;
  if (!record) return nullptr;
  run->record = std::move(*record);
  return run;
}

template <class Matches>
std::unique_ptr<OpenRun> RunStore::find(const Matches& matches) const {
  struct Candidate {
    std::uint64_t started_ms;
    fs::path file;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> candidates;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() != kExtension) continue;
    std::ifstream stream(entry->path());
    const auto record = stream ? from_json(json::parse(stream, nullptr, false)) : std::nullopt;
    if (record && matches(*record)) candidates.push_back({record->started_ms, entry->path()});
  }
  std::sort(candidates.begin(), candidates.end());
  for (const Candidate& candidate : candidates) {
    auto run = open(candidate.file);
    if (run != nullptr && matches(run->record)) return run;
  }
  return nullptr;
}

std::unique_ptr<OpenRun> RunStore::find_unfinished(const RunRecord& like) const {
  return find([&like](const RunRecord& record) {
    return record.chain_id == like.chain_id && record.account == like.account && record.fingerprint == like.fingerprint;
  });
}

std::unique_ptr<OpenRun> RunStore::find_by_client_id(const std::string& client_id) const {
  return find([&client_id](const RunRecord& record) { return record.client_id == client_id; });
}

std::unique_ptr<OpenRun> RunStore::find_by_job(const std::string& job) const {
  return find([&job](const RunRecord& record) { return record.job == job; });
}

}  // namespace starminer::cli
