// starminerd snapshot create, verify, restore.
#include "storage/snapshot.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/api.h"
#include "client/genesis_file.h"
#include "client/key_file.h"
#include "node/commands.h"
#include "storage/chain_store.h"
#include "terminal/progress.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using nlohmann::json;
using storage::SnapshotReport;
namespace fs = std::filesystem;

constexpr int kLowPriority = 10;  // the node that serves goes first

/// Held while a copy is read, so that two snapshots of one folder do not take it from each other.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& file) : fd_(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    held_ = fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
  }
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

Result<std::optional<Hash32>, std::string> parse_root(const std::string& text) {
  if (text.empty()) return std::optional<Hash32>();
  const auto root = Hash32::from_hex(text);
  if (!root) return fail(std::string("an app hash has 64 lower-case hexadecimal digits"));
  return root;
}

void say(const config::Invocation& call, const SnapshotReport& report, const std::string& sentence) {
  if (call.json) {
    call.out.line(json{{"snapshot", report.id.hex()},
                       {"chain_id", report.chain_id},
                       {"height", report.height},
                       {"app_hash", report.app_hash.hex()},
                       {"rows", report.rows},
                       {"bytes", report.bytes},
                       {"chunks", report.chunks}}
                      .dump());
    return;
  }
  call.out.line(fmt::format("{} {}: chain {} at height {}, {} rows in {} chunks; app hash {}", call.out.tick(),
                            sentence, report.chain_id, report.height, report.rows, report.chunks,
                            report.app_hash.hex()));
}

/// Has the node that serves the folder copy its chain. False where no node serves it.
Result<bool, std::string> ask_for_copy(const DataFolder& folder) {
  std::string url;
  std::ifstream file(folder.api_url());
  if (!std::getline(file, url)) return false;
  auto key = client::load_key_file(folder.operator_key(), std::nullopt);
  if (!key) return fail(key.error());
  const auto api = client::Api::connect(url, std::move(*key));
  if (!api) return fail(client::describe(api.error()));
  const auto made = (*api)->post("/v1/checkpoints", json::object());
  if (made) return true;
  // api.url is left over where the node was killed.
  if (made.error().code == "connect_failed") return false;
  return fail(client::describe(made.error()));
}

Result<void, std::string> copy_chain(const DataFolder& folder) {
  const auto served = ask_for_copy(folder);
  if (!served) return fail(served.error());
  if (*served) return {};
  std::error_code ignored;
  fs::remove_all(folder.checkpoint(), ignored);
  const auto store = storage::ChainStore::open(folder.chain());
  if (!store) return fail(store.error().text);
  if (const auto copied = (*store)->copy_to(folder.checkpoint()); !copied) return fail(copied.error().text);
  return {};
}

Result<SnapshotReport, std::string> create(const DataFolder& folder, const fs::path& out,
                                           const storage::SnapshotProgress& progress) {
  std::ifstream file(folder.genesis(), std::ios::binary);
  const std::string genesis{std::istreambuf_iterator<char>(file), {}};
  if (auto copied = copy_chain(folder); !copied) return fail(std::move(copied.error()));
  const auto database = storage::Database::open(folder.checkpoint());
  if (!database) return fail(database.error().text);
  return storage::create_snapshot(**database, out, genesis, storage::kSnapshotChunkBytes, progress);
}

}  // namespace

ExitCode snapshot_create(const config::Invocation& call, const Settings& settings, const SnapshotRequest& request) {
  const DataFolder folder{settings.data_folder};
  std::error_code ignored;
  if (!fs::exists(folder.genesis(), ignored) || !fs::exists(folder.chain(), ignored)) {
    return call.fail(ExitCode::NotFound, {"there is no chain here",
                                          "",
                                          fmt::format("{} has no genesis.json or no chain", folder.root.string()),
                                          {"name the data folder of a node: --data-dir"}});
  }
  if (fs::exists(request.folder, ignored)) {
    return call.fail(ExitCode::Usage, {"the snapshot cannot be made", "", request.folder + " exists", {}});
  }
  const FolderLock lock(folder.root / "checkpoint.lock");
  if (!lock.held()) {
    return call.fail(ExitCode::Failure,
                     {"another snapshot of this folder is being made", "", "", {"wait for its end"}});
  }
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kLowPriority));
  terminal::ProgressBar bar(call.err, "snapshot", 0, terminal::ProgressUnit::Bytes);
  const auto report = create(folder, request.folder, [&](std::uint64_t bytes) { bar.update(bytes); });
  bar.clear();
  fs::remove_all(folder.checkpoint(), ignored);
  if (!report) return call.fail(ExitCode::Failure, {"the snapshot cannot be made", "", report.error(), {}});
  say(call, *report, "snapshot in " + request.folder);
  return ExitCode::Ok;
}

ExitCode snapshot_verify(const config::Invocation& call, const SnapshotRequest& request) {
  const auto root = parse_root(request.root);
  if (!root) return call.fail(ExitCode::Usage, {"--root is no app hash", "", root.error(), {}});
  terminal::ProgressBar bar(call.err, "verify", 0, terminal::ProgressUnit::Bytes);
  const auto report = storage::verify_snapshot(request.folder, *root, [&](std::uint64_t bytes) { bar.update(bytes); });
  bar.clear();
  if (!report) {
    return call.fail(ExitCode::Mismatch,
                     {"the snapshot does not hold", "", report.error(), {"fetch it again, or take another one"}});
  }
  say(call, *report, *root ? "every chunk and the whole fit the root that you gave" : "every chunk and the whole fit");
  return ExitCode::Ok;
}

ExitCode snapshot_restore(const config::Invocation& call, const Settings& settings, const SnapshotRequest& request) {
  const auto root = parse_root(request.root);
  if (!root) return call.fail(ExitCode::Usage, {"--root is no app hash", "", root.error(), {}});
  const DataFolder folder{settings.data_folder};
  const auto refuse = [&](std::string why) {
    return call.fail(ExitCode::Mismatch,
                     {"the snapshot was not restored", "", std::move(why), {"no chain was made or changed"}});
  };
  const auto genesis = storage::snapshot_genesis(request.folder);
  if (!genesis) return refuse(genesis.error());
  std::error_code error;
  const bool has_genesis = fs::exists(folder.genesis(), error);
  if (has_genesis) {
    const auto own = client::load_genesis(folder.genesis());
    const auto theirs = client::parse_genesis(*genesis);
    if (!own || !theirs || client::format_genesis(*own) != client::format_genesis(*theirs)) {
      return refuse(folder.genesis().string() + " is the genesis of another chain");
    }
  }
  fs::create_directories(folder.root, error);
  terminal::ProgressBar bar(call.err, "restore", 0, terminal::ProgressUnit::Bytes);
  // A genesis without a chain would start that chain anew, so the chain's folder is renamed after it is written; until
  // then the folder of the restore keeps a node from starting.
  const auto report = storage::restore_snapshot(
      request.folder, folder.chain(), *root, [&](std::uint64_t bytes) { bar.update(bytes); },
      [&]() -> Result<void, std::string> {
        if (has_genesis || write_atomically(folder.genesis(), *genesis)) return {};
        return fail(folder.genesis().string() + " cannot be written");
      });
  bar.clear();
  if (!report) return refuse(report.error());
  say(call, *report, "restored to " + folder.root.string());
  return ExitCode::Ok;
}

}  // namespace starminer::node
