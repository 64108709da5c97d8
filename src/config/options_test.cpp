#include "config/options.h"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace starminer::config {
namespace {

enum class Mode { Slow, Fast };

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    char pattern[] = "/tmp/options_test_XXXXXX";
    folder_ = mkdtemp(pattern);
    options_.add("name", name_, "What the node is called.");
    options_.add("api.listen", listen_, "Where the API listens.");
    options_.add("api.body_max", body_max_, "Largest request body.");
    options_.add("api.timeout", timeout_, "How long a request may take.");
    options_.add("api.tls", tls_, "Whether to speak TLS.");
    options_.add("api.peers", peers_, "Other nodes.");
    options_.add("engine.threads", threads_, "Threads that check signatures.");
    options_.add("market.floor", floor_, "Lowest price.");
    options_.add_binding("engine.mode", bind_choice(mode_, {{"slow", Mode::Slow}, {"fast", Mode::Fast}}), "How.");
    options_.add("api.token", token_, "Shared secret.").secret = true;
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& text) {
    auto path = folder_ / "starminerd.toml";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string errors(const Sources& sources) {
    auto loaded = options_.load(sources);
    std::string all;
    if (!loaded) {
      for (const ConfigError& error : loaded.error()) all += error.line() + "\n";
    }
    for (std::size_t at = all.find(folder_.string()); at != std::string::npos; at = all.find(folder_.string())) {
      all.erase(at, folder_.string().size() + 1);
    }
    return all;
  }

  std::filesystem::path folder_;
  std::string name_ = "node";
  HostPort listen_{"127.0.0.1", 8545};
  ByteSize body_max_{1 << 20};
  std::chrono::milliseconds timeout_{30'000};
  bool tls_ = false;
  std::vector<std::string> peers_;
  std::uint16_t threads_ = 2;
  Agpu floor_{250'000'000};
  Mode mode_ = Mode::Slow;
  std::string token_;
  OptionTable options_;
};

TEST_F(OptionsTest, LaterLayersWin) {
  Sources sources;
  sources.file = file("name = \"from file\"\n[api]\nlisten = \"0.0.0.0:1\"\nbody_max = \"2 MiB\"\ntls = true\n");
  sources.environment = {{"STARMINER_API_LISTEN", "0.0.0.0:2"}, {"STARMINER_API_BODY_MAX", "3 MiB"}};
  sources.flags = {{"--api-body-max", {"4 MiB"}}};
  const auto report = options_.load(sources);
  ASSERT_TRUE(report);
  EXPECT_EQ(name_, "from file");
  EXPECT_TRUE(tls_);
  EXPECT_EQ(listen_.port, 2);
  EXPECT_EQ(body_max_.bytes, 4U << 20);
  EXPECT_EQ(timeout_.count(), 30'000);
  EXPECT_EQ(options_.find("name")->origin.where, (folder_ / "starminerd.toml").string() + ":1:8");
  EXPECT_EQ(options_.find("api.listen")->origin.where, "STARMINER_API_LISTEN");
  EXPECT_EQ(options_.find("api.body_max")->origin.where, "--api-body-max");
  EXPECT_EQ(options_.find("api.timeout")->origin.layer, Layer::Default);
}

TEST_F(OptionsTest, AllErrorsAtOnceWithTheirPlace) {
  Sources sources;
  sources.file = file(
      "nmae = \"x\"\n[api]\nlisten = 8545\nbody_max = \"2 G\"\n  tls = \"yes\"\npeers = [\"a\", 1]\n[engine]\nthreads "
      "= 70000\n"
      "mode = \"fats\"\n[markte]\nfloor = \"1 AGPU\"\n");
  sources.environment = {{"STARMINER_API_TIMEOUT", "soon"}};
  sources.flags = {{"--market-floor", {"0.25"}}};
  EXPECT_EQ(
      errors(sources),
      "starminerd.toml:1:1: unknown option \"nmae\"; did you mean \"name\"?\n"
      "starminerd.toml:3:10: api.listen: expected a string (HOST:PORT), found a whole number\n"
      "starminerd.toml:4:12: api.body_max: \"G\" is no unit of size: use B, KiB, MiB, GiB, TiB or kB, MB, GB, TB\n"
      "starminerd.toml:5:9: api.tls: expected true or false, found a string\n"
      "starminerd.toml:6:9: api.peers: expected a list of strings, found a list\n"
      "starminerd.toml:8:11: engine.threads: 70000 is out of range: expected 0 to 65535\n"
      "starminerd.toml:9:8: engine.mode: \"fats\" is not one of slow, fast; did you mean \"fast\"?\n"
      "starminerd.toml:10:2: unknown option \"markte\"; did you mean \"market\"?\n"
      "environment variable STARMINER_API_TIMEOUT: \"soon\" is not a duration: expected a number and a unit, such as "
      "\"90s\", \"2 min\" or \"1h30m\"\n"
      "flag --market-floor: \"0.25\" does not name the token: expected \"1.5 AGPU\"\n");
}

TEST_F(OptionsTest, SyntaxErrorsNameLineAndColumn) {
  Sources sources;
  sources.file = file("name = \"a\"\nname = \"b\"\n");
  EXPECT_TRUE(errors(sources).starts_with("starminerd.toml:2:")) << errors(sources);
  sources.file = file("[api\nlisten = 1\n");
  EXPECT_TRUE(errors(sources).starts_with("starminerd.toml:1:")) << errors(sources);
  sources.file = file(std::string("name = \"\xff\"\n"));
  EXPECT_TRUE(errors(sources).starts_with("starminerd.toml:1:")) << errors(sources);
}

TEST_F(OptionsTest, NamedFileMustExistAndDefaultFileNeedNot) {
  Sources sources;
  sources.default_files = {folder_ / "missing.toml"};
  EXPECT_EQ(errors(sources), "");
  sources.file = folder_ / "missing.toml";
  EXPECT_EQ(errors(sources), "missing.toml: cannot be read: No such file or directory\n");
  sources.file = folder_;
  EXPECT_NE(errors(sources).find("cannot be read"), std::string::npos);
  sources.file.reset();
  sources.environment = {{"STARMINER_CONFIG", file("name = \"e\"").string()}};
  EXPECT_EQ(errors(sources), "");
  EXPECT_EQ(name_, "e");
}

TEST_F(OptionsTest, EmptyFileIsFine) {
  Sources sources;
  sources.file = file("");
  EXPECT_EQ(errors(sources), "");
}

TEST_F(OptionsTest, HugeFileIsRefused) {
  Sources sources;
  sources.file = file(std::string((1 << 20) + 1, '#'));
  EXPECT_NE(errors(sources).find("too many"), std::string::npos);
}

TEST_F(OptionsTest, ListsFromEnvironmentAndFlags) {
  Sources sources;
  sources.environment = {{"STARMINER_API_PEERS", "a:1,b:2"}};
  EXPECT_EQ(errors(sources), "");
  EXPECT_EQ(peers_, (std::vector<std::string>{"a:1", "b:2"}));
  sources.flags = {{"--api-peers", {"c:3", "d:4,e:5"}}};
  EXPECT_EQ(errors(sources), "");
  EXPECT_EQ(peers_, (std::vector<std::string>{"c:3", "d:4", "e:5"}));
}

TEST_F(OptionsTest, MistypedVariablesAreNoticed) {
  Sources sources;
  sources.environment = {{"STARMINER_API_LISTN", "x"}, {"STARMINER_WALLET_FOLDER", "other program"}};
  const auto report = options_.load(sources);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->warnings,
            (std::vector<std::string>{
                "environment variable STARMINER_API_LISTN sets nothing; did you mean STARMINER_API_LISTEN?"}));
}

TEST_F(OptionsTest, ExampleFileIsTheDefaults) {
  const std::string text = example_file(options_, "starminerd");
  EXPECT_NE(text.find("# listen = \"127.0.0.1:8545\"\n"), std::string::npos) << text;
  // With the comment signs of the assignments removed it must load and change nothing.
  std::string active;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool assignment = line.starts_with("# ") && line.find(" = ") != std::string::npos;
    active += (assignment ? line.substr(2) : line) + "\n";
  }
  Sources sources;
  sources.file = file(active);
  EXPECT_EQ(errors(sources), "") << active;
  for (const Option& option : options_.all()) {
    EXPECT_EQ(option.value.show(), option.default_value) << option.name;
    EXPECT_EQ(option.origin.layer, Layer::File) << option.name;
  }
}

TEST_F(OptionsTest, ShowHidesSecrets) {
  Sources sources;
  sources.environment = {{"STARMINER_API_TOKEN", "hunter2"}};
  EXPECT_EQ(errors(sources), "");
  const std::string json = show_json(options_);
  EXPECT_EQ(token_, "hunter2");
  EXPECT_EQ(json.find("hunter2"), std::string::npos);
  EXPECT_NE(json.find(R"J({"name":"api.token","value":"(set)","layer":"environment","where":"STARMINER_API_TOKEN"})J"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"({"name":"engine.threads","value":2,"layer":"default","where":"default"})"), std::string::npos);
}

TEST(Value, OptionalShowsNothingUntilSet) {
  std::optional<ByteSize> size;
  const ValueBinding binding = bind(size);
  EXPECT_TRUE(binding.show().empty());
  EXPECT_TRUE(binding.assign({"two"}).has_value());
  EXPECT_FALSE(size.has_value());
  EXPECT_FALSE(binding.assign({"2 GiB"}).has_value());
  EXPECT_EQ(size, ByteSize{2ULL << 30});
  EXPECT_EQ(binding.show(), std::vector<std::string>{"2 GiB"});
}

TEST(Value, ProcessEnvironmentIsFiltered) {
  ASSERT_EQ(setenv("STARMINER_TEST_ONLY", "1=2", 1), 0);
  const auto found = starminer_environment();
  EXPECT_EQ(found.at("STARMINER_TEST_ONLY"), "1=2");
  EXPECT_EQ(found.count("PATH"), 0U);
  unsetenv("STARMINER_TEST_ONLY");
}

}  // namespace
}  // namespace starminer::config
