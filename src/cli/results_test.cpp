// REQ: WRK-3 (results are checked against the contract)
#include "cli/results.h"

#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "config/exit_code.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string hash_text(std::string_view text) { return sha256(text).hex(); }

json output(const std::string& path, std::string_view content) {
  return {{"path", path}, {"sha256", hash_text(content)}, {"size", content.size()}};
}

/// A result manifest and the contract that it belongs to.
struct Delivery {
  json manifest = {{"version", 1},
                   {"contract", "c1a"},
                   {"exit_code", 0},
                   {"outputs", {output("a.txt", "A"), output("sub/b.txt", "B")}},
                   {"stdout", {{"sha256", hash_text("hello")}, {"size", 5}}},
                   {"stderr", {{"sha256", ""}, {"size", 0}}}};
  std::vector<std::string> promised = {hash_text("A"), hash_text("B")};

  [[nodiscard]] Outcome<Results> read() const {
    const std::string bytes = manifest.dump();
    return read_result_manifest(bytes, {{"id", "c1a"}, {"result_hash", hash_text(bytes)}, {"outputs", promised}});
  }
};

TEST(ResultManifest, ListsOutputsInOrderAndWhatWasPrinted) {
  const auto results = Delivery().read();
  ASSERT_TRUE(results);
  ASSERT_EQ(results->outputs.size(), 2U);
  EXPECT_EQ(results->outputs[1], (ResultFile{"sub/b.txt", sha256("B"), 1}));
  ASSERT_EQ(results->logs.size(), 1U) << "nothing was printed to standard error";
  EXPECT_EQ(results->logs[0].path, "stdout.txt");
}

TEST(ResultManifest, WhatDisagreesWithTheContractIsAMismatch) {
  const auto refused = [](const Delivery& delivery) {
    const auto results = delivery.read();
    return !results && results.error().code == config::ExitCode::Mismatch;
  };
  Delivery swapped;
  std::swap(swapped.promised[0], swapped.promised[1]);
  EXPECT_TRUE(refused(swapped));
  Delivery missing;
  missing.promised.push_back(hash_text("C"));
  EXPECT_TRUE(refused(missing));
  Delivery foreign;
  foreign.manifest["contract"] = "c1b";
  EXPECT_TRUE(refused(foreign));
  Delivery no_json;
  no_json.manifest = "text";
  EXPECT_TRUE(refused(no_json));
  for (const char* const path : {"../up", "/abs", "", "a//b", "sub/../../x"}) {
    Delivery escaping;
    escaping.manifest["outputs"][0]["path"] = path;
    EXPECT_TRUE(refused(escaping)) << path;
  }
  Delivery twice;
  twice.manifest["outputs"][1]["path"] = "a.txt";
  EXPECT_TRUE(refused(twice));
  EXPECT_FALSE(read_result_manifest("other bytes", {{"id", "c1a"}, {"result_hash", hash_text("x")}}));
}

TEST(ResultManifest, LogsOfOtherHostsHaveTheirRank) {
  Delivery delivery;
  const json silent = {{"sha256", ""}, {"size", 0}};
  delivery.manifest["hosts"] = {
      {{"node", "n1a"}, {"stdout", silent}, {"stderr", {{"sha256", hash_text("oh")}, {"size", 2}}}},
      {{"node", "n1b"}, {"stdout", {{"sha256", hash_text("hi")}, {"size", 2}}}, {"stderr", silent}}};
  const auto results = delivery.read();
  ASSERT_TRUE(results);
  ASSERT_EQ(results->logs.size(), 3U);
  EXPECT_EQ(results->logs[1], (ResultFile{"host-1-stderr.txt", sha256("oh"), 2}));
  EXPECT_EQ(results->logs[2], (ResultFile{"host-2-stdout.txt", sha256("hi"), 2}));
}

TEST(ResultManifest, AnOutputKeepsItsNameBesideTheLog) {
  Delivery delivery;
  delivery.manifest["outputs"][0]["path"] = "stdout.txt";
  const auto results = delivery.read();
  ASSERT_TRUE(results);
  EXPECT_EQ(results->logs[0].path, "job-stdout.txt");
}

TEST(ResultFolder, TakesAnotherNameOnlyWhereOtherFilesAreInTheWay) {
  std::string pattern = (fs::temp_directory_path() / "starminer-results-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::string name = pattern + "/job";
  const auto results = Delivery().read();
  ASSERT_TRUE(results);
  EXPECT_EQ(free_folder(name, *results), name);
  fs::create_directories(name);
  std::ofstream(name + "/notes.txt") << "mine";
  std::ofstream(name + "/a.txt") << "A";
  EXPECT_EQ(free_folder(name, *results), name) << "the same file is there already";
  std::ofstream(name + "/a.txt") << "an older run";
  EXPECT_EQ(free_folder(name, *results), name + "-2");
  std::ofstream(name + "-2") << "a file, no folder";
  EXPECT_EQ(free_folder(name, *results), name + "-3");
  fs::remove_all(pattern);
}

}  // namespace
}  // namespace starminer::cli
