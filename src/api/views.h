// Event streams of questions whose answer changes with the state: a reader gets the whole answer first, then what
// became another. The questions are asked again after blocks, at most twice a second and for at most a quarter of the
// time of the one thread that asks, however many readers and nodes there are; so a reader may be late, and is never
// wrong for good. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/http/sse.h"
#include "api/node_query.h"
#include "base/hash.h"

namespace starminer::api {

class RecentMatches;

class Views {
 public:
  Views(const engine::Engine& engine, const RecentMatches& matches) : engine_(engine), matches_(matches) {}
  ~Views() { stop(); }
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  void start();
  /// Ends all streams.
  void stop();
  /// Listener of the engine; cheap.
  void on_block();

  /// The first `limit` nodes of the answer, as event `nodes`: rows that are new or changed, the ids of all in order.
  void subscribe_nodes(NodeQuery query, std::size_t limit, http::SseStream stream);
  /// Events `queues` and `matches`: what GET /v1/queues and GET /v1/matches answer, whenever it is another.
  void subscribe_market(http::SseStream stream);

 private:
  struct MarketReader {
    http::SseStream stream;
    Hash32 queues{};
    Hash32 matches{};
  };
  struct NodeReader {
    http::SseStream stream;
    NodeQuery query;
    std::size_t limit = 0;
    std::map<std::string, Hash32> sent{};  // by id
    Hash32 listed{};                       // of ids and count as they were sent
    bool told = false;
  };

  void run();
  void ask_all(std::vector<NodeReader>& readers);
  void ask_all(std::vector<MarketReader>& readers);
  /// False when the stream has ended.
  [[nodiscard]] bool tell(NodeReader& reader);

  const engine::Engine& engine_;
  const RecentMatches& matches_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<NodeReader> fresh_;
  std::vector<MarketReader> fresh_market_;
  bool changed_ = false;
  bool stopping_ = false;
  std::thread thread_;

  // Of the thread alone
  std::vector<NodeReader> nodes_;
  std::vector<MarketReader> market_;
  bool left_ = false;  // a reader was not told everything, as one event has a bounded size
};

}  // namespace starminer::api
