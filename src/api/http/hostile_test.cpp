// Hostile clients (campaign F): each gets a clear refusal, a closed connection where the framing is in doubt, and
// nothing about the inside of the server.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/http/test_socket.h"

namespace starminer::api::http {
namespace {

using std::chrono::milliseconds;
using namespace std::string_literals;
using testing::body_of;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::status_of;
using testing::TestSocket;

/// Counts what reaches a handler, so that a refusal is known to come before it.
struct Fixture {
  std::atomic<int> handled = 0;
  std::atomic<std::size_t> stored = 0;
  std::unique_ptr<Server> server;

  explicit Fixture(ServerOptions options = short_times()) {
    Router router;
    router.add(Method::Post, "/p",
               [this](const Request& request) {
                 ++handled;
                 return Response::text(std::to_string(request.body.size()));
               },
               {.body_limit = 1'000, .content_types = {}, .run = Run::Inline});
    router.add(Method::Get, "/g",
               [this](const Request&) {
                 ++handled;
                 return Response::text("ok");
               },
               {.run = Run::Inline});
    router.add(Method::Get, "/large", [](const Request&) { return Response::text(std::string(64U << 20U, 'x')); });
    router.add_upload(Method::Put, "/u",
                      [this](const Request&) -> Result<std::unique_ptr<BodySink>, Response> {
                        return std::make_unique<CountingSink>(*this);
                      },
                      {.body_limit = 1'000'000, .content_types = {}});
    server = std::make_unique<Server>(std::move(options), std::move(router));
    EXPECT_TRUE(server->start());
  }

  static ServerOptions short_times() {
    ServerOptions options;
    options.header_timeout = milliseconds(800);
    options.body_timeout = milliseconds(300);
    options.idle_timeout = milliseconds(300);
    options.write_timeout = milliseconds(300);
    options.linger_timeout = milliseconds(300);
    return options;
  }

  class CountingSink : public BodySink {
   public:
    explicit CountingSink(Fixture& fixture) : fixture_(fixture) {}
    std::optional<Response> write(ByteView bytes) override {
      fixture_.stored += bytes.size();
      return std::nullopt;
    }
    Response finish() override {
      ++fixture_.handled;
      return Response::text("stored");
    }

   private:
    Fixture& fixture_;
  };
};

struct Case {
  std::string name;
  std::string request;
  int status;
};

std::string get_with(const std::string& fields) { return "GET /g HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
std::string post_with(const std::string& fields, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post_with("Transfer-Encoding: chunked\r\n", body); }

/// What a smuggler appends: it must never be taken for a second request.
const std::string kSecond = "GET /g HTTP/1.1\r\nHost: smuggled\r\n\r\n";

std::vector<Case> framing_cases() {
  std::string many = "GET /g HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100'000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  return {
      {"both lengths", post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + kSecond), 400},
      {"both lengths, other order", post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"two different lengths", post_with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400},
      {"the same length twice", post_with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"a list of lengths", post_with("Content-Length: 5, 5\r\n", "hello"), 400},
      {"a signed length", post_with("Content-Length: +5\r\n", "hello"), 400},
      {"a negative length", post_with("Content-Length: -5\r\n", "hello"), 400},
      {"a hexadecimal length", post_with("Content-Length: 0x5\r\n", "hello"), 400},
      {"an empty length", post_with("Content-Length: \r\n", "hello"), 400},
      {"a length beyond 64 bits", post_with("Content-Length: 18446744073709551617\r\n", "hello"), 400},
      {"a length with a blank inside", post_with("Content-Length: 5 0\r\n", "hello"), 400},
      {"coding identity", post_with("Transfer-Encoding: identity\r\n", kSecond), 400},
      {"coding gzip, chunked", post_with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
      {"coding chunked, identity", post_with("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400},
      {"coding xchunked", post_with("Transfer-Encoding: xchunked\r\n", kSecond), 400},
      {"coding twice", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"coding with a quote", post_with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400},
      {"coding after a vertical tab",
       post_with("Transfer-Encoding: \x0b"
                 "chunked\r\n",
                 "0\r\n\r\n"),
       400},
      {"coding with blank before colon", post_with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"coding in HTTP/1.0", "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunk size not hexadecimal", chunked("zz\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk size with 0x", chunked("0x2\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk size with sign", chunked("+2\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk size empty", chunked("\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk size beyond 64 bits", chunked("10000000000000000\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk longer than its size", chunked("2\r\nabc\r\n0\r\n\r\n"), 400},
      {"chunk ends with bare LF", chunked("2\nab\n0\n\n" + std::string(40, ' ')), 400},
      {"chunk size line ends with CR x", chunked("2\rxab\r\n0\r\n\r\n"), 400},
      {"chunk extension malformed", chunked("2;=\r\nab\r\n0\r\n\r\n"), 400},
      {"chunk extension without end", chunked("2;" + std::string(40'000, 'x')), 400},
      {"trailer with a length", chunked("0\r\nContent-Length: 5\r\n\r\n"), 400},
      {"trailer malformed", chunked("0\r\nno colon\r\n\r\n"), 400},
      {"bare LF", "GET /g HTTP/1.1\nHost: a\n\n", 400},
      {"bare LF in a field", get_with("A: b\nC: d\r\n"), 400},
      {"bare CR in a field", get_with("A: b\rC: d\r\n"), 400},
      {"folded field", get_with("A: b\r\n c\r\n"), 400},
      {"folded by tab", get_with("A: b\r\n\tc\r\n"), 400},
      {"folded first field", "GET /g HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"NUL in a value", get_with("A: b\0c\r\n"s), 400},
      {"NUL in a name", get_with("A\0: b\r\n"s), 400},
      {"NUL in the target", "GET /g\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"blank in a name", get_with("A b: c\r\n"), 400},
      {"empty name", get_with(": c\r\n"), 400},
      {"no colon", get_with("Abc\r\n"), 400},
      {"no host", "GET /g HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get_with("Host: b\r\n"), 400},
      {"two blanks in the request line", "GET  /g HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /g\r\nHost: a\r\n\r\n", 400},
      {"version 2.0", "GET /g HTTP/2.0\r\nHost: a\r\n\r\n", 400},
      {"version 0.9", "GET /g HTTP/0.9\r\nHost: a\r\n\r\n", 400},
      {"version 1.1x", "GET /g HTTP/1.1x\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"method with a slash", "G/T /g HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"not a path", "GET g HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"authority form", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /g#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"raw bytes in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"empty first line", "\r\nGET /g HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"upgrade", get_with("Connection: upgrade\r\nUpgrade: websocket\r\n"), 400},
      {"unknown expectation", post_with("Expect: 200-maybe\r\nContent-Length: 1\r\n", "x"), 417},
      {"100,000 fields", many, 431},
      {"one field of 1 MB", get_with("A: " + std::string(1U << 20U, 'x') + "\r\n"), 431},
      {"a target of 1 MB", "GET /" + std::string(1U << 20U, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"a method of 1 MB", std::string(1U << 20U, 'G'), 414},
  };
}

TEST(HostileFraming, IsRefusedAndTheConnectionClosed) {
  Fixture fixture;
  const auto cases = framing_cases();
  EXPECT_GE(cases.size(), 60U);
  for (const Case& row : cases) {
    TestSocket socket(fixture.server->port());
    socket.send(row.request);
    const std::string answer = socket.read_to_end();
    EXPECT_EQ(status_of(answer), row.status) << row.name << "\n" << answer.substr(0, 400);
    EXPECT_TRUE(socket.closed()) << row.name;
    EXPECT_EQ(answer.find("Request-Id", answer.find("Request-Id") + 1), std::string::npos)
        << row.name << ": a second answer";
    EXPECT_THAT(answer, HasSubstr("application/problem+json")) << row.name;
    EXPECT_THAT(answer, Not(HasSubstr(".cpp"))) << row.name;
    EXPECT_THAT(answer, Not(HasSubstr("boost"))) << row.name;
  }
  EXPECT_EQ(fixture.handled, 0) << "nothing of this reaches a handler";
}

TEST(HostilePaths, AreRefusedAndTheConnectionKept) {
  Fixture fixture;
  const Case cases[] = {
      {"dot segment", "/a/../g", 400}, {"encoded slash", "/a%2fg", 400}, {"NUL", "/g%00", 400},
      {"bad escape", "/g%zz", 400},    {"cut escape", "/g%2", 400},      {"overlong", "/%c0%ae", 400},
      {"double slash", "//g", 400},    {"unknown", "/x", 404},
  };
  TestSocket socket(fixture.server->port());
  for (const Case& row : cases) {
    socket.send("GET " + row.request + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = socket.read_answer();
    EXPECT_EQ(status_of(answer), row.status) << row.name;
  }
}

TEST(HostileBodies, TooLargeIsRefusedBeforeItIsTaken) {
  Fixture fixture;
  struct Row {
    const char* name;
    std::string request;
  };
  const Row rows[] = {
      {"by length", post_with("Content-Length: 1001\r\n", std::string(1'001, 'x'))},
      {"by a length that never comes", post_with("Content-Length: 99999999999\r\n", "x")},
      {"by one chunk", chunked("3e9\r\n" + std::string(1'001, 'x') + "\r\n0\r\n\r\n")},
      {"by a chunk that never comes", chunked("ffffffffff\r\n")},
      {"by the sum of chunks", chunked("3e8\r\n" + std::string(1'000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n")},
      {"by the sum beyond 64 bits", chunked("1\r\nx\r\nffffffffffffffff\r\n")},
      {"upload by length", "PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\nx"},
      {"upload by chunk", "PUT /u HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nf4241\r\nx"},
  };
  for (const Row& row : rows) {
    TestSocket socket(fixture.server->port());
    socket.send(row.request);
    const std::string answer = socket.read_to_end();
    EXPECT_EQ(status_of(answer), 413) << row.name << answer;
    EXPECT_THAT(answer, HasSubstr("\"code\":\"body_too_large\"")) << row.name;
    EXPECT_TRUE(socket.closed()) << row.name;
  }
  EXPECT_EQ(fixture.handled, 0);
  EXPECT_EQ(fixture.stored, 0U);
  TestSocket fits(fixture.server->port());
  fits.send(chunked("3e8\r\n" + std::string(1'000, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(body_of(fits.read_answer()), "1000");
}

// F2: a client that sends megabytes after a refusal still sees the refusal.
TEST(HostileBodies, TheRefusalIsSeenByAClientThatGoesOnSending) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send("PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(1U << 16U, 'x');
  for (int i = 0; i < 64 && socket.send(piece); ++i) {
  }
  EXPECT_EQ(status_of(socket.read_to_end()), 413);
}

TEST(HostileBodies, CompressedBodiesAreRefused) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send(post_with("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "\x1f\x8b\x08!!"));
  EXPECT_EQ(status_of(socket.read_answer()), 415);
  socket.send(get_with(""));
  EXPECT_EQ(status_of(socket.read_answer()), 200) << "the small body was skipped, the connection goes on";
}

TEST(HostileBodies, ABodyWhereNoneBelongsIsRefused) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send(get_with("Content-Length: 2\r\n") + "xx");
  EXPECT_THAT(socket.read_answer(), HasSubstr("body_not_allowed"));
}

TEST(HostileBodies, ContinueIsSaidOnlyWhenTheBodyIsWanted) {
  Fixture fixture;
  TestSocket wanted(fixture.server->port());
  wanted.send("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  ASSERT_TRUE(wanted.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  wanted.send("abc");
  EXPECT_TRUE(wanted.read_until("HTTP/1.1 200 OK"));
  TestSocket refused(fixture.server->port());
  refused.send("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3000\r\n\r\n");
  EXPECT_EQ(status_of(refused.read_to_end()), 413);
}

TEST(SlowClients, AreClosedInEveryPhase) {
  Fixture fixture;
  const auto send = [&](const std::string& bytes) {
    TestSocket socket(fixture.server->port());
    socket.send(bytes);
    return socket;
  };
  TestSocket idle = send(get_with(""));
  TestSocket silent = send("");
  TestSocket header = send("GET /g HTTP/1.1\r\nHo");
  TestSocket body = send(post_with("Content-Length: 10\r\n", "abc"));
  TestSocket chunk = send(chunked("a\r\nabc"));
  TestSocket upload = send("PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(status_of(idle.read_answer()), 200);
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.closed());
  for (TestSocket* socket : {&header, &body, &chunk, &upload}) {
    const std::string answer = socket->read_to_end();
    EXPECT_EQ(status_of(answer), 408) << answer;
    EXPECT_TRUE(socket->closed());
  }
  EXPECT_EQ(fixture.handled, 1);
  EXPECT_TRUE(eventually([&] { return fixture.stored == 3; })) << "what came of an upload is kept for its resume";
}

// A body that drips one byte at a time keeps moving but stays below the least rate.
TEST(SlowClients, ADripBelowTheLeastRateIsCut) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send(post_with("Content-Length: 1000\r\n", ""));
  bool cut = false;
  for (int i = 0; i < 1'000 && !cut; ++i) {
    cut = !socket.send("x") || socket.buffer().size() > 0;
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_TRUE(cut) << "1000 bytes at 100 a second would take ten seconds";
  EXPECT_EQ(fixture.handled, 0);
}

TEST(SlowClients, AReaderThatDoesNotReadIsCut) {
  ServerOptions options = Fixture::short_times();
  options.connections_max = 1;
  Fixture fixture(std::move(options));
  TestSocket socket(fixture.server->port(), 4'096);
  socket.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(eventually([&] {
    TestSocket other(fixture.server->port());
    other.send(get_with(""));
    return status_of(other.read_answer()) == 200;
  })) << "its place becomes free while it still does not read";
  EXPECT_LT(socket.read_to_end().size(), 64U << 20U);
}

TEST(Connections, AreLimitedPerAddressAndInAll) {
  for (const bool per_address : {true, false}) {
    ServerOptions options;
    (per_address ? options.connections_per_address_max : options.connections_max) = 3;
    Fixture fixture(std::move(options));
    std::vector<TestSocket> open;
    for (int i = 0; i < 3; ++i) {
      open.emplace_back(fixture.server->port());
      open.back().send(get_with(""));
      EXPECT_EQ(status_of(open.back().read_answer()), 200);
    }
    TestSocket refused(fixture.server->port());
    const std::string answer = refused.read_to_end();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_THAT(answer, HasSubstr("too_many_connections"));
    open.pop_back();
    EXPECT_TRUE(eventually([&] {
      TestSocket again(fixture.server->port());
      again.send(get_with(""));
      return status_of(again.read_answer()) == 200;
    })) << "a place becomes free again";
  }
}

TEST(Responses, CannotBeSplitByAValue) {
  Router router;
  router.add(Method::Get, "/h", [](const Request& request) {
    return Response::text("x").with("X-Echo", *request.find_query("v") + "\r\nInjected: 1");
  });
  Server server({}, std::move(router));
  ASSERT_TRUE(server.start());
  TestSocket socket(server.port());
  socket.send("GET /h?v=a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(socket.read_answer(), Not(HasSubstr("\r\nInjected")));
}

}  // namespace
}  // namespace starminer::api::http
