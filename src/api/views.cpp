#include "api/views.h"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/json_text.h"
#include "api/recent_matches.h"
#include "api/render.h"

namespace starminer::api {
namespace {

using engine::Engine;
using http::SseEvent;
using http::SseStream;
using nlohmann::json;
using std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(500);
// The thread rests three times as long as it worked.
constexpr int kRest = 3;
// Newest ones in the view of the market.
constexpr std::size_t kMatches = 20;
// Of rows in one event; below the bound of a reader's queue. What has no room comes with the next one.
constexpr std::size_t kRowBytesMax = 128U << 10U;

template <class Reader>
void erase_closed(std::vector<Reader>& readers) {
  std::erase_if(readers, [](const Reader& reader) { return !reader.stream.is_open(); });
}

}  // namespace

void Views::start() {
  thread_ = std::thread([this] { run(); });
}

void Views::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Views::on_block() {
  {
    const std::lock_guard lock(mutex_);
    changed_ = true;
  }
  wake_.notify_one();
}

void Views::subscribe_nodes(NodeQuery query, std::size_t limit, SseStream stream) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    fresh_.push_back({std::move(stream), std::move(query), limit});
  }
  wake_.notify_one();
}

void Views::subscribe_market(SseStream stream) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    fresh_market_.push_back({std::move(stream)});
  }
  wake_.notify_one();
}

void Views::run() {
  steady_clock::time_point due = steady_clock::now();
  std::unique_lock lock(mutex_);
  const auto has_fresh = [this] { return stopping_ || !fresh_.empty() || !fresh_market_.empty(); };
  while (!stopping_) {
    if (changed_ || left_) {
      wake_.wait_until(lock, due, has_fresh);
    } else {
      wake_.wait(lock, [&] { return has_fresh() || changed_; });
    }
    if (stopping_) break;
    const bool again = (changed_ || left_) && steady_clock::now() >= due;
    if (again) changed_ = false;
    auto fresh = std::exchange(fresh_, {});
    auto fresh_market = std::exchange(fresh_market_, {});
    lock.unlock();
    const auto began = steady_clock::now();
    if (again) {
      left_ = false;
      ask_all(nodes_);
      ask_all(market_);
    }
    ask_all(fresh);
    ask_all(fresh_market);
    std::move(fresh.begin(), fresh.end(), std::back_inserter(nodes_));
    std::move(fresh_market.begin(), fresh_market.end(), std::back_inserter(market_));
    const auto ended = steady_clock::now();
    const auto rest = kRest * (ended - began);
    due = again ? ended + std::max<steady_clock::duration>(kPause, rest) : std::max(due, ended + rest);
    lock.lock();
  }
  for (NodeReader& reader : nodes_) reader.stream.close();
  for (NodeReader& reader : fresh_) reader.stream.close();
  for (MarketReader& reader : market_) reader.stream.close();
  for (MarketReader& reader : fresh_market_) reader.stream.close();
}

void Views::ask_all(std::vector<MarketReader>& readers) {
  erase_closed(readers);
  if (readers.empty()) return;
  const std::string queues =
      dump(engine_.read([](const protocol::Machine& machine) { return render_queues(machine, Engine::wall_clock()); }));
  const auto newest = matches_.render(kMatches);
  if (!newest) spdlog::critical("{}", newest.error().text);
  const std::string matches = newest ? dump(*newest) : std::string();
  const auto tell_if_new = [](MarketReader& reader, Hash32& sent, const char* name, const std::string& text) {
    const Hash32 hash = sha256(text);
    if (text.empty() || hash == sent) return true;
    sent = hash;
    return reader.stream.push(SseEvent{"", name, text});
  };
  std::erase_if(readers, [&](MarketReader& reader) {
    return !tell_if_new(reader, reader.queues, "queues", queues) ||
           !tell_if_new(reader, reader.matches, "matches", matches);
  });
}

void Views::ask_all(std::vector<NodeReader>& readers) {
  erase_closed(readers);
  std::erase_if(readers, [this](NodeReader& reader) { return !tell(reader); });
}

bool Views::tell(NodeReader& reader) {
  const NodeQuery::Page page = reader.query.first(engine_, reader.limit);
  const json rows = render_found(engine_, page.rows);
  json ids = json::array();
  json changed = json::array();
  std::map<std::string, Hash32> kept;
  std::size_t bytes = 0;
  for (const json& row : rows) {
    const std::string id = row["id"].get<std::string>();
    ids.push_back(id);
    const std::string text = dump(row);
    const Hash32 hash = sha256(text);
    const auto before = reader.sent.find(id);
    if (before != reader.sent.end() && before->second == hash) {
      kept.emplace(id, hash);
    } else if (bytes + text.size() <= kRowBytesMax || changed.empty()) {
      bytes += text.size();
      kept.emplace(id, hash);
      changed.push_back(row);
    } else {
      left_ = true;
    }
  }
  const json listed = {{"order", std::move(ids)}, {"matching", page.matching}};
  const Hash32 listed_hash = sha256(dump(listed));
  reader.sent = std::move(kept);
  if (reader.told && changed.empty() && listed_hash == reader.listed) return true;
  reader.told = true;
  reader.listed = listed_hash;
  json event = listed;
  event["nodes"] = std::move(changed);
  return reader.stream.push(SseEvent{"", "nodes", dump(event)});
}

}  // namespace starminer::api
