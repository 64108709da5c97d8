// What a job says while it runs, what the streams tell of it, and that both outlive a restart.
#include <atomic>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

constexpr auto kPatience = std::chrono::seconds(60);

/// Waits for a condition that another thread brings about.
template <class F>
bool eventually(F condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// A stream read by a thread of its own.
class Reader {
 public:
  Reader(std::unique_ptr<client::Api> api, std::string target)
      : api_(std::move(api)), thread_([this, target = std::move(target)] {
          const auto ended = api_->events(
              target,
              [this](const api::http::SseEvent& event) {
                const std::lock_guard lock(mutex_);
                events_.push_back(event);
                return event.name != "end";
              },
              &cancel_, 0);
          if (!ended) fault_ = ended.error().code;
        }) {}
  ~Reader() {
    cancel_ = true;
    thread_.join();
  }
  std::vector<json> all(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    std::vector<json> found;
    for (const auto& event : events_) {
      if (event.name == name) found.push_back(json::parse(event.data));
    }
    return found;
  }
  bool has(std::string_view name, std::size_t count = 1) const { return all(name).size() >= count; }
  bool last_state_is(std::string_view name, std::string_view state) const {
    const auto found = all(name);
    return !found.empty() && found.back()["state"] == state;
  }

 private:
  std::unique_ptr<client::Api> api_;
  mutable std::mutex mutex_;
  std::vector<api::http::SseEvent> events_;
  std::atomic<bool> cancel_{false};
  std::string fault_;
  std::thread thread_;
};

class StreamsTest : public ::testing::Test {
 protected:
  explicit StreamsTest(WorldOptions options = {}) : world_(std::move(options)) {
    world_.add_node("fay");
    ada_ = world_.as("ada");
    fay_ = world_.as("fay");
  }

  void submit() {
    job_ = send(*ada_, job_submission(job_spec(sha256("x")))).subject;
    contract_ = get(*ada_, "/v1/jobs/" + job_)["contract"];
  }
  void acknowledge() {
    v1::TransactionBody body;
    body.mutable_contract_acknowledge()->set_contract(wire(contract_of(contract_)));
    send(*fay_, body);
  }
  void begin() {
    v1::TransactionBody body;
    body.mutable_contract_start()->set_contract(wire(contract_of(contract_)));
    send(*fay_, body);
  }
  void cancel() {
    v1::TransactionBody body;
    body.mutable_job_cancel()->set_job(wire(*JobId::parse(job_)));
    send(*ada_, body);
  }
  Result<json, client::ApiError> append(const std::string& stream, std::uint64_t offset, std::string_view bytes) {
    return fay_->post_bytes(
        "/v1/contracts/" + contract_ + "/logs?stream=" + stream + "&offset=" + std::to_string(offset), bytes);
  }
  std::string log_of(const std::string& stream) {
    return ada_->get_bytes("/v1/contracts/" + contract_ + "/logs?stream=" + stream).value_or("(none)");
  }

  World world_;
  std::unique_ptr<client::Api> ada_, fay_;
  std::string job_, contract_;
};

TEST_F(StreamsTest, AJobIsWatchedFromItsQueueToItsEnd) {
  Reader blocks(world_.anybody(), "/v1/streams/blocks");
  Reader assignments(world_.as("fay"), "/v1/assignments/stream");
  submit();
  Reader party(world_.as("ada"), "/v1/jobs/" + job_ + "/stream");
  Reader stranger(world_.anybody(), "/v1/jobs/" + job_ + "/stream");
  ASSERT_TRUE(eventually([&] { return party.has("contract") && stranger.has("contract"); }));
  acknowledge();
  begin();
  ASSERT_TRUE(eventually([&] { return party.last_state_is("contract", "running"); }));
  ASSERT_TRUE(fay_->post("/v1/contracts/" + contract_ + "/progress",
                         {{"run_ms", 5}, {"done", 3}, {"total", 10}, {"unit", "step"}, {"note", "loss 1.8"}}));
  ASSERT_TRUE(eventually([&] { return party.has("progress") && stranger.has("progress"); }));
  EXPECT_EQ(party.all("progress")[0]["note"], "loss 1.8");
  EXPECT_FALSE(stranger.all("progress")[0].contains("note"));
  EXPECT_EQ(stranger.all("progress")[0]["done"], 3);
  cancel();
  ASSERT_TRUE(eventually([&] { return party.has("end") && stranger.has("end"); }));
  const json last = party.all("job").back();
  EXPECT_NE(last["state"], "active");
  EXPECT_EQ(last["end_reason"], "cancelled_requester");
  ASSERT_TRUE(eventually([&] { return assignments.has("assignment", 4) && blocks.has("block", 3); }));
  std::vector<std::string> states;
  for (const json& event : assignments.all("assignment")) states.push_back(event["state"]);
  EXPECT_EQ(states.front(), "assigned");
  EXPECT_EQ(states.back(), "settled");
  // A job that has ended is told once, with its end.
  Reader late(world_.anybody(), "/v1/jobs/" + job_ + "/stream");
  ASSERT_TRUE(eventually([&] { return late.has("end"); }));
  EXPECT_EQ(late.all("job").size(), 1U);
}

TEST_F(StreamsTest, WhoComesLateGetsThePresentStateFirst) {
  submit();
  Reader assignments(world_.as("fay"), "/v1/assignments/stream");
  ASSERT_TRUE(eventually([&] { return assignments.has("assignment"); }));
  EXPECT_EQ(assignments.all("assignment")[0]["contract"], contract_);
  Reader prices(world_.anybody(), "/v1/streams/prices");
  ASSERT_TRUE(eventually([&] { return prices.has("prices"); }));
}

TEST_F(StreamsTest, LogsAreAppendedAtTheirOffsetAndReadByTheParties) {
  submit();
  acknowledge();
  EXPECT_EQ((*append("stdout", 0, "hello\n"))["size"], 6);
  const auto wrong = append("stdout", 2, "again");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().status, 409);
  EXPECT_EQ(wrong.error().code, "offset_mismatch");
  EXPECT_THAT(wrong.error().members, ::testing::Contains(std::pair<std::string, std::string>("expected", "6")));
  EXPECT_EQ((*append("stderr", 0, "warning"))["size"], 7);

  Reader logs(world_.as("ada"), "/v1/contracts/" + contract_ + "/logs/stream?from=2-0");
  ASSERT_TRUE(eventually([&] { return logs.has("log", 2); }));
  EXPECT_EQ(logs.all("log")[0], json({{"stream", "stdout"}, {"offset", 2}, {"text", to_base64(as_bytes("llo\n"))}}));
  EXPECT_EQ(log_of("stderr"), "warning");
  ASSERT_TRUE(append("stdout", 6, "world\n").has_value());
  ASSERT_TRUE(eventually([&] { return logs.has("log", 3); }));
  EXPECT_EQ(logs.all("log")[2]["offset"], 6);

  world_.restart();
  EXPECT_EQ(log_of("stdout"), "hello\nworld\n");
  EXPECT_EQ((*append("stdout", 12, "!"))["size"], 13);
  Reader resumed(world_.as("ada"), "/v1/contracts/" + contract_ + "/logs/stream");
  cancel();
  ASSERT_TRUE(eventually([&] { return resumed.has("end"); }));
  std::string text;
  for (const json& event : resumed.all("log")) {
    if (event["stream"] == "stdout") text += to_text(*from_base64(event["text"].get<std::string>()));
  }
  EXPECT_EQ(text, "hello\nworld\n!");
}

TEST_F(StreamsTest, ALongLogComesWholeThroughTheStream) {
  submit();
  std::string sent;
  for (int i = 0; i < 4; ++i) {
    const std::string piece(700'000, static_cast<char>('a' + i));
    ASSERT_TRUE(append("stdout", sent.size(), piece).has_value());
    sent += piece;
  }
  cancel();
  std::string received;
  const auto ended = ada_->events(
      "/v1/contracts/" + contract_ + "/logs/stream",
      [&](const api::http::SseEvent& event) {
        if (event.name == "log") received += to_text(*from_base64(json::parse(event.data)["text"].get<std::string>()));
        return event.name != "end";
      },
      nullptr, 100);
  ASSERT_TRUE(ended.has_value()) << client::describe(ended.error());
  EXPECT_EQ(received.size(), sent.size());
  EXPECT_TRUE(received == sent);
}

TEST_F(StreamsTest, ProgressIsKeptAndClosedWithTheContract) {
  submit();
  const std::string target = "/v1/contracts/" + contract_ + "/progress";
  const auto none = ada_->get(target);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, "no_progress");
  ASSERT_TRUE(fay_->post(target, {{"run_ms", 7}}));
  world_.restart();
  const json progress = get(*ada_, target);
  EXPECT_EQ(mismatch(get(*ada_, "/openapi.json"), "Progress", progress), "");
  EXPECT_EQ(progress["run_ms"], 7);
  cancel();
  const auto late = fay_->post(target, {{"run_ms", 8}});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, "contract_ended");
}

TEST_F(StreamsTest, BlocksAreResumedAfterTheLastOneSeen) {
  for (int i = 0; i < 3; ++i) send(*ada_, transfer(fay_->key()->account(), 1));
  const std::uint64_t height = get(*ada_, "/v1/status")["height"];
  auto http = api::http::HttpClient::make(world_.url());
  api::http::EventOptions options;
  options.last_event_id = std::to_string(height - 2);
  options.reconnects_max = 0;
  std::vector<std::uint64_t> heights;
  const auto ended = (*http)->events(
      "/v1/streams/blocks",
      [&](const api::http::SseEvent& event) {
        heights.push_back(json::parse(event.data)["height"]);
        return heights.size() < 2;
      },
      options);
  ASSERT_TRUE(ended.has_value());
  EXPECT_THAT(heights, ElementsAre(height - 1, height));
}

class UpkeepTest : public StreamsTest {
 protected:
  UpkeepTest() : StreamsTest(options()) {}
  static WorldOptions options() {
    WorldOptions options;
    options.service = [](api::ServiceOptions& service) {
      service.upkeep_every_ms = 20;
      service.logs_kept_ms = 0;
    };
    options.artifacts = [](artifacts::StoreLimits& limits) { limits.partial_ttl = std::chrono::seconds(2); };
    return options;
  }
};

TEST_F(UpkeepTest, WhatAJobNeedsStaysAndTheRestExpires) {
  const auto manifest = ada_->upload_text("the job");
  const auto input = ada_->upload_text("the input");
  ASSERT_TRUE(manifest && input);
  job_ = send(*ada_, job_submission(job_spec(*manifest, {*input}))).subject;
  contract_ = get(*ada_, "/v1/jobs/" + job_)["contract"];
  const auto unused = ada_->upload_text("needed by nobody");
  ASSERT_TRUE(unused && append("stdout", 0, "x"));
  ASSERT_TRUE(eventually([&] { return !world_.artifacts().find(*unused).has_value(); }));
  EXPECT_TRUE(world_.artifacts().find(*manifest).has_value());
  EXPECT_TRUE(world_.artifacts().find(*input).has_value());
  EXPECT_EQ(log_of("stdout"), "x");
  cancel();
  ASSERT_TRUE(eventually([&] { return log_of("stdout").empty(); })) << "logs of an ended contract go";
}

class TelemetryTest : public StreamsTest {
 protected:
  TelemetryTest()
      : StreamsTest(
            {protocol::Preset::Dev, [](api::ServiceOptions& options) { options.watches_beats = true; }, {}, {}}) {}
};

TEST_F(TelemetryTest, ASilentNodeIsSuspectUntilItBeatsAgain) {
  const json node = get(*ada_, "/v1/nodes")["nodes"][0];
  const std::string target = "/v1/nodes/" + node["id"].get<std::string>();
  EXPECT_EQ(node["status"], "active");
  ASSERT_TRUE(eventually([&] { return get(*ada_, target)["status"] == "suspect"; }));
  ASSERT_TRUE(eventually([&] {
    EXPECT_TRUE(fay_->post("/v1/beats", {{"nodes", {node["id"]}}}).has_value());
    return get(*ada_, target)["status"] == "active";
  }));
}

}  // namespace
}  // namespace starminer::api_test
