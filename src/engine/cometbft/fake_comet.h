// CometBFT's RPC in the test's process, over a real socket: what is broadcast goes to CheckTx of one engine and into a
// mempool, from which the test makes blocks. Can be away, full, behind, or of another chain.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/http/server.h"
#include "base/check.h"
#include "engine/cometbft/engine.h"

namespace starminer::engine::cometbft {

class FakeComet {
 public:
  explicit FakeComet(std::string network) : network_(std::move(network)) { start(); }
  ~FakeComet() { stop(); }
  FakeComet(const FakeComet&) = delete;
  FakeComet& operator=(const FakeComet&) = delete;

  void stop() { server_.reset(); }
  /// On the port of before.
  void start() {
    api::http::ServerOptions options;
    options.port = port_;
    api::http::Router router;
    router.add(api::http::Method::Post, "/", [this](const api::http::Request& request) {
      return api::http::Response::json(answer(nlohmann::json::parse(request.body)).dump());
    });
    server_ = std::make_unique<api::http::Server>(std::move(options), std::move(router));
    STARMINER_CHECK(server_->start().has_value());
    port_ = server_->port();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void set_engine(Engine* engine) {
    const std::lock_guard lock(mutex_);
    engine_ = engine;
  }
  /// What waits, which is then gone from here; the cache still knows it.
  [[nodiscard]] std::vector<Bytes> take_mempool() {
    const std::lock_guard lock(mutex_);
    return std::exchange(mempool_, {});
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return mempool_.size();
  }
  /// Waits until so many are in the mempool.
  void expect_waiting(std::size_t count) const {
    for (int i = 0; i < 1'000 && waiting() < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(waiting(), count);
  }

  std::atomic<bool> full{false};
  std::atomic<bool> catching_up{false};
  std::atomic<std::size_t> requests{0};

 private:
  nlohmann::json answer(const nlohmann::json& body) {
    ++requests;
    if (!body.is_array()) return answer_one(body);
    nlohmann::json answers = nlohmann::json::array();
    for (const auto& one : body) answers.push_back(answer_one(one));
    return answers.size() == 1 ? answers.front() : answers;  // as CometBFT does
  }
  nlohmann::json answer_one(const nlohmann::json& request) {
    nlohmann::json answer = {{"jsonrpc", "2.0"}, {"id", request["id"]}};
    if (request["method"] == "status") {
      answer["result"] = {{"node_info", {{"network", network_}, {"version", "0.38.25"}}},
                          {"sync_info", {{"latest_block_height", "7"}, {"catching_up", catching_up.load()}}},
                          {"validator_info", {{"voting_power", "10"}}}};
      return answer;
    }
    const auto fail = [&](const char* why) {
      answer["error"] = {{"code", -32603}, {"message", "Internal error"}, {"data", why}};
      return answer;
    };
    const std::lock_guard lock(mutex_);
    const Bytes tx = *from_base64(request["params"]["tx"].get<std::string>());
    if (full) return fail("mempool is full: number of txs 5000 (max: 5000), total txs bytes 1 (max: 2)");
    if (!cache_.insert(sha256(ByteView(tx))).second) return fail("tx already exists in cache");
    abci::RequestCheckTx check;
    check.set_tx(to_text(tx));
    const abci::ResponseCheckTx verdict = engine_->check({&check}).front();
    if (verdict.code() == 0) {
      mempool_.push_back(tx);
    } else {
      cache_.erase(sha256(ByteView(tx)));
    }
    answer["result"] = {{"code", verdict.code()},
                        {"data", to_hex(as_bytes(verdict.data()))},
                        {"log", verdict.log()},
                        {"codespace", verdict.codespace()},
                        {"hash", sha256(ByteView(tx)).hex()}};
    return answer;
  }

  std::string network_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  Engine* engine_ = nullptr;
  std::vector<Bytes> mempool_;
  std::set<Hash32> cache_;
  std::unique_ptr<api::http::Server> server_;
};

}  // namespace starminer::engine::cometbft
