// Nodes found by filters, read in pages while the market goes on, and watched.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/http/target.h"
#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr auto kPatience = std::chrono::seconds(60);

struct Shape {
  std::string name;
  std::string hardware_class = "A100";
  std::string region = "eu-central";
  std::uint32_t devices = 1;
  std::uint32_t floor_32nds = 0;
};

class NodesTest : public ::testing::Test {
 protected:
  NodesTest() : fay_(world_.as("fay")), ada_(world_.as("ada")), anybody_(world_.anybody()) {
    v1::TransactionBody body;
    body.mutable_provider_register()->set_display_name("fay");
    send(*fay_, body);
  }

  std::string add(const Shape& shape) {
    v1::TransactionBody body = node_registration();
    v1::NodeRegister& node = *body.mutable_node_register();
    node.set_name(shape.name);
    node.mutable_hardware()->set_hardware_class(shape.hardware_class);
    if (shape.hardware_class == "H100") node.mutable_ratings(0)->set_cu_per_device_x1000(1'500);  // 1,104 to 2,760 pass
    node.mutable_hardware()->set_devices(shape.devices);
    node.mutable_offer()->set_region(shape.region);
    node.mutable_offer()->set_floor_32nds(shape.floor_32nds);
    return send(*fay_, body).subject;
  }
  void drain(const std::string& node) {
    v1::TransactionBody body;
    body.mutable_node_set_status()->set_node(wire(*NodeId::parse(node)));
    body.mutable_node_set_status()->set_change(v1::NodeSetStatus::DRAIN);
    send(*fay_, body);
  }
  static std::string target(const std::string& where, const std::string& sort = {}, const std::string& rest = {}) {
    std::string text = "/v1/nodes?where=" + api::http::percent_encode(where);
    if (!sort.empty()) text += "&sort=" + api::http::percent_encode(sort);
    return text + rest;
  }
  std::vector<std::string> names(const std::string& where, const std::string& sort = "name") {
    std::vector<std::string> found;
    const json page = get(*anybody_, target(where, sort));
    for (const json& node : page["nodes"]) found.push_back(node["name"]);
    return found;
  }
  client::ApiError refused(const std::string& text) {
    const auto answer = anybody_->get(text);
    if (answer) ADD_FAILURE() << text;
    return answer ? client::ApiError{} : answer.error();
  }

  World world_;
  std::unique_ptr<client::Api> fay_, ada_, anybody_;
};

// REQ: REG-1
TEST_F(NodesTest, AreFoundByAFilterOverAnyAttribute) {
  add({"a", "A100", "eu-central", 4, 0});
  add({"b", "A100", "eu-west", 1, 32});
  add({"c", "H100", "us-east", 8, 16});
  drain(add({"d", "H100", "eu-north", 2, 0}));
  using List = std::vector<std::string>;
  EXPECT_EQ(names("class in [H100,A100] and region=eu and free>=4"), List({"a"}));
  EXPECT_EQ(names("region = eu"), List({"a", "b", "d"}));
  EXPECT_EQ(names("class = h100"), List({"c", "d"}));
  EXPECT_EQ(names("status = active and gpus > 1"), List({"a", "c"}));
  EXPECT_EQ(names("vram >= 80 and cpu >= 32 and ram = 128GiB and disk > 499 GiB"), List({"a", "b", "c", "d"}));
  EXPECT_EQ(names("floor > 0"), List({"b", "c"}));
  EXPECT_EQ(names("floor = 1"), List({"b"})) << "the anchor of an A100 is 1 AGPU";
  EXPECT_EQ(names("runtimes ~ pytorch and rating.training = 1 and rating.inference = 0"), List({"a", "b"}));
  EXPECT_EQ(names("rating.training = 1.5"), List({"c", "d"}));
  EXPECT_EQ(names("reputation > 0.5 or reputation.training = 0"), List({}));
  EXPECT_EQ(names("provider = " + fay_->address() + " and country = de and not energy_verified"),
            List({"a", "b", "c", "d"}));
  EXPECT_EQ(names("age > 10 min"), List({}));
  EXPECT_EQ(names("", "-gpus,name"), List({"c", "a", "d", "b"}));
  EXPECT_EQ(names("price.economy < 1 and price >= 0.9"), List({"a", "b"}));
}

// REQ: REG-1, MTP-2
TEST_F(NodesTest, AreSortedByThePriceThatTheyShow) {
  add({"a", "H100", "us-east", 1, 0});
  add({"b", "A100", "eu-central", 1, 0});
  add({"c", "A100", "eu-north", 1, 0});
  std::vector<std::uint64_t> prices;
  const json page = get(*anybody_, target("", "price"));
  for (const json& node : page["nodes"]) {
    prices.push_back(std::stoull(node["prices"]["Standard"].get<std::string>()));
    EXPECT_LT(std::stoull(node["prices"]["Economy"].get<std::string>()), prices.back());
  }
  ASSERT_EQ(prices.size(), 3U);
  EXPECT_TRUE(std::is_sorted(prices.begin(), prices.end()));
  EXPECT_LT(prices[0], prices[1]) << "eu-north is the cheaper region";
  // A plain job there would be quoted the very price.
  v1::JobSpec spec = job_spec(sha256("x"));
  spec.mutable_resources()->mutable_classes()->Clear();
  spec.mutable_resources()->add_classes("H100");
  const auto quote = anybody_->post_bytes("/v1/quotes", spec.SerializeAsString());
  ASSERT_TRUE(quote.has_value());
  EXPECT_EQ((*quote)["match"]["unit"], std::to_string(prices[2]));
}

// REQ: REG-1
TEST_F(NodesTest, PagesNeitherRepeatNorLoseWhatDoesNotChange) {
  std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> kept;  // floor, devices
  std::vector<std::string> changing;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const Shape shape{"node", "A100", "eu-central", 1 + i * 7 % 3, i * 13 % 5};
    const std::string id = add(shape);
    if (i % 5 == 4) {
      changing.push_back(id);
    } else {
      kept[id] = {shape.floor_32nds, shape.devices};
    }
  }
  const std::string base = target("status = active", "floor,-gpus", "&limit=6");
  std::vector<std::string> listed;
  json after;
  std::size_t pages = 0;
  do {
    const json page = get(*anybody_, base + (after.is_null() ? "" : "&after=" + after.get<std::string>()));
    ASSERT_LE(page["nodes"].size(), 6U);
    for (const json& node : page["nodes"]) listed.push_back(node["id"]);
    after = page["next"];
    // The market goes on: some nodes leave the answer and others enter it, before and behind the place.
    if (pages < changing.size()) drain(changing[pages]);
    add({"new", "A100", "eu-central", 1 + static_cast<std::uint32_t>(pages) % 3, 2});
    ++pages;
  } while (!after.is_null() && pages < 60);
  EXPECT_TRUE(after.is_null());
  std::vector<std::string> seen;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(seen),
               [&](const auto& id) { return kept.contains(id); });
  EXPECT_EQ(seen.size(), kept.size());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), kept.size());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(), [&](const std::string& a, const std::string& b) {
    return std::pair(kept[a].first, 10 - kept[a].second) < std::pair(kept[b].first, 10 - kept[b].second);
  }));
}

TEST_F(NodesTest, ErrorsPointAtThePlace) {
  const auto error = refused(target("class = H100 and vrma > 24"));
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.code, "bad_filter");
  EXPECT_THAT(error.detail, HasSubstr("where, column 18: there is no field 'vrma'"));
  EXPECT_THAT(error.advice, HasSubstr("did you mean 'vram'?"));
  EXPECT_THAT(error.members, ::testing::Contains(std::pair<std::string, std::string>("column", "18")));
  EXPECT_THAT(refused(target("class = H10O")).advice, HasSubstr("did you mean 'H100'?"));
  EXPECT_THAT(refused(target("region = moon")).advice, HasSubstr("eu-central"));
  EXPECT_EQ(refused(target("", "price,-fee")).code, "bad_sort");
  EXPECT_EQ(refused(target("", "runtimes")).code, "bad_sort");
  EXPECT_EQ(refused(target("", "age")).code, "bad_sort");
  EXPECT_EQ(refused(target("", "price", "&after=s00")).code, "bad_parameter");
  EXPECT_EQ(refused(target("", "", "&after=s00")).code, "bad_id");
  EXPECT_EQ(refused("/v1/streams/nodes?where=%28").code, "bad_filter");
  EXPECT_EQ(refused("/v1/streams/nodes?limit=201").code, "bad_query");
}

/// What a reader of the stream knows: rows by id, and the order.
class Watcher {
 public:
  Watcher(std::unique_ptr<client::Api> api, std::string target)
      : api_(std::move(api)), thread_([this, target = std::move(target)] {
          const auto ended = api_->events(
              target,
              [this](const api::http::SseEvent& event) {
                const json value = json::parse(event.data);
                const std::lock_guard lock(mutex_);
                ++events_;
                for (const json& node : value["nodes"]) rows_[node["id"]] = node;
                rows_told_ += value["nodes"].size();
                last_ = value;
                return true;
              },
              &cancel_, 0);
          static_cast<void>(ended);
        }) {}
  ~Watcher() {
    cancel_ = true;
    thread_.join();
  }
  /// Waits until the names in order are these.
  bool shows(const std::vector<std::string>& names) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (shown() == names) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  std::vector<std::string> shown() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    if (!last_.is_object()) return {"(nothing)"};
    for (const json& id : last_["order"]) {
      const auto row = rows_.find(id);
      names.push_back(row == rows_.end() ? "(unknown)" : row->second["name"].get<std::string>());
    }
    return names;
  }
  json last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::vector<json> rows() const {
    const std::lock_guard lock(mutex_);
    std::vector<json> all;
    for (const auto& [id, row] : rows_) all.push_back(row);
    return all;
  }
  std::size_t rows_told() const {
    const std::lock_guard lock(mutex_);
    return rows_told_;
  }

 private:
  std::unique_ptr<client::Api> api_;
  mutable std::mutex mutex_;
  std::map<std::string, json> rows_;
  json last_;
  std::size_t events_ = 0;
  std::size_t rows_told_ = 0;
  std::atomic<bool> cancel_{false};
  std::thread thread_;
};

// REQ: REG-1
TEST_F(NodesTest, AreWatchedAsTheyChange) {
  const std::string a = add({"a", "A100", "eu-central", 1, 0});
  add({"b", "A100", "eu-central", 2, 0});
  const std::string where = "?where=" + api::http::percent_encode("status = active and free >= 1");
  Watcher watcher(world_.anybody(), "/v1/streams/nodes" + where + "&sort=name");
  Watcher first(world_.anybody(), "/v1/streams/nodes?sort=-name&limit=1");
  ASSERT_TRUE(watcher.shows({"a", "b"}));
  ASSERT_TRUE(first.shows({"b"}));
  EXPECT_EQ(first.last()["matching"], 2);
  const json document = get(*anybody_, "/openapi.json");
  for (const json& row : watcher.rows()) EXPECT_EQ(mismatch(document, "Node", row), "");
  // A new node: only its row is sent.
  const std::size_t told = watcher.rows_told();
  add({"aa", "A100", "eu-central", 1, 0});
  ASSERT_TRUE(watcher.shows({"a", "aa", "b"}));
  EXPECT_EQ(watcher.rows_told(), told + 1);
  // One that no longer passes leaves the answer.
  drain(a);
  ASSERT_TRUE(watcher.shows({"aa", "b"}));
  // A job takes a node; its figures follow, or it leaves, whichever node it is.
  const std::string job = send(*ada_, job_submission(job_spec(sha256("x")))).subject;
  const std::string node = get(*anybody_, "/v1/contracts?job=" + job)["contracts"][0]["node"];
  const std::string name = get(*anybody_, "/v1/nodes/" + node)["name"];
  EXPECT_TRUE(watcher.shows(name == "aa" ? std::vector<std::string>{"b"} : std::vector<std::string>{"aa", "b"}));
}

}  // namespace
}  // namespace starminer::api_test
