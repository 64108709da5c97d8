// Demand as anybody sees it: queues by class and tier, newest matches, why a job waits and what would change it.
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
using ::testing::HasSubstr;

constexpr auto kPatience = std::chrono::seconds(60);

class QueuesTest : public ::testing::Test {
 protected:
  QueuesTest()
      : node_(world_.add_node("fay")),
        ada_(world_.as("ada")),
        anybody_(world_.anybody()),
        document_(get(*anybody_, "/openapi.json")) {}

  std::string submit(v1::JobSpec spec) { return send(*ada_, job_submission(spec)).subject; }
  json class_row(const std::string& name) {
    const json queues = get(*anybody_, "/v1/queues");
    EXPECT_EQ(mismatch(document_, "Queues", queues), "");
    for (const json& row : queues["queues"]) {
      if (row["class"] == name) return row;
    }
    return nullptr;
  }
  static json tier_row(const json& row, const std::string& tier) {
    for (const json& entry : row["tiers"]) {
      if (entry["tier"] == tier) return entry;
    }
    return nullptr;
  }
  json explained(const std::string& id) {
    json answer = get(*anybody_, "/v1/matches/" + id + "/explain");
    EXPECT_EQ(mismatch(document_, "Explanation", answer), "");
    return answer;
  }

  World world_;
  std::string node_;
  std::unique_ptr<client::Api> ada_, anybody_;
  json document_;
};

// REQ: QUE-1, MTP-1
TEST_F(QueuesTest, ShowLoadPricesAndWhoIsFirst) {
  json row = class_row("A100");
  EXPECT_EQ(row["nodes"], 1);
  EXPECT_EQ(row["load_ppm"], 0);
  EXPECT_TRUE(row["head"].is_null());
  const json prices = get(*anybody_, "/v1/prices");
  for (const json& price : prices["prices"]) {
    if (price["class"] == "A100") {
      EXPECT_EQ(tier_row(row, price["tier"])["price"], price["price"]);
    }
  }

  const std::string running = submit(job_spec(sha256("a")));
  const std::string first = submit(job_spec(sha256("b")));
  v1::JobSpec economy = job_spec(sha256("c"));
  economy.set_tier(v1::ECONOMY);
  submit(economy);
  row = class_row("A100");
  EXPECT_EQ(row["load_ppm"], 1'000'000);
  EXPECT_EQ(row["running"], 1);
  EXPECT_EQ(row["waiting"], 2);
  EXPECT_EQ(tier_row(row, "Standard")["running"], 1);
  EXPECT_EQ(tier_row(row, "Standard")["waiting"], 1);
  EXPECT_EQ(tier_row(row, "Economy")["waiting"], 1);
  EXPECT_EQ(row["head"]["job"], first);
  EXPECT_EQ(row["head"]["gpus_milli"], 1'000);
  // The one node is held for it until what runs there must have ended.
  const json why = explained(first);
  EXPECT_EQ(why["held"]["node"], node_);
  EXPECT_EQ(row["head"]["starts_by_ms"], why["held"]["starts_by_ms"]);
  EXPECT_GT(why["held"]["starts_by_ms"].get<std::uint64_t>(), row["head"]["submitted_ms"].get<std::uint64_t>());
  EXPECT_THAT(why["sentence"], HasSubstr("1 suit it and are busy; wait: it starts within"));
  EXPECT_TRUE(why["relaxations"].empty());
  EXPECT_EQ(class_row("H100")["waiting"], 0);
}

TEST_F(QueuesTest, NewestMatchesComeFirstAndSurviveARestart) {
  const json none = get(*anybody_, "/v1/matches");
  EXPECT_TRUE(none["matches"].empty());
  const std::string one = submit(job_spec(sha256("a")));
  world_.add_node("gus");
  const std::string two = submit(job_spec(sha256("b")));
  const auto jobs = [&](const std::string& target) {
    const json answer = get(*world_.anybody(), target);
    EXPECT_EQ(mismatch(document_, "RecentMatches", answer), "");
    std::vector<std::string> listed;
    for (const json& match : answer["matches"]) listed.push_back(match["job"]);
    return listed;
  };
  // A receipt comes when the block is on disk; what listens to blocks is told just after.
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (jobs("/v1/matches").size() < 2 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(jobs("/v1/matches"), (std::vector<std::string>{two, one}));
  EXPECT_EQ(jobs("/v1/matches?limit=1"), (std::vector<std::string>{two}));
  world_.restart();
  EXPECT_EQ(jobs("/v1/matches"), (std::vector<std::string>{two, one}));
  EXPECT_EQ(anybody_->get("/v1/matches?limit=201").error().code, "bad_query");
}

// REQ: WRK-4
TEST_F(QueuesTest, WhoMustWaitIsToldWhenItStartsAndWhatWasToldIsJudged) {
  const auto fay = world_.as("fay");
  const auto act = [](client::Api& api, const auto& fill) {
    v1::TransactionBody body;
    fill(body);
    send(api, body);
  };
  const auto cancel = [&](const std::string& job) {
    act(*ada_, [&](v1::TransactionBody& body) { body.mutable_job_cancel()->set_job(wire(*JobId::parse(job))); });
  };
  const auto start = [&](const std::string& job) {
    const std::string contract = wire(contract_of(get(*anybody_, "/v1/jobs/" + job)["contract"]));
    act(*fay, [&](v1::TransactionBody& body) { body.mutable_contract_acknowledge()->set_contract(contract); });
    act(*fay, [&](v1::TransactionBody& body) { body.mutable_contract_start()->set_contract(contract); });
  };
  const auto predictions = [&](const auto& holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      json answer = get(*anybody_, "/v1/predictions");
      EXPECT_EQ(mismatch(document_, "Predictions", answer), "");
      if (holds(answer) || std::chrono::steady_clock::now() > end) return answer;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  };
  const auto quoted = [&] {
    const auto answer =
        ada_->post_bytes("/v1/quotes?account=" + ada_->address(), job_spec(sha256("q")).SerializeAsString());
    if (!answer) ADD_FAILURE() << client::describe(answer.error());
    return answer ? (*answer)["predicted"] : json();
  };
  const json now = quoted();
  EXPECT_EQ(now["start_p90_ms"], 0) << "a node is free";
  EXPECT_GT(now["end_p90_ms"].get<std::uint64_t>(), now["end_p50_ms"].get<std::uint64_t>());

  const std::string running = submit(job_spec(sha256("a")));
  start(running);
  const std::string waiting = submit(job_spec(sha256("b")));
  const json told = explained(waiting)["predicted"];
  EXPECT_EQ(mismatch(document_, "Prediction", told), "");
  const auto p50 = told["start_p50_ms"].get<std::uint64_t>();
  const auto p90 = told["start_p90_ms"].get<std::uint64_t>();
  EXPECT_GT(p50, 0U);
  EXPECT_GE(p90, p50);
  EXPECT_LE(p90, 3'600'000U) << "what runs ends by its max_s";
  EXPECT_GE(quoted()["start_p50_ms"].get<std::uint64_t>(), p50) << "behind it";
  EXPECT_TRUE(explained(running)["predicted"].is_null()) << "it runs";
  EXPECT_EQ(predictions([](const json& answer) { return answer["open"] == 1; })["open"], 1);

  cancel(running);
  start(waiting);
  cancel(waiting);
  const json judged = predictions([](const json& answer) { return answer["sizes"][0]["end"][1]["judged"] == 1; });
  for (const char* what : {"start", "end"}) {
    for (const json& quantile : judged["sizes"][0][what]) {
      EXPECT_EQ(quantile["judged"], 1) << what;
      EXPECT_EQ(quantile["kept_ppm"], 1'000'000) << "much earlier than told";
      EXPECT_FALSE(quantile["median_error_ppm"].is_null());
    }
  }
  EXPECT_EQ(judged["open"], 0);
  EXPECT_EQ(judged["sizes"][2]["start"][0]["judged"], 0);
}

// REQ: MAT-6
TEST_F(QueuesTest, ExplainNamesTheCheapestChangeThatYieldsAMatch) {
  v1::JobSpec spec = job_spec(sha256("a"));
  spec.set_max_price(800'000'000);
  spec.mutable_resources()->set_classes(0, "A100");
  const std::string job = submit(spec);
  json why = explained(job);
  EXPECT_EQ(why["state"], "queued");
  EXPECT_TRUE(why["parked"]);
  ASSERT_EQ(why["relaxations"].size(), 1U);
  const json& change = why["relaxations"][0]["changes"][0];
  EXPECT_EQ(change["constraint"], "price");
  EXPECT_EQ(change["field"], "max_price");
  EXPECT_EQ(change["from"], "800000000");
  EXPECT_EQ(change["to"], why["exclusions"]["cheapest_over_cap"]);
  EXPECT_THAT(why["sentence"], HasSubstr("1 free but over your max_price by"));
  // The same job with that change starts; with a unit less it does not.
  const std::uint64_t enough = std::stoull(change["to"].get<std::string>());
  spec.set_max_price(enough - 1);
  EXPECT_TRUE(get(*anybody_, "/v1/jobs/" + submit(spec))["contract"].is_null());
  spec.set_max_price(enough);
  const std::string started = submit(spec);
  const json contract = get(*anybody_, "/v1/jobs/" + started)["contract"];
  ASSERT_FALSE(contract.is_null());
  EXPECT_EQ(explained(started)["contract"], contract);
  const json match = get(*anybody_, "/v1/contracts/" + contract.get<std::string>())["match"];
  std::uint64_t points = 0;
  for (const auto& [term, part] : match["parts"].items()) {
    points += part.get<std::uint64_t>() * match["weights"][term].get<std::uint64_t>();
  }
  EXPECT_EQ(match["score"], points);
  // A match is explained by its contract, too; the job runs, and nothing would have to change.
  why = explained(contract);
  EXPECT_EQ(why["id"], started);
  EXPECT_TRUE(why["relaxations"].empty());
  EXPECT_EQ(anybody_->get("/v1/matches/xyz/explain").error().code, "bad_id");
  // Over its price and busy: no single change helps, and the sentence says what is in the way.
  why = explained(job);
  EXPECT_TRUE(why["relaxations"].empty());
  EXPECT_EQ(why["sentence"], "1 node: price above max_price");
}

/// Events of a stream by name.
class Events {
 public:
  Events(std::unique_ptr<client::Api> api, const std::string& target)
      : api_(std::move(api)), thread_([this, target] {
          static_cast<void>(api_->events(
              target,
              [this](const api::http::SseEvent& event) {
                const std::lock_guard lock(mutex_);
                last_[event.name] = json::parse(event.data);
                return true;
              },
              &cancel_, 0));
        }) {}
  ~Events() {
    cancel_ = true;
    thread_.join();
  }
  template <class F>
  bool eventually(F holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      {
        const std::lock_guard lock(mutex_);
        if (last_.contains("queues") && last_.contains("matches") && holds(last_["queues"], last_["matches"]))
          return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

 private:
  std::unique_ptr<client::Api> api_;
  std::mutex mutex_;
  std::map<std::string, json> last_;
  std::atomic<bool> cancel_{false};
  std::thread thread_;
};

TEST_F(QueuesTest, TheStreamOfTheMarketTellsWhatTheQuestionsAnswer) {
  Events events(world_.anybody(), "/v1/streams/market");
  EXPECT_TRUE(events.eventually([](const json&, const json& matches) { return matches["matches"].empty(); }));
  const std::string job = submit(job_spec(sha256("a")));
  submit(job_spec(sha256("b")));
  EXPECT_TRUE(events.eventually([&](const json& queues, const json& matches) {
    return matches["matches"].size() == 1 && matches["matches"][0]["job"] == job &&
           queues == get(*anybody_, "/v1/queues");
  }));
}

}  // namespace
}  // namespace starminer::api_test
