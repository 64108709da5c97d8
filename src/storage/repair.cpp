#include "storage/repair.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/codec.h"
#include "storage/chain_check.h"
#include "storage/files.h"
#include "storage/log_scan.h"
#include "storage/snapshot.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBytes = 32U << 20;  // of records that go into the database at once

/// What a chain may begin with.
struct Base {
  enum class Kind : std::uint8_t { Own, Copy, Snapshot, Genesis };
  Kind kind{};
  fs::path path;
  [[nodiscard]] std::string name() const { return kind == Kind::Genesis ? "the genesis" : path.string(); }
};

/// What came of one base.
struct Built {
  std::unique_ptr<Database> database;
  std::uint64_t from_logs = 0;
};

/// An error of the folder that a repair works in, told of the one that was looked at and without advice.
std::string told_of(std::string text, const fs::path& work, const fs::path& folder) {
  const std::string from = work.string();
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + folder.string().size())) {
    text.replace(at, from.size(), folder.string());
  }
  return text.substr(0, text.find("; nothing was changed"));
}

/// The lock by which RocksDB keeps a second process out of a folder.
class ChainLock {
 public:
  explicit ChainLock(const fs::path& chain)
      : fd_(::open((chain / "LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    held_ = fd_ >= 0 && ::fcntl(fd_, F_SETLK, &lock) == 0;
  }
  ~ChainLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  ChainLock(const ChainLock&) = delete;
  ChainLock& operator=(const ChainLock&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

/// The files of a database under other names, so that opening them changes nothing there. Tables never change, so links
/// do, where the file system has them.
Result<void, std::string> link_database(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path name = entry->path().filename();
    if (!entry->is_regular_file() || name == "LOCK" || name.string().rfind("LOG", 0) == 0) continue;
    std::error_code unlinked;
    if (name.extension() == ".sst") fs::create_hard_link(entry->path(), to / name, unlinked);
    if (name.extension() != ".sst" || unlinked) fs::copy_file(entry->path(), to / name, error);
    if (error) return fail(fmt::format("{} cannot be copied: {}", entry->path().string(), error.message()));
  }
  if (error) return fail(fmt::format("{} cannot be read: {}", from.string(), error.message()));
  return {};
}

class Repair {
 public:
  explicit Repair(const RepairRequest& request) : request_(request), work_(request.chain.string() + ".repairing") {}

  Result<RepairReport, RepairFailure> run() {
    std::error_code error;
    if (!fs::exists(request_.chain, error)) {
      return refuse(fmt::format("{} does not exist; restore a snapshot or a backup", request_.chain.string()));
    }
    const ChainLock lock(request_.chain);
    if (!lock.held()) return refuse("a node serves this folder: stop it first");
    auto genesis = genesis_block();
    if (!genesis) return refuse(std::move(genesis.error()));
    genesis_ = std::move(*genesis);
    scan_logs();
    step("checking the database");
    const auto own = examine();
    if (report_.damage.empty()) {
      report_.height = own->height;
      report_.app_hash = own->app_hash;
      clear_work();
      return std::move(report_);
    }
    if (request_.examine_only) {
      clear_work();
      return std::move(report_);
    }
    auto repaired = make_whole(own.has_value());
    if (!repaired) clear_work();
    return repaired;
  }

 private:
  [[nodiscard]] fs::path log_of(const fs::path& chain) const { return chain / "log"; }
  void step(const std::string& what) const {
    if (request_.progress) request_.progress(what);
  }
  void clear_work() const {
    std::error_code ignored;
    fs::remove_all(work_, ignored);
  }
  [[nodiscard]] tl::unexpected<RepairFailure> refuse(std::string text) {
    return fail(RepairFailure{report_.damage, tried_, std::move(text)});
  }

  Result<LogRecord, std::string> genesis_block() const;
  void scan_logs();
  /// Fills in the damage. Gives where the database of the chain stands if that is whole, and the chain if nothing is
  /// damaged.
  std::optional<ChainTarget> examine();
  Result<Built, std::string> build(const Base& base);
  Result<std::unique_ptr<Database>, std::string> begin(const Base& base);
  /// Adds every block behind the tip that one of the first so many logs has.
  Result<std::uint64_t, std::string> add_blocks(Database& database, std::size_t logs) const;
  std::optional<LogRecord> find_record(const Tip& before, std::size_t logs) const;
  /// The blocks of the chain's own log must be those of what is built.
  Result<void, std::string> compare_own(const Database& database) const;
  Result<RepairReport, RepairFailure> make_whole(bool own_is_whole);
  Result<RepairReport, RepairFailure> take_place(const Base& base, Built built);

  const RepairRequest& request_;
  const fs::path work_;
  LogRecord genesis_;
  std::vector<LogScan> logs_;  // the chain's own first
  RepairReport report_;
  std::vector<std::string> tried_;
  std::uint64_t newest_ = 0;      // the greatest height that the folder itself shows
  bool newest_is_known_ = false;  // something whole in the folder shows it
};

Result<LogRecord, std::string> Repair::genesis_block() const {
  protocol::Machine machine;
  const auto result = machine.start(request_.genesis);
  if (!result) return fail(fmt::format("the genesis is not valid: {}", result.error()));
  protocol::LoggedBlock block;
  block.time = request_.genesis.time;
  block.seed = result->seed;
  block.state_root = result->state_root;
  block.history_root = result->history_root;
  block.history_size = result->history_size;
  block.app_hash = result->app_hash;
  return make_record(std::move(block), *result);
}

void Repair::scan_logs() {
  std::vector<fs::path> chains{request_.chain};
  chains.insert(chains.end(), request_.copies.begin(), request_.copies.end());
  std::vector<Hash32> salts;
  for (const fs::path& chain : chains) {
    if (const auto salt = LogScan::salt_of(log_of(chain))) salts.push_back(*salt);
  }
  for (const fs::path& chain : chains) {
    step("reading " + log_of(chain).string());
    logs_.emplace_back(log_of(chain), salts);
  }
}

std::optional<ChainTarget> Repair::examine() {
  std::optional<ChainTarget> own;
  std::optional<Tip> tip;
  const auto linked = begin({Base::Kind::Own, request_.chain});
  if (linked) {
    tip = (*linked)->tip();
    auto checked = check_database(**linked);
    const auto same = checked ? compare_own(**linked) : Result<void, std::string>(fail(checked.error()));
    if (same) {
      own = std::move(*checked);
    } else {
      report_.damage.push_back("the database: " + told_of(same.error(), work_, request_.chain));
    }
  } else {
    report_.damage.push_back("the database: " + told_of(linked.error(), work_, request_.chain));
  }
  const LogScan& log = logs_.front();
  newest_ = std::max(tip ? tip->height : 0, log.records().empty() ? 0 : log.records().rbegin()->first);
  newest_is_known_ = own.has_value() || tip.has_value() || !log.records().empty();
  for (const LogDamage& damage : log.damage()) {
    // What a whole database holds need not be in the log.
    const bool needed = !own || damage.through > own->height;
    (needed ? report_.damage : report_.notes).push_back(damage.text);
  }
  if (!log.torn().empty()) report_.notes.push_back(log.torn());
  if (own && report_.damage.empty()) {
    // The log begins where the database ends, and what is behind must be one chain.
    auto reached = add_blocks(**linked, 1);
    Result<ChainTarget, std::string> whole = *own;
    if (!reached) whole = fail(std::move(reached.error()));
    if (reached && *reached > 0) whole = check_database(**linked);
    if (whole && whole->height == newest_) {
      const auto more = add_blocks(**linked, logs_.size());
      if (!more || *more == 0) return std::move(*whole);
      report_.damage.push_back(fmt::format("{}: blocks {} to {} are missing at its end, and a copy has them",
                                           log_of(request_.chain).string(), newest_ + 1, newest_ + *more));
    } else {
      report_.damage.push_back(
          fmt::format("{}: {}", log_of(request_.chain).string(),
                      whole ? fmt::format("blocks behind block {} are missing", whole->height) : whole.error()));
    }
  }
  return own;
}

Result<std::unique_ptr<Database>, std::string> Repair::begin(const Base& base) {
  clear_work();
  if (base.kind == Base::Kind::Snapshot) {
    if (auto restored = restore_snapshot(base.path, work_, std::nullopt); !restored) return fail(restored.error());
  } else if (base.kind != Base::Kind::Genesis) {
    if (auto linked = link_database(base.path, work_); !linked) return fail(std::move(linked.error()));
  }
  auto database = Database::open(work_);
  if (!database) return fail(std::move(database.error().text));
  if (base.kind == Base::Kind::Genesis) {
    RecentBlocks genesis;
    genesis.add(genesis_, 0);
    if (auto written = (*database)->checkpoint(genesis); !written) return fail(std::move(written.error().text));
  }
  const auto first = (*database)->find_block(0);
  if (!first) return fail(first.error().text);
  if (!*first) return fail(std::string("it holds no chain"));
  if ((*first)->app_hash != genesis_.block.app_hash) return fail(std::string("it is of another genesis"));
  return std::move(*database);
}

std::optional<LogRecord> Repair::find_record(const Tip& before, std::size_t logs) const {
  const std::uint64_t height = before.height + 1;
  for (std::size_t i = 0; i < logs; ++i) {
    const auto place = logs_[i].records().find(height);
    if (place == logs_[i].records().end()) continue;
    const auto bytes = LogScan::read(place->second);
    auto record = bytes ? decode<LogRecord>(*bytes) : std::nullopt;
    if (record && record->block.height == height && record->block.previous_app_hash == before.app_hash &&
        record->block.history_size == before.history_size + record->leaves.size()) {
      return record;
    }
  }
  return std::nullopt;
}

Result<std::uint64_t, std::string> Repair::add_blocks(Database& database, std::size_t logs) const {
  Tip tip = database.tip().value_or(Tip{});
  std::uint64_t added = 0;
  RecentBlocks batch;
  const auto flush = [&]() -> Result<void, std::string> {
    if (batch.empty()) return {};
    auto written = database.checkpoint(batch);
    batch = {};
    if (!written) return fail(std::move(written.error().text));
    return {};
  };
  while (auto record = find_record(tip, logs)) {
    tip = {record->block.height, record->block.app_hash, record->block.history_size};
    const std::size_t bytes = encode(*record).size();
    batch.add(*std::move(record), bytes);
    ++added;
    if (batch.bytes() < kBatchBytes) continue;
    if (auto flushed = flush(); !flushed) return fail(std::move(flushed.error()));
  }
  if (auto flushed = flush(); !flushed) return fail(std::move(flushed.error()));
  return added;
}

Result<void, std::string> Repair::compare_own(const Database& database) const {
  const auto tip = database.tip();
  for (const auto& [height, place] : logs_.front().records()) {
    if (!tip || height > tip->height) break;
    const auto bytes = LogScan::read(place);
    const auto record = bytes ? decode<LogRecord>(*bytes) : std::nullopt;
    const auto block = database.find_block(height);
    if (!record || !block || !*block || (*block)->app_hash != record->block.app_hash) {
      return fail(fmt::format("its block {} is not the one that {} holds", height, place.file.string()));
    }
  }
  return {};
}

Result<Built, std::string> Repair::build(const Base& base) {
  step("trying " + base.name());
  auto database = begin(base);
  if (!database) return fail(std::move(database.error()));
  // Before anything is built on it: an error is then one of the base.
  if (base.kind != Base::Kind::Genesis) {
    if (auto checked = check_database(**database); !checked) return fail(std::move(checked.error()));
  }
  auto added = add_blocks(**database, logs_.size());
  if (!added) return fail(std::move(added.error()));
  if (auto same = compare_own(**database); !same) return fail(std::move(same.error()));
  if (*added > 0) {
    if (auto checked = check_database(**database); !checked) return fail(std::move(checked.error()));
  }
  return Built{std::move(*database), *added};
}

Result<RepairReport, RepairFailure> Repair::make_whole(bool own_is_whole) {
  std::vector<Base> bases;
  if (own_is_whole) bases.push_back({Base::Kind::Own, request_.chain});
  for (const fs::path& copy : request_.copies) bases.push_back({Base::Kind::Copy, copy});
  for (const fs::path& snapshot : request_.snapshots) bases.push_back({Base::Kind::Snapshot, snapshot});
  bases.push_back({Base::Kind::Genesis, {}});
  const Base* best = nullptr;
  std::uint64_t best_height = 0;
  for (const Base& base : bases) {
    auto built = build(base);
    if (!built) {
      tried_.push_back(fmt::format("{}: {}", base.name(), told_of(built.error(), work_, base.path)));
      continue;
    }
    const std::uint64_t height = built->database->tip()->height;
    if (height >= newest_ && newest_is_known_) return take_place(base, std::move(*built));
    tried_.push_back(
        fmt::format("{}: leads to block {}, and no log has block {} behind it", base.name(), height, height + 1));
    if (best == nullptr || height > best_height) best = &base, best_height = height;
  }
  if (best == nullptr) return refuse("nothing that was given holds a whole beginning of this chain");
  const std::string missing =
      newest_is_known_
          ? fmt::format("blocks {} to {}", best_height + 1, newest_)
          : fmt::format("whatever stood behind block {}: nothing in the folder tells how far the chain had come",
                        best_height);
  if (!request_.accept_loss) return refuse(fmt::format("{} would be lost", missing));
  auto built = build(*best);
  if (!built) return refuse(std::move(built.error()));
  report_.lost = missing;
  return take_place(*best, std::move(*built));
}

// In one step, so that a kill leaves either the damaged chain or the whole one under the name that a node opens.
Result<RepairReport, RepairFailure> Repair::take_place(const Base& base, Built built) {
  const Tip tip = *built.database->tip();
  built.database.reset();
  std::error_code error;
  fs::path kept;
  for (unsigned number = 1; number == 1 || fs::exists(kept, error); ++number) {
    kept = fmt::format("{}.damaged-{}", request_.chain.string(), number);
  }
  if (!sync_folder(work_) || ::rename(work_.c_str(), kept.c_str()) != 0 ||
      ::renameat2(AT_FDCWD, kept.c_str(), AT_FDCWD, request_.chain.c_str(), RENAME_EXCHANGE) != 0 ||
      !sync_folder(fs::absolute(kept, error).parent_path())) {
    return refuse(
        fmt::format("the whole chain cannot take the place of {}: {}", request_.chain.string(), std::strerror(errno)));
  }
  report_.repaired = true;
  report_.base = base.name();
  report_.from_logs = built.from_logs;
  report_.height = tip.height;
  report_.app_hash = tip.app_hash;
  report_.kept = kept;
  return std::move(report_);
}

}  // namespace

Result<RepairReport, RepairFailure> repair_chain(const RepairRequest& request) { return Repair(request).run(); }

}  // namespace starminer::storage
