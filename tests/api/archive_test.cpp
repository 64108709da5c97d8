// A job that has left the state by passing time: shown as before, listed, proven, its results and logs readable by
// their parties, after a restart, too; and the chain with it replays.
#include <chrono>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/audit/history.h"
#include "protocol/machine.h"
#include "storage/replay.h"
#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using protocol::audit::HistoryTree;
using protocol::state::TableId;
using ::testing::ElementsAre;

WorldOptions short_memory() {
  WorldOptions options;
  options.parameters = {{protocol::Parameter::ArchiveAfterMs, 1'000}, {protocol::Parameter::AckMs, 300'000}};
  return options;
}

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() : world_(short_memory()) {
    document_ = get(*anybody_, "/openapi.json");
    world_.add_node("fay");
  }

  void fits(const char* schema, const json& value) { EXPECT_EQ(mismatch(document_, schema, value), ""); }

  Hash32 upload(client::Api& api, const std::string& text) {
    const auto hash = api.upload_text(text);
    if (!hash) ADD_FAILURE() << client::describe(hash.error());
    return hash.value_or(Hash32{});
  }
  std::string submit() {
    manifest_ = upload(*ada_, "the job");
    return send(*ada_, job_submission(job_spec(manifest_))).subject;
  }
  void cancel(const std::string& job) {
    v1::TransactionBody body;
    body.mutable_job_cancel()->set_job(wire(*JobId::parse(job)));
    send(*ada_, body);
  }
  /// A job that ran, wrote a line and was paid; gives its contract.
  std::string run(const std::string& job) {
    const std::string contract = get(*anybody_, "/v1/jobs/" + job)["contract"];
    const std::string id = wire(contract_of(contract));
    v1::TransactionBody body;
    body.mutable_contract_acknowledge()->set_contract(id);
    send(*fay_, body);
    body.mutable_contract_start()->set_contract(id);
    send(*fay_, body);
    EXPECT_TRUE(fay_->post_bytes("/v1/contracts/" + contract + "/logs?stream=stdout&offset=0", "a line\n").has_value());
    output_ = upload(*fay_, "weights");
    auto& message = *body.mutable_contract_complete();
    message.set_contract(id);
    message.set_run_ms(1'000);
    message.set_result_hash(wire(upload(*fay_, R"({"version":1,"outputs":[]})")));
    message.add_outputs(wire(output_));
    message.set_proof_hash(wire(upload(*fay_, "proof")));
    send(*fay_, body);
    body.mutable_contract_accept()->set_contract(id);
    send(*ada_, body);
    return contract;
  }
  /// Waits for time to take the job out of the state.
  json wait_for_archive(const std::string& job) {
    for (;;) {
      json shown = get(*anybody_, "/v1/jobs/" + job);
      if (!shown["archived"].is_null()) return shown;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  void expect_proven(const std::string& path, const json& archived) {
    const json proof = get(*anybody_, path);
    fits("Proof", proof);
    EXPECT_EQ(proof["leaf_index"], archived["leaf_index"]);
    HistoryTree::Proof hashes;
    for (const json& hash : proof["path"]) hashes.push_back(*Hash32::from_hex(hash.get<std::string>()));
    const Hash32 root = *Hash32::from_hex(proof["history_root"].get<std::string>());
    const Hash32 leaf = HistoryTree::leaf_hash(*from_hex(proof["leaf"].get<std::string>()));
    EXPECT_TRUE(HistoryTree::verify_inclusion(root, proof["tree_size"], proof["leaf_index"], leaf, hashes));
  }
  void expect_absent(TableId table, const Bytes& key) {
    const auto answer =
        anybody_->post("/v1/proofs", {{"rows", {{{"table", static_cast<unsigned>(table)}, {"key", to_hex(key)}}}}});
    ASSERT_TRUE(answer.has_value());
    const json& row = (*answer)["rows"][0];
    EXPECT_TRUE(row["row"].is_null());
    const auto proof = decode<protocol::state::MerkleProof>(*from_hex(row["proof"].get<std::string>()));
    ASSERT_TRUE(proof.has_value());
    const Hash32 root = *Hash32::from_hex((*answer)["state_root"].get<std::string>());
    EXPECT_TRUE(verify_merkle_proof(root, protocol::state::row_path(table, key), std::nullopt, *proof));
  }
  std::vector<std::string> listed(const std::string& target, const char* name) {
    std::vector<std::string> ids;
    const json page = get(*anybody_, target);
    for (const json& object : page[name]) ids.push_back(object["id"]);
    return ids;
  }
  /// All pages of one entry each.
  std::vector<std::string> paged(const std::string& target, const char* name) {
    std::vector<std::string> ids;
    std::string after;
    do {
      const char* joint = target.find('?') == std::string::npos ? "?" : "&";
      const json page = get(*anybody_, target + joint + "limit=1" + (after.empty() ? "" : "&after=" + after));
      for (const json& object : page[name]) ids.push_back(object["id"]);
      after = page["next"].is_null() ? "" : page["next"].get<std::string>();
    } while (!after.empty());
    return ids;
  }

  World world_;
  std::unique_ptr<client::Api> ada_ = world_.as("ada"), fay_ = world_.as("fay"), anybody_ = world_.anybody();
  json document_;
  Hash32 manifest_, output_;
};

// REQ: AUD-1, DEC-2
TEST_F(ArchiveTest, AJobThatHasLeftTheStateIsShownProvenAndReadable) {
  const std::string job = submit();
  const std::string contract = run(job);
  json job_before = get(*anybody_, "/v1/jobs/" + job);
  json contract_before = get(*anybody_, "/v1/contracts/" + contract);
  const json archived = wait_for_archive(job)["archived"];
  job_before["archived"] = archived;
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted ? "after a restart" : "before");
    if (restarted) world_.restart();
    expect_absent(TableId::Jobs, encode(*JobId::parse(job)));
    expect_absent(TableId::Contracts, encode(contract_of(contract)));
    const json shown = get(*anybody_, "/v1/jobs/" + job);
    fits("Job", shown);
    EXPECT_EQ(shown, job_before) << "all but the place is as it was";
    const json shown_contract = get(*anybody_, "/v1/contracts/" + contract);
    fits("Contract", shown_contract);
    contract_before["archived"] = shown_contract["archived"];
    EXPECT_EQ(shown_contract, contract_before);
    EXPECT_EQ(shown_contract["archived"]["height"], archived["height"]);
    expect_proven("/v1/jobs/" + job + "/proof", archived);
    expect_proven("/v1/contracts/" + contract + "/proof", shown_contract["archived"]);
    const json explained = get(*anybody_, "/v1/jobs/" + job + "/explain");
    fits("Explanation", explained);
    EXPECT_EQ(explained["archived"], archived);
    EXPECT_THAT(listed("/v1/contracts?job=" + job, "contracts"), ElementsAre(contract));
    // Results and logs stay open to the requester, and the requester's inputs closed to the provider.
    EXPECT_TRUE(ada_->get_bytes("/v1/artifacts/" + output_.hex() + "?contract=" + contract).has_value());
    EXPECT_FALSE(fay_->get_bytes("/v1/artifacts/" + manifest_.hex() + "?contract=" + contract).has_value());
    EXPECT_EQ(*ada_->get_bytes("/v1/contracts/" + contract + "/logs"), "a line\n");
    std::vector<std::string> events;
    ASSERT_TRUE(anybody_->events(
        "/v1/jobs/" + job + "/stream",
        [&](const api::http::SseEvent& event) {
          events.push_back(event.name);
          return event.name != "end";
        },
        nullptr, 0));
    EXPECT_THAT(events, ElementsAre("job", "contract", "end"));
  }
  world_.stop();
  auto store = storage::ChainStore::open(world_.folder() / "chain");
  ASSERT_TRUE(store.has_value());
  const auto report = storage::replay(**store, world_.genesis(), {});
  ASSERT_TRUE(report.has_value()) << report.error();
  EXPECT_EQ(report->app_hash, (*store)->tip()->app_hash);
}

TEST_F(ArchiveTest, ListsHaveLiveEndedAndArchivedAlike) {
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(submit());
    cancel(jobs.back());
  }
  jobs.push_back(submit());
  const std::string contract = run(jobs.back());
  wait_for_archive(jobs.back());
  jobs.push_back(submit());  // live, on the node
  jobs.push_back(submit());  // live, waiting
  const std::vector<std::string> newest_first(jobs.rbegin(), jobs.rend());
  const std::string mine = "/v1/jobs?requester=" + ada_->address();
  EXPECT_EQ(listed(mine, "jobs"), newest_first);
  EXPECT_EQ(paged(mine, "jobs"), newest_first);
  EXPECT_THAT(listed(mine + "&state=settled", "jobs"), ElementsAre(jobs[3]));
  EXPECT_THAT(paged(mine + "&state=refunded", "jobs"), ElementsAre(jobs[2], jobs[1], jobs[0]));
  EXPECT_THAT(listed(mine + "&state=queued", "jobs"), ElementsAre(jobs[5]));
  const std::set<std::string> all(jobs.begin(), jobs.end());
  const auto everybodys = paged("/v1/jobs", "jobs");
  EXPECT_EQ(std::set<std::string>(everybodys.begin(), everybodys.end()), all);
  EXPECT_EQ(everybodys.size(), all.size());

  const std::string live = get(*anybody_, "/v1/jobs/" + jobs[4])["contract"];
  const std::string node = get(*anybody_, "/v1/contracts/" + live)["node"];
  for (const std::string& target : {"/v1/contracts?provider=" + fay_->address(), "/v1/contracts?node=" + node}) {
    SCOPED_TRACE(target);
    const auto list = paged(target, "contracts");
    ASSERT_EQ(list.size(), 5U);
    EXPECT_EQ(list[0], live) << "live ones first";
    EXPECT_EQ(list[1], contract) << "then ended ones, newest first";
    EXPECT_EQ(listed(target, "contracts"), list);
    EXPECT_THAT(listed(target + "&state=settled", "contracts"), ElementsAre(contract));
    EXPECT_THAT(listed(target + "&state=assigned", "contracts"), ElementsAre(live));
    EXPECT_EQ(paged(target + "&state=refunded", "contracts").size(), 3U);
  }
  EXPECT_EQ(paged("/v1/contracts", "contracts").size(), 5U);
}

TEST_F(ArchiveTest, ALiveJobHasNoProofOfItsEnd) {
  const std::string job = submit();
  const auto early = anybody_->get("/v1/jobs/" + job + "/proof");
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, "not_ended");
  const auto unknown = anybody_->get("/v1/jobs/" + JobId{{7}}.text() + "/proof");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, "not_found");
}

}  // namespace
}  // namespace starminer::api_test
