#include "engine/cometbft/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "engine/cometbft/frame.h"

namespace starminer::engine::cometbft {
namespace {

constexpr int kPatienceMs = 60'000;

/// Answers with what it was asked, and can be held in the middle of a call.
class Recorder : public Handler {
 public:
  Result<abci::Response, std::string> answer(const abci::Request& request) override {
    if (request.has_commit()) wait_at_gate();
    abci::Response response;
    switch (request.value_case()) {
      case abci::Request::kInfo: response.mutable_info()->set_data("recorder"); break;
      case abci::Request::kQuery:
        ++queries_;
        response.mutable_query()->set_value(request.query().data() == kLong ? std::string(4U << 20U, 'x')
                                                                            : request.query().data());
        response.mutable_query()->set_height(commits_);
        break;
      case abci::Request::kCommit:
        response.mutable_commit();
        ++commits_;
        break;
      case abci::Request::kListSnapshots: response.mutable_list_snapshots(); break;
      case abci::Request::kFinalizeBlock: return fail(std::string("this block cannot be executed"));
      default: response.mutable_init_chain(); break;
    }
    return response;
  }
  std::vector<abci::ResponseCheckTx> check(const std::vector<const abci::RequestCheckTx*>& requests) override {
    std::vector<abci::ResponseCheckTx> answers;
    for (const auto* request : requests) answers.emplace_back().set_data(request->tx());
    checked_ += requests.size();
    return answers;
  }

  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_; });
  }
  [[nodiscard]] std::size_t checked() const { return checked_; }
  [[nodiscard]] std::size_t queries() const { return queries_; }

  /// A query whose answer is as long as a block.
  static constexpr std::string_view kLong = "block";

 private:
  void wait_at_gate() {
    std::unique_lock lock(mutex_);
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    held_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool held_ = false;
  std::atomic<std::size_t> checked_{0};
  std::atomic<std::size_t> queries_{0};
  std::atomic<std::int64_t> commits_{0};
};

/// A client as CometBFT is one: writes what it likes and reads when it likes.
class Client {
 public:
  explicit Client(const std::string& address) {
    if (address.starts_with("unix://")) {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      std::strncpy(to.sun_path, address.c_str() + 7, sizeof(to.sun_path) - 1);
      connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
    } else {
      fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
      connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
    }
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void finish_sending() const { ::shutdown(fd_, SHUT_WR); }
  bool send(ByteView bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool send(const abci::Request& request) const {
    Bytes frame;
    append_frame(request, frame);
    return send(frame);
  }
  /// How many of these bytes the other side takes before it stops reading.
  [[nodiscard]] std::size_t push(ByteView bytes) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      pollfd entry{fd_, POLLOUT, 0};
      if (::poll(&entry, 1, 500) <= 0) break;
      const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    return sent;
  }
  /// The next answer; nothing at the end of the connection.
  std::optional<abci::Response> receive() {
    for (;;) {
      const auto frame = reader_.next();
      if (!frame) return std::nullopt;
      if (*frame) {
        abci::Response response;
        EXPECT_TRUE(response.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size())));
        return response;
      }
      pollfd entry{fd_, POLLIN, 0};
      if (::poll(&entry, 1, kPatienceMs) <= 0) return std::nullopt;
      const auto room = reader_.prepare();
      const ssize_t count = ::recv(fd_, room.data(), room.size(), 0);
      if (count <= 0) return std::nullopt;
      reader_.commit(static_cast<std::size_t>(count));
    }
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
  FrameReader reader_{256U << 20U};
};

abci::Request echo(const std::string& text) {
  abci::Request request;
  request.mutable_echo()->set_message(text);
  return request;
}
abci::Request flush() {
  abci::Request request;
  request.mutable_flush();
  return request;
}
abci::Request commit() {
  abci::Request request;
  request.mutable_commit();
  return request;
}
abci::Request query(const std::string& data) {
  abci::Request request;
  request.mutable_query()->set_data(data);
  return request;
}
abci::Request check(const std::string& tx) {
  abci::Request request;
  request.mutable_check_tx()->set_tx(tx);
  return request;
}

class ServerTest : public ::testing::TestWithParam<std::string> {
 protected:
  void start(ServerOptions options = {}) {
    options.address = GetParam() == "unix" ? "unix://" + file_ : "tcp://127.0.0.1:0";
    server_ = std::make_unique<Server>(options, recorder_);
    const auto started = server_->start();
    ASSERT_TRUE(started.has_value()) << started.error();
  }
  ~ServerTest() override {
    recorder_.open();
    server_.reset();
    EXPECT_FALSE(std::filesystem::exists(file_)) << "the socket file goes with the server";
  }
  [[nodiscard]] std::unique_ptr<Client> connect() const {
    auto client = std::make_unique<Client>(server_->address());
    EXPECT_TRUE(client->connected());
    return client;
  }

  std::string file_ = (std::filesystem::temp_directory_path() / ("abci-" + std::to_string(::getpid()) + ".sock"));
  Recorder recorder_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(Sockets, ServerTest, ::testing::Values("unix", "tcp"),
                         [](const auto& row) { return row.param; });

// REQ: DEC-1
TEST_P(ServerTest, FourConnectionsAnswerEachInItsOwnOrder) {
  start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      ASSERT_TRUE(clients[i]->send(echo(std::to_string(i) + "/" + std::to_string(round))));
      ASSERT_TRUE(clients[i]->send(flush()));
    }
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    for (int round = 0; round < 50; ++round) {
      const auto answer = clients[i]->receive();
      ASSERT_TRUE(answer.has_value());
      EXPECT_EQ(answer->echo().message(), std::to_string(i) + "/" + std::to_string(round));
      const auto flushed = clients[i]->receive();
      ASSERT_TRUE(flushed && flushed->has_flush());
    }
  }
  EXPECT_EQ(server_->counters().open, 4U);
  EXPECT_EQ(server_->counters().flushes, 200U);
}

TEST_P(ServerTest, ALaneThatIsHeldUpHoldsUpNoOtherConnection) {
  start();
  recorder_.shut();
  const auto consensus = connect();
  const auto mempool = connect();
  const auto asks = connect();
  const auto snapshots = connect();
  ASSERT_TRUE(consensus->send(commit()));
  recorder_.wait_until_held();
  ASSERT_TRUE(mempool->send(check("a")));
  EXPECT_EQ(mempool->receive().value().check_tx().data(), "a");
  ASSERT_TRUE(asks->send(query("b")));
  EXPECT_EQ(asks->receive().value().query().value(), "b");
  abci::Request list;
  list.mutable_list_snapshots();
  ASSERT_TRUE(snapshots->send(list));
  EXPECT_TRUE(snapshots->receive().value().has_list_snapshots());
  recorder_.open();
  EXPECT_TRUE(consensus->receive().value().has_commit());
}

TEST_P(ServerTest, OneConnectionThatMixesAllIsServedInItsOrder) {
  start();
  recorder_.shut();
  const auto client = connect();
  Bytes all;
  for (const abci::Request& request : {commit(), query("q"), check("c"), echo("e"), flush()}) {
    append_frame(request, all);
  }
  ASSERT_TRUE(client->send(all));
  recorder_.wait_until_held();
  // The lane of queries works meanwhile, for others.
  const auto other = connect();
  ASSERT_TRUE(other->send(query("o")));
  EXPECT_EQ(other->receive().value().query().height(), 0);
  recorder_.open();
  EXPECT_TRUE(client->receive().value().has_commit());
  const auto answer = client->receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->query().value(), "q");
  EXPECT_EQ(answer->query().height(), 1) << "asked after the commit, answered after it";
  EXPECT_EQ(client->receive().value().check_tx().data(), "c");
  EXPECT_EQ(client->receive().value().echo().message(), "e");
  EXPECT_TRUE(client->receive().value().has_flush());
}

TEST_P(ServerTest, TenThousandTransactionsInOneGoWithAndWithoutFlush) {
  start();
  constexpr int kCount = 10'000;
  for (const bool flushes : {false, true}) {
    const auto client = connect();
    std::thread writer([&] {
      Bytes stream;
      for (int i = 0; i < kCount; ++i) {
        append_frame(check(std::to_string(i)), stream);
        if (flushes) append_frame(flush(), stream);
      }
      EXPECT_TRUE(client->send(stream));
    });
    for (int i = 0; i < kCount; ++i) {
      const auto answer = client->receive();
      ASSERT_TRUE(answer.has_value()) << i;
      ASSERT_EQ(answer->check_tx().data(), std::to_string(i));
      if (flushes) {
        ASSERT_TRUE(client->receive().value().has_flush());
      }
    }
    writer.join();
  }
  EXPECT_EQ(recorder_.checked(), 2U * kCount);
}

TEST_P(ServerTest, AnswersAFrameThatComesByteByByte) {
  start();
  const auto client = connect();
  Bytes stream;
  append_frame(check("slow"), stream);
  append_frame(flush(), stream);
  for (const std::uint8_t byte : stream) ASSERT_TRUE(client->send(ByteView(&byte, 1)));
  EXPECT_EQ(client->receive().value().check_tx().data(), "slow");
  EXPECT_TRUE(client->receive().value().has_flush());
}

TEST_P(ServerTest, AMessageOfAHundredMebibytes) {
  start();
  const auto client = connect();
  const std::string large(100U << 20U, 'x');
  std::thread writer([&] { EXPECT_TRUE(client->send(check(large))); });
  const auto answer = client->receive();
  writer.join();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->check_tx().data().size(), large.size());
}

TEST_P(ServerTest, ProtocolErrorsAreAnsweredByAnExceptionAndTheEnd) {
  ServerOptions options;
  options.message_bytes_max = 1'000;
  start(options);
  const std::pair<const char*, const char*> rows[] = {
      {"a91f", "longer than this server takes"},  // 4,009 bytes
      {"00", "no bytes"},                         //
      {"ffffffffffffffffffff", "no varint"},      //
      {"03aa0100", "request 21"},                 // insert_tx of later versions
      {"01ff", "request 0"},                      // no tag
      {"044202ffff", "no request of ABCI 2.0"},   // a CheckTx that does not decode
      {"0442005a00", "no request of ABCI 2.0"},   // two members
  };
  for (const auto& [bytes, text] : rows) {
    const auto client = connect();
    ASSERT_TRUE(client->send(echo("before")));
    ASSERT_TRUE(client->send(*from_hex(bytes)));
    EXPECT_EQ(client->receive().value().echo().message(), "before");
    const auto answer = client->receive();
    ASSERT_TRUE(answer && answer->has_exception()) << bytes;
    EXPECT_NE(answer->exception().error().find(text), std::string::npos) << answer->exception().error();
    EXPECT_FALSE(client->receive().has_value()) << "the connection ends";
  }
  EXPECT_EQ(server_->counters().faults, std::size(rows));
  const auto client = connect();
  ASSERT_TRUE(client->send(echo("after")));
  EXPECT_EQ(client->receive().value().echo().message(), "after") << "the server goes on";
}

TEST_P(ServerTest, AnErrorOfTheHandlerIsAnExceptionAndWhatStandsBehindItHasNoAnswer) {
  start();
  const auto client = connect();
  abci::Request finalize;
  finalize.mutable_finalize_block();
  ASSERT_TRUE(client->send(finalize));
  ASSERT_TRUE(client->send(commit()));
  const auto answer = client->receive();
  ASSERT_TRUE(answer && answer->has_exception());
  EXPECT_EQ(answer->exception().error(), "this block cannot be executed");
  EXPECT_FALSE(client->receive().has_value());
}

TEST_P(ServerTest, AnEndInMidFrameAndAHalfClosedConnection) {
  start();
  {
    const auto client = connect();
    ASSERT_TRUE(client->send(*from_hex("0642")));
  }
  const auto client = connect();
  ASSERT_TRUE(client->send(check("last words")));
  client->finish_sending();
  EXPECT_EQ(client->receive().value().check_tx().data(), "last words");
  EXPECT_FALSE(client->receive().has_value());
}

TEST_P(ServerTest, AClientThatNeverReadsCostsBoundedMemory) {
  ServerOptions options;
  options.unanswered_max = 64;
  options.unanswered_bytes_max = 1U << 20U;
  options.unsent_bytes_max = 1U << 20U;
  start(options);
  const auto client = connect();
  Bytes stream;
  while (stream.size() < 64U << 20U) append_frame(check(std::string(8'000, 'x')), stream);
  const std::size_t taken = client->push(stream);
  // What the server holds, and what lies in the buffers of the two sockets.
  EXPECT_LT(taken, 24U << 20U) << "it stops reading";
  EXPECT_LT(recorder_.checked() * 8'000U, 24U << 20U);
  const auto other = connect();
  ASSERT_TRUE(other->send(check("other")));
  EXPECT_EQ(other->receive().value().check_tx().data(), "other") << "others are served";
  std::size_t answers = 0;
  while (answers < recorder_.checked() - 1 && client->receive()) ++answers;
  EXPECT_GT(answers, 0U) << "and it may read on";
}

// The answers count, not the requests: twenty bytes ask for a block of mebibytes.
TEST_P(ServerTest, QueriesOfAClientThatNeverReadsCostFewAnswers) {
  start();
  const auto client = connect();
  Bytes stream;
  for (int i = 0; i < 4'096; ++i) append_frame(query(std::string(Recorder::kLong)), stream);
  ASSERT_TRUE(client->send(stream));
  while (recorder_.queries() == 0) std::this_thread::yield();
  // One thread answers queries, so what it was given before this one is done with it.
  const auto other = connect();
  ASSERT_TRUE(other->send(query("other")));
  EXPECT_EQ(other->receive().value().query().value(), "other");
  EXPECT_LE(recorder_.queries(), 1U + 2 * ServerOptions{}.unanswered_queries_max);
  for (int i = 0; i < 64; ++i) {
    const auto answer = client->receive();
    ASSERT_TRUE(answer.has_value()) << "and it may read on: " << i;
    EXPECT_EQ(answer->query().value().size(), 4U << 20U);
  }
}

// CometBFT's RPC takes any bytes as the path of a query, from anybody: abci_query?path=0xfffe.
TEST_P(ServerTest, AQueryWithAnyBytesIsAnsweredAndTheConnectionGoesOn) {
  start();
  const auto client = connect();
  ASSERT_TRUE(client->send(*from_hex("0632041202fffe")));
  const auto answer = client->receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->has_query());
  ASSERT_TRUE(client->send(query("next")));
  EXPECT_EQ(client->receive().value().query().value(), "next");
  EXPECT_EQ(server_->counters().faults, 0U);
}

TEST_P(ServerTest, NoMoreConnectionsThanItMayHave) {
  ServerOptions options;
  options.connections_max = 2;
  start(options);
  const auto first = connect();
  const auto second = connect();
  ASSERT_TRUE(first->send(echo("1")) && second->send(echo("2")));
  ASSERT_TRUE(first->receive() && second->receive());
  const auto third = connect();
  EXPECT_FALSE(third->receive().has_value());
  first->close();
  // The place is free once the server has seen the end.
  for (;;) {
    const auto again = connect();
    if (again->send(echo("3")) && again->receive()) break;
  }
}

TEST_P(ServerTest, StopsWhileClientsSend) {
  start();
  std::atomic<bool> sending{true};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto client = connect();
      while (sending && client->send(check("x")) && client->send(flush()) && client->receive() && client->receive()) {
        continue;
      }
    });
  }
  while (recorder_.checked() < 100) std::this_thread::yield();
  server_->stop();
  sending = false;
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ServerTest, StopsWhileClientsCome) {
  for (int i = 0; i < 100; ++i) {
    start();
    const std::string address = server_->address();
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<Client>> clients(8);
    for (std::size_t j = 0; j < clients.size(); ++j) {
      threads.emplace_back([&, j] {
        ++ready;
        clients[j] = std::make_unique<Client>(address);
      });
    }
    while (ready == 0) std::this_thread::yield();
    server_->stop();  // comes back although the clients stay
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(ServerAddress, SaysWhatIsWrong) {
  Recorder recorder;
  const std::string taken = std::filesystem::temp_directory_path() / ("taken-" + std::to_string(::getpid()) + ".sock");
  ServerOptions options;
  options.address = "unix://" + taken;
  Server first(options, recorder);
  ASSERT_TRUE(first.start().has_value());
  struct stat status {};
  ASSERT_EQ(::stat(taken.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U) << "the socket has no password: files say who may";
  const std::pair<std::string, const char*> rows[] = {
      {"unix://" + taken, "another process listens"},
      {"unix://" + std::string(108, 'x'), "1 to 107 bytes"},
      {"unix:///nowhere/at/all.sock", "No such file"},
      {"tcp://127.0.0.1", "expected unix://PATH or tcp://ADDRESS:PORT"},
      {"tcp://127.0.0.1:x", "expected unix://PATH or tcp://ADDRESS:PORT"},
      {"tcp://nowhere:1", "no address of a machine"},
      {"tcp://0.0.0.0:0", "whoever reaches this socket decides blocks"},
      {"tcp://[::]:0", "whoever reaches this socket decides blocks"},
      {"tcp://192.0.2.1:0", "whoever reaches this socket decides blocks"},
      {"http://127.0.0.1:1", "expected unix://PATH or tcp://ADDRESS:PORT"},
  };
  for (const auto& [address, text] : rows) {
    options.address = address;
    Server server(options, recorder);
    const auto started = server.start();
    ASSERT_FALSE(started.has_value()) << address;
    EXPECT_NE(started.error().find(text), std::string::npos) << started.error();
  }
}

TEST(ServerAddress, ReplacesASocketFileThatNobodyListensOn) {
  Recorder recorder;
  const std::string file = std::filesystem::temp_directory_path() / ("stale-" + std::to_string(::getpid()) + ".sock");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, file.c_str(), sizeof(to.sun_path) - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  ::close(fd);
  ServerOptions options;
  options.address = "unix://" + file;
  Server server(options, recorder);
  ASSERT_TRUE(server.start().has_value());
  Client client(options.address);
  ASSERT_TRUE(client.send(echo("hi")));
  EXPECT_EQ(client.receive().value().echo().message(), "hi");
}

}  // namespace
}  // namespace starminer::engine::cometbft
