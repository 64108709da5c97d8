#include "api/streams.h"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/json_text.h"
#include "api/lookup.h"

namespace starminer::api {
namespace {

using http::SseEvent;
using http::SseFrame;
using http::SseStream;
using nlohmann::json;
using protocol::ContractState;
using protocol::EventKind;
using protocol::JobState;
using protocol::Machine;

// Notes that may wait; beyond it the readers are let go and come back for the present state.
constexpr std::size_t kNotesMax = 20'000;
constexpr std::uint64_t kOldBlocksMax = 500;
constexpr std::size_t kLogPiece = 32U << 10U;
// Bytes that one reader of logs gets before the others have their turn; below the bound of its queue.
constexpr std::size_t kLogTurn = 96U << 10U;
constexpr auto kLogPause = std::chrono::milliseconds(25);
constexpr auto kSweepEvery = std::chrono::seconds(15);

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Sends one frame to many and lets go of those that are gone.
void broadcast(std::vector<SseStream>& streams, const SseEvent& event) {
  if (streams.empty()) return;
  const SseFrame frame = http::encode_event(event);
  std::erase_if(streams, [&](SseStream& stream) { return !stream.push(frame); });
}

template <class Map>
void erase_closed(Map& map) {
  std::erase_if(map, [](const auto& entry) {
    if constexpr (std::is_same_v<std::decay_t<decltype(entry.second)>, SseStream>) {
      return !entry.second.is_open();
    } else {
      return !entry.second.stream.is_open();
    }
  });
}

SseEvent block_event(std::uint64_t height, TimeMs time, std::size_t transactions, const Hash32& app_hash) {
  return {std::to_string(height), "block",
          fmt::format(R"({{"app_hash":"{}","height":{},"time_ms":{},"transactions":{}}})", app_hash.hex(), height,
                      time.ms, transactions)};
}

std::string without_note(const std::string& progress) {
  json object = json::parse(progress);
  object.erase("note");
  return dump(object);
}

bool is_over(JobState state) { return state == JobState::Settled || state == JobState::Refunded; }

}  // namespace

std::optional<LogSizes> parse_log_position(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto second = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !second) return std::nullopt;
  return LogSizes{*first, *second};
}

std::string format_log_position(const LogSizes& position) { return fmt::format("{}-{}", position[0], position[1]); }

Streams::Streams(const engine::Engine& engine, const Relay& relay) : engine_(engine), relay_(relay) {}

Streams::~Streams() { stop(); }

void Streams::start() {
  ticks_ = engine_.read([](const Machine& machine) { return machine.chain().ticks; });
  thread_ = std::thread([this] { run(); });
}

void Streams::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Streams::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Streams::post_note(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kNotesMax) {
      lost_notes_ = true;
      return;
    }
  }
  post(std::move(task));
}

void Streams::let_go() {
  for (BlockReader& reader : blocks_) reader.stream.close();
  for (SseStream& stream : prices_) stream.close();
  for (auto& [job, reader] : jobs_) reader.stream.close();
  for (auto& [provider, stream] : assignments_) stream.close();
  for (auto& [contract, reader] : logs_) reader.stream.close();
  blocks_.clear();
  prices_.clear();
  jobs_.clear();
  assignments_.clear();
  logs_.clear();
}

void Streams::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto ready = [this] { return stopping_ || !tasks_.empty(); };
    wake_.wait_for(lock, logs_left_ ? std::chrono::milliseconds(kLogPause) : std::chrono::milliseconds(kSweepEvery),
                   ready);
    if (stopping_) return;
    const std::deque<Task> tasks = std::exchange(tasks_, {});
    const bool lost_notes = std::exchange(lost_notes_, false);
    lock.unlock();
    for (const Task& task : tasks) task();
    if (lost_notes) let_go();
    if (logs_left_) {
      logs_left_ = false;
      for (auto at = logs_.begin(); at != logs_.end();) {
        at = send_logs(at->first, at->second) ? std::next(at) : logs_.erase(at);
      }
    }
    if (std::chrono::steady_clock::now() - swept_ >= kSweepEvery) sweep();
    lock.lock();
  }
}

void Streams::sweep() {
  swept_ = std::chrono::steady_clock::now();
  std::erase_if(blocks_, [](const BlockReader& reader) { return !reader.stream.is_open(); });
  std::erase_if(prices_, [](const SseStream& stream) { return !stream.is_open(); });
  erase_closed(jobs_);
  erase_closed(assignments_);
  erase_closed(logs_);
}

void Streams::on_block(const protocol::BlockResult& block) {
  auto note = std::make_shared<BlockNote>();
  note->height = block.height;
  note->time = block.time;
  note->transactions = block.receipts.size();
  note->app_hash = block.app_hash;
  for (const protocol::Event& event : block.events) {
    if (event.job) note->jobs.insert(*event.job);
    if (!event.contract) continue;
    if (event.kind == EventKind::ContractChanged) note->contracts.push_back(*event.contract);
    if (event.kind == EventKind::ContractProgress) note->progressed.insert(*event.contract);
  }
  post_note([this, note] { handle(*note); });
}

void Streams::on_progress(const ContractId& contract) {
  post_note([this, contract] { send_progress(contract); });
}

void Streams::on_log(const ContractId& contract) {
  post_note([this, contract] {
    auto [at, end] = logs_.equal_range(contract);
    while (at != end) at = send_logs(contract, at->second) ? std::next(at) : logs_.erase(at);
  });
}

void Streams::handle(const BlockNote& note) {
  const SseFrame block = http::encode_event(block_event(note.height, note.time, note.transactions, note.app_hash));
  std::erase_if(blocks_, [&](BlockReader& reader) { return note.height > reader.sent && !reader.stream.push(block); });
  const std::uint64_t ticks = engine_.read([](const Machine& machine) { return machine.chain().ticks; });
  if (ticks != ticks_) {
    ticks_ = ticks;
    send_prices();
  }
  for (const JobId& job : note.jobs) {
    auto [at, end] = jobs_.equal_range(job);
    while (at != end) at = send_job(job, at->second) ? std::next(at) : jobs_.erase(at);
  }
  for (const ContractId& contract : note.contracts) {
    send_assignment(contract);
    auto [at, end] = logs_.equal_range(contract);
    while (at != end) at = send_logs(contract, at->second) ? std::next(at) : logs_.erase(at);
  }
}

void Streams::subscribe_blocks(SseStream stream, std::optional<std::uint64_t> after) {
  post([this, after, reader = BlockReader{std::move(stream)}]() mutable {
    if (after) {
      reader.sent = *after;
      send_old_blocks(reader);
    }
    blocks_.push_back(std::move(reader));
  });
}

// A block may be on disk while its note still waits: the height sent last keeps it from going out twice.
void Streams::send_old_blocks(BlockReader& reader) {
  const auto tip = engine_.store().tip();
  if (!tip || reader.sent >= tip->height) {
    reader.sent = 0;
    return;
  }
  std::uint64_t height = std::max(reader.sent + 1, tip->height > kOldBlocksMax ? tip->height - kOldBlocksMax : 1);
  for (; height <= tip->height; ++height) {
    const auto found = engine_.store().find_block(height);
    if (!found) spdlog::critical("{}", found.error().text);
    if (!found || !*found) return;
    const auto& block = *found;
    if (!reader.stream.push(block_event(height, block->time, block->transactions.size(), block->app_hash))) return;
    reader.sent = height;
  }
}

void Streams::subscribe_prices(SseStream stream) {
  post([this, stream = std::move(stream)]() mutable {
    prices_.push_back(std::move(stream));
    send_prices();
  });
}

void Streams::send_prices() {
  if (prices_.empty()) return;
  const std::string text = engine_.read([](const Machine& machine) { return dump(render_prices(machine)); });
  broadcast(prices_, {std::to_string(ticks_), "prices", text});
}

void Streams::subscribe_job(const JobId& job, bool with_notes, SseStream stream) {
  post([this, job, reader = JobReader{std::move(stream), with_notes}]() mutable {
    if (send_job(job, reader)) jobs_.emplace(job, std::move(reader));
  });
}

bool Streams::send_job(const JobId& job, JobReader& reader) const {
  struct View {
    std::uint64_t height = 0;
    bool over = false;
    ContractId contract;
    std::string job_text;
    std::string contract_text;
  };
  auto found_job =
      read_job(engine_, job, [&](const Machine& machine, const protocol::JobRow& row, const auto* archived) {
        View found{machine.chain().height,
                   is_over(row.state),
                   row.contract,
                   dump(render_job(machine, job, row, archived)),
                   {}};
        const protocol::ContractRow* contract = machine.contracts().table().find(row.contract);
        if (contract != nullptr) found.contract_text = dump(render_contract(machine, row.contract, *contract, nullptr));
        return found;
      });
  if (!found_job) spdlog::critical("{}", found_job.error().text);
  if (!found_job || !*found_job) return false;
  View* view = &**found_job;
  if (view->contract_text.empty()) {
    const auto archived = find_contract_json(engine_, view->contract);
    if (!archived) spdlog::critical("{}", archived.error().text);
    if (archived && *archived) view->contract_text = dump(**archived);
  }
  const std::string id = std::to_string(view->height);
  if (!reader.stream.push(SseEvent{id, "job", view->job_text})) return false;
  if (!view->contract_text.empty() && !reader.stream.push(SseEvent{id, "contract", view->contract_text})) return false;
  if (const auto progress = relay_.progress(view->contract)) {
    const std::string text = reader.with_notes ? *progress : without_note(*progress);
    if (!reader.stream.push(SseEvent{id, "progress", text})) return false;
  }
  if (!view->over) return true;
  reader.stream.push(SseEvent{id, "end", R"({"reason":"final state"})"});
  reader.stream.close();
  return false;
}

void Streams::send_progress(const ContractId& contract) {
  const auto progress = relay_.progress(contract);
  const auto job = engine_.read([&](const Machine& machine) {
    const protocol::ContractRow* row = machine.contracts().table().find(contract);
    return row == nullptr ? std::nullopt : std::optional(row->job);
  });
  if (!progress || !job) return;
  auto [at, end] = jobs_.equal_range(*job);
  while (at != end) {
    const std::string text = at->second.with_notes ? *progress : without_note(*progress);
    at = at->second.stream.push(SseEvent{"", "progress", text}) ? std::next(at) : jobs_.erase(at);
  }
}

void Streams::subscribe_assignments(const AccountId& provider, SseStream stream) {
  post([this, provider, stream = std::move(stream)]() mutable {
    const auto live = engine_.read([&](const Machine& machine) {
      const auto* contracts = machine.contracts().index().live_of(provider);
      return contracts != nullptr ? *contracts : std::set<ContractId>();
    });
    assignments_.emplace(provider, std::move(stream));
    for (const ContractId& contract : live) send_assignment(contract);
  });
}

void Streams::send_assignment(const ContractId& contract) {
  if (assignments_.empty()) return;
  AccountId provider;
  const auto text =
      read_contract(engine_, contract, [&](const Machine&, const protocol::ContractRow& row, const auto* /*archived*/) {
        provider = row.provider;
        return dump({{"contract", contract.text()},
                     {"job", row.job.text()},
                     {"node", row.node.text()},
                     {"state", contract_state_name(row.state)}});
      });
  if (!text) spdlog::critical("{}", text.error().text);
  if (!text || !*text) return;
  auto [at, end] = assignments_.equal_range(provider);
  if (at == end) return;
  const SseFrame frame = http::encode_event({"", "assignment", **text});
  while (at != end) at = at->second.push(frame) ? std::next(at) : assignments_.erase(at);
}

void Streams::subscribe_logs(const ContractId& contract, const LogSizes& from, SseStream stream) {
  post([this, contract, reader = LogReader{std::move(stream), from}]() mutable {
    if (send_logs(contract, reader)) logs_.emplace(contract, std::move(reader));
  });
}

bool Streams::send_logs(const ContractId& contract, LogReader& reader) {
  // The state first: what was appended before the job stopped is then among the sizes that follow.
  const bool running = engine_.read([&](const Machine& machine) {
    const protocol::ContractRow* row = machine.contracts().table().find(contract);
    return row != nullptr && row->state < ContractState::Delivered;
  });
  const LogSizes sizes = relay_.log_sizes(contract);
  std::size_t sent = 0;
  for (std::size_t i = 0; i < kLogStreamCount; ++i) {
    const auto stream = static_cast<LogStream>(i);
    while (reader.position[i] < sizes[i]) {
      if (sent >= kLogTurn) {
        logs_left_ = true;
        return true;
      }
      const auto bytes = relay_.read_log(contract, stream, reader.position[i], kLogPiece);
      if (!bytes || bytes->empty()) break;
      const std::uint64_t offset = reader.position[i];
      reader.position[i] += bytes->size();
      sent += bytes->size();
      const std::string data = fmt::format(R"({{"offset":{},"stream":"{}","text":"{}"}})", offset,
                                           log_stream_name(stream), to_base64(as_bytes(*bytes)));
      if (!reader.stream.push(SseEvent{format_log_position(reader.position), "log", data})) return false;
    }
  }
  if (running) return true;
  reader.stream.push(SseEvent{format_log_position(reader.position), "end", R"({"reason":"the job no longer runs"})"});
  reader.stream.close();
  return false;
}

}  // namespace starminer::api
