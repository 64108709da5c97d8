// The server as an honest client sees it.
#include "api/http/server.h"

#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "api/http/client.h"
#include "api/http/metrics.h"
#include "api/http/test_socket.h"

namespace starminer::api::http {
namespace {

using testing::body_of;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::status_of;
using testing::TestSocket;

std::unique_ptr<Server> serve(Router router, ServerOptions options = {}) {
  auto server = std::make_unique<Server>(std::move(options), std::move(router));
  const auto started = server->start();
  EXPECT_TRUE(started) << started.error();
  return server;
}

HttpClient client_of(const Server& server) { return HttpClient({"127.0.0.1", std::to_string(server.port())}); }

Router echo_router(Run run) {
  Router router;
  router.add(Method::Post, "/echo", [](const Request& request) { return Response::bytes(request.body, "text/plain"); },
             {.content_types = {"text/plain"}, .run = run});
  router.add(Method::Get, "/items/{id}",
             [](const Request& request) {
               const std::string* name = request.find_query("name");
               return Response::text(request.param("id") + ":" + (name == nullptr ? "-" : *name));
             },
             {.run = run});
  return router;
}

class ServerRun : public ::testing::TestWithParam<Run> {};
INSTANTIATE_TEST_SUITE_P(Both, ServerRun, ::testing::Values(Run::Inline, Run::Worker));

TEST_P(ServerRun, AnswersRequestsOnOneConnection) {
  const auto server = serve(echo_router(GetParam()));
  auto client = client_of(*server);
  for (int i = 0; i < 50; ++i) {
    const std::string text = "body " + std::to_string(i) + std::string(static_cast<std::size_t>(i) * 997, 'x');
    const auto answer = client.post("/echo", text, "text/plain");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, text);
  }
  const auto item = client.get("/items/a%20b?name=%C3%A4");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->body, "a b:\xc3\xa4");
}

TEST_P(ServerRun, AnswersPipelinedRequestsInOrder) {
  const auto server = serve(echo_router(GetParam()));
  TestSocket socket(server->port());
  socket.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\none"
      "GET /items/2 HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nthr\r\n2;ext=1\r\nee\r\n0\r\nTrailer: x\r\n\r\n"
      "GET /items/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body_of(socket.read_answer()), "one");
  EXPECT_EQ(body_of(socket.read_answer()), "2:-");
  EXPECT_EQ(body_of(socket.read_answer()), "three");
  EXPECT_EQ(body_of(socket.read_to_end()), "4:-");
  EXPECT_TRUE(socket.closed());
}

TEST_P(ServerRun, TakesRequestsByteByByte) {
  const auto server = serve(echo_router(GetParam()));
  TestSocket socket(server->port());
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
      "a\r\n0123456789\r\n0\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(socket.send({&c, 1}));
  EXPECT_EQ(body_of(socket.read_answer()), "0123456789");
}

TEST(Server, AnswersHeadAndOptions) {
  const auto server = serve(echo_router(Run::Inline));
  TestSocket socket(server->port());
  socket.send(
      "HEAD /items/7 HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string both = socket.read_to_end();
  EXPECT_THAT(both, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(both, Not(HasSubstr("7:-")));
  EXPECT_THAT(both, HasSubstr("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(both, HasSubstr("Allow: POST, OPTIONS\r\n"));
}

TEST(Server, SpeaksHttp10) {
  const auto server = serve(echo_router(Run::Inline));
  TestSocket closing(server->port());
  closing.send("GET /items/1 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(closing.read_to_end()), "1:-");
  TestSocket keeping(server->port());
  keeping.send("GET /items/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(keeping.read_answer(), HasSubstr("Connection: keep-alive"));
  keeping.send("GET /items/2 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(keeping.read_to_end()), "2:-");
}

TEST(Server, RefusesWithProblems) {
  const auto server = serve(echo_router(Run::Inline));
  auto client = client_of(*server);
  const auto missing = client.get("/nothing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, 404);
  EXPECT_EQ(missing.error().code, "no_such_path");
  EXPECT_THAT(missing.error().instance, HasSubstr("r-"));
  EXPECT_FALSE(missing.error().advice.empty());
  const auto method = client.del("/echo");
  EXPECT_EQ(method.error().code, "method_not_allowed");
  const auto type = client.post("/echo", "{}", "application/json");
  EXPECT_EQ(type.error().status, 415);
  EXPECT_THAT(type.error().advice, HasSubstr("text/plain"));
  const auto query = client.get("/items/1?a=1&a=2");
  EXPECT_EQ(query.error().code, "bad_query");
}

TEST(Server, AsyncHandlersAnswerLaterFromAnyThread) {
  Router router;
  std::vector<std::thread> threads;
  router.add_async(Method::Get, "/later",
                   [&](const Request& request, const Responder& responder) {
                     threads.emplace_back([responder, name = std::string(request.header("x-name"))] {
                       std::this_thread::sleep_for(std::chrono::milliseconds(30));
                       responder.send(Response::text("late " + name));
                       responder.send(Response::text("a second answer is ignored"));
                     });
                   },
                   {.run = Run::Inline});
  router.add_async(Method::Get, "/dropped", [](const Request&, const Responder&) {});
  router.add_async(Method::Get, "/at-once",
                   [](const Request&, const Responder& responder) { responder.send(Response::text("now")); },
                   {.run = Run::Inline});
  const auto server = serve(std::move(router), {.io_threads = 1});
  auto client = client_of(*server);
  EXPECT_EQ(client.get("/later", {.headers = {{"X-Name", "anna"}}})->body, "late anna");
  EXPECT_EQ(client.get("/at-once")->body, "now");
  const auto dropped = client.get("/dropped");
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code, "internal");
  for (std::thread& thread : threads) thread.join();
}

// F9: what a handler throws stays in the log.
TEST(Server, AThrowingHandlerGivesAPlain500) {
  Router router;
  const auto thrower = [](const Request&) -> Response { throw std::runtime_error("secret /etc/place"); };
  router.add(Method::Get, "/worker", thrower);
  router.add(Method::Get, "/inline", thrower, {.run = Run::Inline});
  router.add_async(Method::Get, "/async",
                   [](const Request&, const Responder&) { throw std::runtime_error("secret /etc/place"); });
  const auto server = serve(std::move(router));
  for (const char* path : {"/worker", "/inline", "/async"}) {
    TestSocket socket(server->port());
    socket.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string answer = socket.read_to_end();
    EXPECT_EQ(status_of(answer), 500) << path;
    EXPECT_THAT(answer, Not(HasSubstr("secret")));
  }
}

TEST(Server, AFullQueueOfWorkIsRefusedWith503) {
  Router router;
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::atomic<int> running = 0;
  router.add(Method::Get, "/slow", [&](const Request&) {
    ++running;
    released.wait();
    return Response::text("done");
  });
  const auto server = serve(std::move(router), {.worker_threads = 1, .worker_queue_max = 1});
  const std::string request = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
  TestSocket first(server->port());
  first.send(request);
  ASSERT_TRUE(eventually([&] { return running == 1; }));
  TestSocket second(server->port());
  TestSocket third(server->port());
  second.send(request);
  third.send(request);
  // One of the two waits in the queue, the other is refused.
  EXPECT_TRUE(eventually([&] { return second.readable() || third.readable(); }));
  release.set_value();
  const std::string a = second.read_answer();
  const std::string b = third.read_answer();
  EXPECT_EQ(status_of(first.read_answer()), 200);
  const std::string refused = status_of(a) == 503 ? a : b;
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(refused, HasSubstr("\"code\":\"overloaded\""));
  EXPECT_EQ(status_of(a) + status_of(b), 703);
}

TEST(Server, LimitsTheRatePerAddressAndPerKey) {
  Router router = echo_router(Run::Inline);
  router.add(Method::Get, "/keyed", [](const Request&) { return Response::text("ok"); },
             {.rate_class = "keyed", .run = Run::Inline});
  ServerOptions options;
  options.rates["default"].per_address = {0.001, 3};
  options.rates["keyed"].per_key = {0.001, 2};
  options.rate_key = [](const Request& request) { return std::string(request.header("x-key")); };
  const auto server = serve(std::move(router), std::move(options));
  auto client = client_of(*server);
  const CallOptions anna{.headers = {{"X-Key", "anna"}}};
  const CallOptions ben{.headers = {{"X-Key", "ben"}}};
  EXPECT_TRUE(client.get("/keyed", anna));
  EXPECT_TRUE(client.get("/keyed", anna));
  EXPECT_EQ(client.get("/keyed", anna).error().code, "rate_limited");
  EXPECT_TRUE(client.get("/keyed", ben)) << "a key does not pay for another";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.get("/items/1"));
  const auto limited = client.get("/items/1");
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().status, 429);
  EXPECT_GE(limited.error().retry_after_s, 1);
  EXPECT_TRUE(limited.error().is_transient());
  EXPECT_EQ(client.get("/unknown").error().status, 429) << "unknown paths count too";
}

TEST(Server, CountsInTheRegistry) {
  prometheus::Registry registry;
  Router router = echo_router(Run::Inline);
  router.add(Method::Get, "/metrics", [&](const Request&) { return metrics_response(registry); });
  const auto server = serve(std::move(router), {.metrics = &registry});
  auto client = client_of(*server);
  EXPECT_TRUE(client.get("/items/1"));
  EXPECT_TRUE(client.get("/items/2"));
  EXPECT_FALSE(client.get("/none"));
  const auto metrics = client.get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->body, HasSubstr("starminer_http_connections 1"));
  EXPECT_THAT(metrics->body, HasSubstr("starminer_http_refusals_total{code=\"no_such_path\"} 1"));
  EXPECT_THAT(metrics->body,
              HasSubstr("starminer_http_requests_total{method=\"GET\",route=\"/items/{id}\",status=\"200\"} 2"));
  EXPECT_THAT(metrics->body, HasSubstr("starminer_http_request_seconds_count{method=\"GET\",route=\"/items/{id}\"} 2"));
}

TEST(Server, StopLetsARequestInProgressFinish) {
  Router router;
  std::promise<void> entered;
  router.add(Method::Get, "/slow", [&](const Request&) {
    entered.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    return Response::text("finished");
  });
  const auto server = serve(std::move(router));
  TestSocket idle(server->port());
  TestSocket busy(server->port());
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.get_future().wait();
  const std::uint16_t port = server->port();
  server->stop();
  EXPECT_EQ(body_of(busy.read_to_end()), "finished");
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(TestSocket(port).connected());
}

TEST(Server, StopCutsWhatOutlivesTheGraceAndAResponderMayOutliveTheServer) {
  Router router;
  std::optional<Responder> kept;
  std::promise<void> entered;
  router.add_async(Method::Get, "/never", [&](const Request&, Responder responder) {
    kept = std::move(responder);
    entered.set_value();
  });
  auto server = serve(std::move(router), {.stop_grace = std::chrono::milliseconds(100)});
  TestSocket socket(server->port());
  socket.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.get_future().wait();
  server->stop();
  server.reset();
  EXPECT_EQ(socket.read_to_end(), "");
  kept->send(Response::text("too late"));
  kept.reset();
}

TEST(Server, SaysWhyItCannotListen) {
  const auto first = serve(Router());
  Server second({.port = first->port()}, Router());
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error(), HasSubstr("choose another"));
  Server third({.address = "localhost"}, Router());
  EXPECT_THAT(third.start().error(), HasSubstr("not an IP address"));
}

TEST(Server, ServesManyConnectionsAtOnce) {
  const auto server = serve(echo_router(Run::Worker));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      auto client = client_of(*server);
      for (int i = 0; i < 100; ++i) {
        const std::string text = std::to_string(t) + "-" + std::to_string(i);
        const auto answer = client.post("/echo", text, "text/plain");
        if (answer && answer->body == text) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
}

}  // namespace
}  // namespace starminer::api::http
