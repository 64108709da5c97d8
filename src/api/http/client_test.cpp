// The client against servers that behave badly.
#include "api/http/client.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/http/server.h"
#include "api/http/test_socket.h"

namespace starminer::api::http {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// Accepts connections and answers each with what the script says, whatever was asked.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::function<void(int)>> script)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    endpoint = {"127.0.0.1", std::to_string(ntohs(address.sin_port))};
    thread_ = std::thread([this, script = std::move(script)] {
      for (const auto& act : script) {
        const int client = ::accept(listener_, nullptr, nullptr);
        if (client < 0) return;
        act(client);
        ::close(client);
        ++closed;
      }
    });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  static void read_request(int client) {
    char bytes[4'096];
    (void)::recv(client, bytes, sizeof(bytes), 0);
  }
  static std::function<void(int)> answering(std::string text) {
    return [text = std::move(text)](int client) {
      read_request(client);
      (void)::send(client, text.data(), text.size(), MSG_NOSIGNAL);
    };
  }

  Endpoint endpoint;
  std::atomic<int> closed = 0;

 private:
  int listener_;
  std::thread thread_;
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpClient, RefusesABadUrl) {
  const auto client = HttpClient::make("ftp://x");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, "bad_url");
  EXPECT_THAT(client.error().advice, HasSubstr("http://"));
}

TEST(HttpClient, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    Server server({}, Router());
    ASSERT_TRUE(server.start());
    port = server.port();
  }
  HttpClient client({"127.0.0.1", std::to_string(port)});
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "connect_failed");
  EXPECT_EQ(answer.error().status, 0);
  EXPECT_TRUE(answer.error().is_transient());
}

TEST(HttpClient, SaysThatAHostIsUnknown) {
  HttpClient client({"no-such-host.invalid", "80"});
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "connect_failed");
}

TEST(HttpClient, KeepsItsDeadline) {
  const auto silent = [](int client) {
    ScriptedServer::read_request(client);
    ScriptedServer::read_request(client);
  };
  ScriptedServer server({silent, ScriptedServer::answering(kOk)});
  HttpClient client(server.endpoint);
  const auto answer = client.get("/", {.timeout = milliseconds(100)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "deadline_exceeded");
  EXPECT_EQ(client.get("/")->body, "ok") << "the next call has a fresh connection";
}

TEST(HttpClient, ReadsProblems) {
  const std::string body =
      R"({"type":"/problems/balance","title":"T","status":402,"detail":"D","code":"balance","instance":"r-1","advice":"A","missing":"9.5"})";
  ScriptedServer server({ScriptedServer::answering(
      "HTTP/1.1 402 X\r\nRetry-After: 7\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)});
  HttpClient client(server.endpoint);
  const auto answer = client.post("/", "{}");
  ASSERT_FALSE(answer);
  const ApiError& error = answer.error();
  EXPECT_EQ(error.status, 402);
  EXPECT_EQ(error.code, "balance");
  EXPECT_EQ(error.title, "T");
  EXPECT_EQ(error.detail, "D");
  EXPECT_EQ(error.advice, "A");
  EXPECT_EQ(error.instance, "r-1");
  EXPECT_EQ(error.retry_after_s, 7);
  ASSERT_EQ(error.members.size(), 1U);
  EXPECT_EQ(error.members[0].second, "9.5");
}

TEST(HttpClient, NamesAnErrorThatIsNoProblem) {
  ScriptedServer server({ScriptedServer::answering("HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\noops")});
  HttpClient client(server.endpoint);
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "http_502");
  EXPECT_EQ(answer.error().title, "Bad Gateway");
}

TEST(HttpClient, ReopensAConnectionThatTheServerClosed) {
  ScriptedServer server({ScriptedServer::answering(kOk), ScriptedServer::answering(kOk)});
  HttpClient client(server.endpoint);
  EXPECT_TRUE(client.get("/"));
  ASSERT_TRUE(testing::eventually([&] { return server.closed == 1; }));
  EXPECT_TRUE(client.post("/", "x")) << "even a POST, because the end was seen before it was sent";
}

TEST(HttpClient, DoesNotRepeatAPostThatMayHaveArrived) {
  std::atomic<int> requests = 0;
  const auto swallow = [&](int client) {
    ScriptedServer::read_request(client);
    (void)::send(client, kOk.data(), kOk.size(), MSG_NOSIGNAL);
    ScriptedServer::read_request(client);
    ++requests;
  };
  const auto count = [&](int client) {
    ScriptedServer::read_request(client);
    ++requests;
    (void)::send(client, kOk.data(), kOk.size(), MSG_NOSIGNAL);
  };
  ScriptedServer server({swallow, count});
  HttpClient client(server.endpoint);
  EXPECT_TRUE(client.get("/"));
  const auto lost = client.post("/", "pay");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "connection_lost");
  EXPECT_EQ(requests, 1);
  EXPECT_TRUE(client.get("/"));
}

TEST(HttpClient, RefusesAnswersThatAreNotHttp) {
  for (const char* text : {"SSH-2.0-OpenSSH_9\r\n", "HTTP/3.0 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    ScriptedServer server({ScriptedServer::answering(text)});
    HttpClient client(server.endpoint);
    const auto answer = client.get("/");
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code, "bad_response") << text;
  }
}

TEST(HttpClient, ATruncatedBodyIsAnError) {
  ScriptedServer server({ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")});
  HttpClient client(server.endpoint);
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "connection_lost");
}

TEST(HttpClient, BoundsTheBody) {
  ScriptedServer server(
      {ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2'000, 'x'))});
  HttpClient client(server.endpoint, {.body_bytes_max = 1'000});
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "too_large");
}

TEST(HttpClient, PreparesEachAttempt) {
  Router router;
  router.add(Method::Post, "/signed", [](const Request& request) {
    return Response::text(std::string(request.header("x-signature")) + " " + std::string(request.target));
  });
  Server server({}, std::move(router));
  ASSERT_TRUE(server.start());
  int count = 0;
  ClientOptions options;
  options.prepare = [&](Method method, std::string_view target, std::string_view body, Headers& headers) {
    headers.emplace_back("X-Signature", std::string(method_name(method)) + std::string(target) + std::string(body) +
                                            std::to_string(++count));
  };
  HttpClient client({"127.0.0.1", std::to_string(server.port())}, std::move(options));
  EXPECT_EQ(client.post("/signed?x=1", "{}")->body, "POST/signed?x=1{}1 /signed?x=1");
  EXPECT_EQ(client.post("/signed", "{}")->body, "POST/signed{}2 /signed");
}

TEST(EventReader, GivesUpAfterItsReconnects) {
  ScriptedServer server(
      {ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 5\ndata: x\n\n"),
       ScriptedServer::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
       ScriptedServer::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")});
  HttpClient client(server.endpoint);
  EventOptions options;
  options.reconnect_pause = milliseconds(1);
  options.reconnects_max = 2;
  int events = 0;
  const auto end = client.events(
      "/", [&](const SseEvent&) { return ++events > 0; }, options);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().status, 503);
  EXPECT_EQ(events, 1);
}

TEST(EventReader, RefusesAnotherContentType) {
  ScriptedServer server({ScriptedServer::answering(kOk)});
  HttpClient client(server.endpoint);
  EXPECT_EQ(client.events("/", [](const SseEvent&) { return true; }).error().code, "bad_response");
}

}  // namespace
}  // namespace starminer::api::http
