// The command as a user meets it: files in, table, JSON and errors out.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sim/commands.h"
#include "sim/policy.h"

namespace starminer::sim {
namespace {

using config::ExitCode;
using nlohmann::json;
using testing::HasSubstr;

class PlacementCommand : public testing::Test {
 protected:
  PlacementCommand() {
    std::string pattern = (std::filesystem::temp_directory_path() / "starminer-sim-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::string nodes = "sn,cpu_milli,memory_mib,gpu,model\n";
    for (int i = 0; i < 12; ++i) nodes += i % 3 == 0 ? "n,96000,393216,8,G2\n" : "n,16000,122880,2,P100\n";
    std::string jobs = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n";
    for (int i = 0; i < 10; ++i) {
      const std::string name = "j" + std::to_string(i);
      jobs += name + "a,8000,30517,1,470,,LS\n" + name + "b,3152,4096,1,810,P100,BE\n";
      jobs += name + "c,12000,16384,1,1000,,LS\n" + name + "d,8000,1024,0,0,,BE\n";
    }
    jobs += "wide,64000,65536,8,1000,G2,LS\n";
    request_.nodes = write("nodes.csv", nodes);
    request_.jobs = write("jobs.csv", jobs);
    request_.json = folder_ / "out.json";
    request_.seeds = "1-3";
  }
  ~PlacementCommand() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  ExitCode run() {
    out_.str("");
    err_.str("");
    return placement({terminal::Terminal(out_, {}), terminal::Terminal(err_, {})}, request_);
  }
  [[nodiscard]] std::string written() const {
    std::ostringstream text;
    text << std::ifstream(request_.json, std::ios::binary).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  PlacementRequest request_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(PlacementCommand, WritesFiguresOfEveryPolicyAndSeed) {
  ASSERT_EQ(run(), ExitCode::Ok) << err_.str();
  const json results = json::parse(written());
  EXPECT_EQ(results["nodes"]["gpus"], 4 * 8 + 8 * 2);
  EXPECT_EQ(results["jobs"]["jobs"], 41);
  ASSERT_EQ(results["policies"].size(), policies().size());
  for (const auto& [name, of_policy] : results["policies"].items()) {
    ASSERT_EQ(of_policy["seeds"].size(), 3U) << name;
    double sum = 0;
    for (const json& seed : of_policy["seeds"]) {
      sum += seed["allocation_at_130"].get<double>();
      EXPECT_LE(seed["placed"], seed["arrived"]);
      EXPECT_LE(seed["allocation_at_100"], seed["allocation_at_130"]);
      EXPECT_LE(seed["allocation_at_130"], 100.0);
      EXPECT_GT(seed["allocation_at_100"], 50.0) << "six or more of ten GPUs hold a job when all are asked for";
    }
    EXPECT_NEAR(of_policy["allocation_at_130_mean"].get<double>(), sum / 3, 1e-5);
    EXPECT_GE(of_policy["allocation_at_130_sd"], 0.0);
    EXPECT_THAT(out_.str(), HasSubstr(name));
  }
}

TEST_F(PlacementCommand, GivesTheSameBytesForTheSameSeeds) {
  ASSERT_EQ(run(), ExitCode::Ok);
  const std::string first = written();
  ASSERT_EQ(run(), ExitCode::Ok);
  EXPECT_EQ(written(), first);
  request_.seeds = "4-6";
  ASSERT_EQ(run(), ExitCode::Ok);
  EXPECT_NE(written(), first);
}

TEST_F(PlacementCommand, RunsOnePolicyAndOneSeed) {
  request_.policies = {"fit", "fit"};
  request_.seeds = "9";
  ASSERT_EQ(run(), ExitCode::Ok);
  const json results = json::parse(written());
  ASSERT_EQ(results["policies"].size(), 1U);
  EXPECT_EQ(results["policies"]["fit"]["allocation_at_100_sd"], nullptr);
}

TEST_F(PlacementCommand, SaysWhatIsWrongWithAFile) {
  write("jobs.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1000,1,1,1000\nb,1000,1,one,1000\n");
  EXPECT_EQ(run(), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("jobs.csv:3:10: num_gpu is 'one', expected an integer of 0..64"));
  write("jobs.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1000,1,0,0\n");
  EXPECT_EQ(run(), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("no job asks for a GPU"));
  write("jobs.csv", std::string("\xfd") + "7zXZ");
  EXPECT_EQ(run(), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("xz -dk"));
  request_.jobs = folder_ / "absent.csv";
  EXPECT_EQ(run(), ExitCode::NotFound);
  EXPECT_THAT(err_.str(), HasSubstr("absent.csv: No such file"));
  request_.jobs = folder_;
  EXPECT_EQ(run(), ExitCode::NotFound);
}

TEST_F(PlacementCommand, SaysWhatIsWrongWithAnOption) {
  for (const std::string seeds : {"", "a", "3-1", "1-", "-1", "1-2-3", "0-10000"}) {
    request_.seeds = seeds;
    EXPECT_EQ(run(), ExitCode::Usage) << seeds;
  }
  request_.seeds = "1";
  request_.policies = {"worst-fit"};
  EXPECT_EQ(run(), ExitCode::Usage);
  request_.policies.clear();
  request_.json = folder_ / "no" / "such.json";
  EXPECT_EQ(run(), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("cannot be written"));
}

class ReplayCommand : public PlacementCommand {
 protected:
  ReplayCommand() {
    std::string jobs = "job_id,num_gpu,submit_s,duration_s\n";
    // Equal parts of eleven GPUs are eleven hosts, more than any model has.
    constexpr std::array<int, 9> kGpus = {1, 2, 3, 4, 5, 6, 7, 12, 11};
    for (std::size_t i = 0; i < 40; ++i) {
      jobs += std::to_string(i) + "," + std::to_string(kGpus.at(i % kGpus.size())) + ",7.0,900\n";
    }
    replay_.nodes = request_.nodes;
    replay_.jobs = write("runs.csv", jobs);
    replay_.json = folder_ / "replay.json";
    replay_.plots = folder_ / "plots";
  }
  ExitCode run_replay() {
    err_.str("");
    return replay_trace({terminal::Terminal(out_, {}), terminal::Terminal(err_, {})}, replay_);
  }

  ReplayRequest replay_;
};

TEST_F(ReplayCommand, WritesFiguresAndPlots) {
  ASSERT_EQ(run_replay(), ExitCode::Ok) << err_.str();
  std::ifstream file(replay_.json);
  const json results = json::parse(file);
  ASSERT_EQ(results["policies"].size(), 7U);
  for (const auto& [name, found] : results["policies"].items()) {
    EXPECT_EQ(found["refused"]["NeverRunnable"], 4) << name << ": four jobs of eleven GPUs";
    EXPECT_EQ(found["finished"], 36) << name << ", also those of twelve";
    EXPECT_GE(found["completion"]["mean_s"], 900.0) << name;
    EXPECT_EQ(found.contains("revenue_agpu"), name == "market" || name == "auction" || name == "moving");
  }
  for (const char* plot : {"allocated.svg", "fragmented.svg", "waiting.svg"}) {
    EXPECT_TRUE(std::filesystem::exists(replay_.plots / plot)) << plot;
  }
}

TEST_F(ReplayCommand, SaysWhatIsWrong) {
  replay_.stated_percent = 99;
  EXPECT_EQ(run_replay(), ExitCode::Usage);
  replay_.stated_percent = 0;
  replay_.policies = {"lottery"};
  EXPECT_EQ(run_replay(), ExitCode::Usage);
  replay_.policies = {"backfill"};
  replay_.jobs = write("runs.csv", "name,time,application,num_replicas,batch_size\na,1,x,1,1\n");
  EXPECT_EQ(run_replay(), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("runs.csv:1:1: the list states no run times"));
  replay_.run_time_s = 60;
  EXPECT_EQ(run_replay(), ExitCode::Ok) << err_.str();
}

TEST_F(ReplayCommand, DrawsPricesThatMove) {
  std::string jobs = "job_id,num_gpu,submit_s,duration_s\n";
  for (int i = 0; i < 20; ++i) jobs += std::to_string(i) + ",2," + std::to_string(i * 600) + ".0,9000\n";
  replay_.jobs = write("slow.csv", jobs);
  replay_.policies = {"moving"};
  ASSERT_EQ(run_replay(), ExitCode::Ok) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("Standard P100"));
  std::ifstream file(replay_.json);
  const json prices = json::parse(file)["policies"]["moving"]["prices"];
  ASSERT_TRUE(prices.contains("Standard P100"));
  EXPECT_EQ(prices["Standard P100"]["envelopes"]["broken"], 0);
  EXPECT_GT(prices["Standard P100"]["bands"]["60"]["matured"], 100);
  EXPECT_TRUE(std::filesystem::exists(replay_.plots / "prices-0.svg")) << "one for each class";
}

class PricesCommand : public PlacementCommand {
 protected:
  ExitCode run_prices() {
    out_.str("");
    err_.str("");
    return prices({terminal::Terminal(out_, {}), terminal::Terminal(err_, {})}, prices_);
  }
  PricesRequest prices_;
};

TEST_F(PricesCommand, WritesFiguresAndPlot) {
  prices_.nodes = 4;
  prices_.demand_percent = 200;
  prices_.hours_after = 12;
  prices_.paths = 2;
  prices_.json = folder_ / "prices.json";
  prices_.plots = folder_ / "plots";
  ASSERT_EQ(run_prices(), ExitCode::Ok) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("Economy"));
  std::ifstream file(prices_.json);
  const json found = json::parse(file);
  EXPECT_EQ(found["options"]["demand_percent"], 200);
  EXPECT_EQ(found["envelopes_broken"], 0);
  EXPECT_LE(found["tiers"]["Premium"]["largest_step"], 0.0301);
  EXPECT_EQ(found["first_path"]["Standard A100"]["ticks"], 36 * 60);
  EXPECT_TRUE(std::filesystem::exists(prices_.plots / "prices.svg"));
}

TEST_F(PricesCommand, SaysWhatIsWrongWithAnOption) {
  prices_.supply_percent = 101;
  EXPECT_EQ(run_prices(), ExitCode::Usage);
  EXPECT_THAT(err_.str(), HasSubstr("--supply is 101, expected 1 to 100"));
  prices_.supply_percent = 100;
  prices_.hours_after = 3;
  EXPECT_EQ(run_prices(), ExitCode::Usage);
}

}  // namespace
}  // namespace starminer::sim
