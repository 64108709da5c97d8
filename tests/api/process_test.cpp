// The program starminerd as an operator meets it: init, run, status, replay, and what kill -9 leaves.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/key_file.h"
#include "client/vrf_key_file.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr auto kPatience = std::chrono::seconds(120);

std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// One run of the program; its output goes to a file.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::filesystem::path& output) {
    arguments.insert(arguments.begin(), STARMINERD);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      ::dup2(fd, 1);
      ::dup2(fd, 2);
      ::execv(STARMINERD, raw.data());
      ::_exit(127);
    }
  }
  ~Process() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Exit status, or 128 + signal.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] bool has_ended() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = 0;
    return true;
  }

 private:
  pid_t pid_ = 0;
};

class ProcessTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string data() const { return (folder_.path() / "node").string(); }
  [[nodiscard]] std::filesystem::path output() const { return folder_.path() / "output"; }

  int run(std::vector<std::string> arguments) {
    Process process(std::move(arguments), output());
    return process.wait();
  }
  void init(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"init", "--data-dir", data(), "--chain-id", "test-chain"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_EQ(run(arguments), 0) << read_file(output());
  }
  /// Starts the node and waits for its address.
  std::unique_ptr<Process> serve() {
    std::filesystem::remove(std::filesystem::path(data()) / "api.url");
    auto process = std::make_unique<Process>(
        std::vector<std::string>{"run", "--data-dir", data(), "--api-listen", "127.0.0.1:0", "--api-read-rate", "0"},
        output());
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      url_ = read_file(std::filesystem::path(data()) / "api.url");
      if (!url_.empty()) break;
      if (process->has_ended()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (url_.empty()) ADD_FAILURE() << "starminerd did not start: " << read_file(output());
    if (!url_.empty()) url_.pop_back();
    return process;
  }
  std::unique_ptr<client::Api> connect(std::optional<SigningKey> key = std::nullopt) {
    auto api =
        client::Api::connect(url_, std::move(key), {std::chrono::milliseconds(10'000), std::chrono::milliseconds(1)});
    EXPECT_TRUE(api.has_value());
    return std::move(*api);
  }

  TemporaryFolder folder_;
  std::string url_;
};

TEST_F(ProcessTest, InitMakesAChainOnceAndSaysWhatIsWrong) {
  const std::string ada = key_of("ada").account().text();
  EXPECT_EQ(run({"init", "--data-dir", data(), "--preset", "moon"}), 2);
  EXPECT_THAT(read_file(output()), HasSubstr("main, test or dev"));
  EXPECT_EQ(run({"init", "--data-dir", data(), "--account", "sm1nonsense=5 AGPU"}), 2);
  EXPECT_THAT(read_file(output()), HasSubstr("ADDRESS=AMOUNT"));
  EXPECT_EQ(run({"init", "--data-dir", data(), "--account", ada + "=5 apples"}), 2);
  EXPECT_EQ(run({"init", "--data-dir", data(), "--account", ada + "=2000000000 AGPU"}), 2) << "above the cap";
  EXPECT_EQ(run({"init", "--data-dir", data(), "--account", ada + "=0.000000001 AGPU"}), 2) << "below the deposit";
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(data()) / "genesis.json"));
  init({"--account", ada + "=12.5 AGPU", "--account", ada + "=3 AMAX"});
  EXPECT_EQ(run({"init", "--data-dir", data()}), 2);
  EXPECT_THAT(read_file(output()), HasSubstr("there is a chain already"));
  const json genesis = json::parse(read_file(std::filesystem::path(data()) / "genesis.json"));
  EXPECT_EQ(genesis["accounts"].back()["agpu"], "12500000000");
  EXPECT_EQ(genesis["accounts"].back()["amax"], "3000000000");
  const auto key = client::load_key_file(std::filesystem::path(data()) / "operator.key.json", std::nullopt);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(genesis["operators"], json::array({key->account().text()}));
  const std::filesystem::path vrf_file = std::filesystem::path(data()) / "vrf.key.json";
  const auto vrf_key = client::load_vrf_key_file(vrf_file);
  ASSERT_TRUE(vrf_key.has_value()) << vrf_key.error();
  EXPECT_EQ(genesis["proposers"],
            json::array({{{"address", key->account().text()}, {"vrf_key", to_hex(vrf_key->public_key().view())}}}));
  EXPECT_EQ(std::filesystem::status(vrf_file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// Who holds the chain but not its key must not go on with another key: no replica would follow.
TEST_F(ProcessTest, WithoutTheChainsVrfKeyThereAreNoBlocks) {
  init();
  const std::filesystem::path file = std::filesystem::path(data()) / "vrf.key.json";
  const std::string right = read_file(file);
  const auto start = [&] { return run({"run", "--data-dir", data(), "--api-listen", "127.0.0.1:0"}); };
  std::filesystem::remove(file);
  EXPECT_EQ(start(), 1);
  EXPECT_THAT(read_file(output()), HasSubstr("there is no key at"));
  ASSERT_TRUE(client::create_vrf_key_file(file).has_value());
  EXPECT_EQ(start(), 1);
  EXPECT_THAT(read_file(output()), HasSubstr("restore the key of this chain"));
  const auto spoil = [&](const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
    EXPECT_EQ(start(), 1) << text;
  };
  std::string damaged = right;
  const std::size_t digit = damaged.find("\"seed\": \"") + 9;
  damaged[digit] = damaged[digit] == '0' ? '1' : '0';
  spoil(damaged);
  EXPECT_THAT(read_file(output()), HasSubstr("is damaged"));
  for (const char* text : {"", "[]", "{\"version\": 1}", "{\"version\": \"1\", \"kind\": 5}"}) {
    spoil(text);
    EXPECT_THAT(read_file(output()), HasSubstr("no VRF key file")) << text;
  }
  std::ofstream(file, std::ios::trunc) << right;
  std::filesystem::permissions(file, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  EXPECT_EQ(start(), 1);
  EXPECT_THAT(read_file(output()), HasSubstr("chmod 600"));
  std::filesystem::permissions(file, std::filesystem::perms::others_read, std::filesystem::perm_options::remove);
  const auto node = serve();
  EXPECT_FALSE(url_.empty());
}

TEST_F(ProcessTest, AGenesisThatWasChangedIsRefused) {
  init();
  {
    auto node = serve();
    node->signal(SIGTERM);
    EXPECT_EQ(node->wait(), 0);
  }
  const std::filesystem::path file = std::filesystem::path(data()) / "genesis.json";
  const std::string right = read_file(file);
  struct Row {
    const char* from;
    const char* to;
    const char* says;
  };
  for (const Row& row :
       {Row{"\"version\": 1", "\"version\": 2", "version must be 1"},
        Row{"\"preset\": \"dev\"", "\"preset\": \"moon\"", "preset must be main, test or dev"},
        Row{"\"treasury\": \"0\"", "\"treasury\": 0", "treasury must be a text"},
        Row{"\"treasury\"", "\"treasure\"", "unknown member 'treasure'"},
        Row{"\"treasury\": \"0\"", "\"treasury\": \"5\"", "another one"}, Row{"{", "", "not valid JSON"}}) {
    std::string wrong = right;
    wrong.replace(wrong.find(row.from), std::string(row.from).size(), row.to);
    std::ofstream(file) << wrong;
    EXPECT_EQ(run({"run", "--data-dir", data(), "--api-listen", "127.0.0.1:0"}), 1) << row.to;
    EXPECT_THAT(read_file(output()), HasSubstr(row.says));
  }
}

TEST_F(ProcessTest, StopsInOrderAndTellsWhereItServes) {
  EXPECT_EQ(run({"run", "--data-dir", data()}), 5);
  EXPECT_THAT(read_file(output()), HasSubstr("starminerd init"));
  EXPECT_EQ(run({"status", "--data-dir", data()}), 4);
  init();
  auto node = serve();
  EXPECT_EQ(get(*connect(), "/healthz")["status"], "ok");
  const std::filesystem::path other = folder_.path() / "status";
  {
    Process status({"status", "--data-dir", data(), "--json"}, other);
    EXPECT_EQ(status.wait(), 0);
    EXPECT_EQ(json::parse(read_file(other))["chain_id"], "test-chain");
    Process second({"run", "--data-dir", data(), "--api-listen", "127.0.0.1:0"}, other);
    EXPECT_EQ(second.wait(), 1) << "a data folder has one node";
    Process replay({"replay", "--data-dir", data()}, other);
    EXPECT_EQ(replay.wait(), 1);
  }
  const auto metrics = connect()->get_bytes("/metrics");
  ASSERT_TRUE(metrics.has_value());
  for (const char* name : {"starminer_height ", "starminer_escrow_agpu ", "starminer_jobs{state=\"queued\"}",
                           "starminer_nodes{status=\"active\"}", "starminer_http_requests_total",
                           "starminer_sync_seconds_total ", "starminer_artifact_bytes "}) {
    EXPECT_THAT(*metrics, HasSubstr(name));
  }
  node->signal(SIGTERM);
  EXPECT_EQ(node->wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(data()) / "api.url"));
}

/// Sends transfers until the node is gone and remembers what was acknowledged.
struct Sender {
  std::vector<client::Receipt> acknowledged;
  void run(client::Api& api, const AccountId& to) {
    for (;;) {
      const auto receipt = api.send(transfer(to, 1'000'000'000));
      if (!receipt) return;
      acknowledged.push_back(*receipt);
    }
  }
};

TEST_F(ProcessTest, KillMinusNineLosesNothingThatWasAcknowledged) {
  constexpr int kKills = 5;
  constexpr int kSenders = 3;
  std::vector<std::string> accounts;
  for (int i = 0; i < kSenders; ++i) {
    accounts.insert(accounts.end(), {"--account", key_of(std::to_string(i)).account().text() + "=100000 AGPU"});
  }
  init(accounts);
  std::vector<client::Receipt> acknowledged;
  std::mt19937 random(20260101);
  for (int round = 0; round < kKills; ++round) {
    const auto node = serve();
    std::vector<Sender> senders(kSenders);
    std::vector<std::thread> threads;
    std::atomic<int> started{0};
    for (int i = 0; i < kSenders; ++i) {
      threads.emplace_back([&, i] {
        const auto api = connect(key_of(std::to_string(i)));
        ++started;
        senders[static_cast<std::size_t>(i)].run(*api, key_of("sink").account());
      });
    }
    while (started < kSenders) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 400));
    node->signal(SIGKILL);
    for (std::thread& thread : threads) thread.join();
    for (const Sender& sender : senders) {
      acknowledged.insert(acknowledged.end(), sender.acknowledged.begin(), sender.acknowledged.end());
    }
  }
  ASSERT_GT(acknowledged.size(), 0U);
  const auto node = serve();
  const auto api = connect();
  for (const client::Receipt& receipt : acknowledged) {
    const json stored = get(*api, "/v1/transactions/" + receipt.transaction);
    ASSERT_FALSE(stored.is_null()) << "an acknowledged transaction is gone";
    EXPECT_EQ(stored["height"], receipt.height);
  }
  // Each transfer happened once: the sink holds exactly one gift per sequence that was used up.
  std::uint64_t used = 0;
  for (int i = 0; i < kSenders; ++i) {
    used +=
        get(*api, "/v1/accounts/" + key_of(std::to_string(i)).account().text())["next_sequence"].get<std::uint64_t>();
  }
  EXPECT_GE(used, acknowledged.size());
  const json sink = get(*api, "/v1/accounts/" + key_of("sink").account().text());
  std::uint64_t held = std::stoull(sink["balances"]["AGPU"].get<std::string>());
  for (const json& lock : sink["locks"]) held += std::stoull(lock["amount"].get<std::string>());
  EXPECT_EQ(held, used * 1'000'000'000);
  EXPECT_TRUE(get(*api, "/v1/status")["supply"]["AGPU"]["conserved"]);
  node->signal(SIGTERM);
  EXPECT_EQ(node->wait(), 0);
  // REQ: DEC-2
  EXPECT_EQ(run({"replay", "--data-dir", data()}), 0) << read_file(output());
  EXPECT_THAT(read_file(output()), HasSubstr("give the stored roots"));
}

}  // namespace
}  // namespace starminer::api_test
