// Server-sent events from push to callback.
#include "api/http/sse.h"

#include <atomic>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/http/sse_parser.h"
#include "api/http/test_socket.h"

namespace starminer::api::http {
namespace {

using std::chrono::milliseconds;
using testing::eventually;
using ::testing::HasSubstr;
using testing::status_of;
using testing::TestSocket;

bool operator_equal(const SseEvent& left, const SseEvent& right) {
  return left.id == right.id && left.name == right.name && left.data == right.data;
}

TEST(EncodeEvent, WritesTheWireForm) {
  EXPECT_EQ(*encode_event({"7", "job", "a\nb\r\nc\rd"}), "id: 7\nevent: job\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(*encode_event({"", "", ""}), "data: \n\n");
  EXPECT_EQ(*encode_event({"1\nevent: x", "a\r\nb", ""}), "id: 1event: x\nevent: ab\ndata: \n\n");
}

TEST(SseParser, ReadsTheStandardsForms) {
  SseParser parser("");
  std::vector<SseEvent> events;
  const auto take = [&](const SseEvent& event) {
    events.push_back(event);
    return true;
  };
  const std::string text =
      "\xef\xbb\xbf: comment\nretry: 250\ndata: one\nid: 1\n\ndata:two\r\ndata: lines\r\r\nevent: e\n\nevent: "
      "n\ndata\n\nid\ndata: x\n\n"
      "data: cut";
  EXPECT_EQ(parser.feed(text, take), SseParser::Status::More);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_TRUE(operator_equal(events[0], {"1", "", "one"}));
  EXPECT_TRUE(operator_equal(events[1], {"1", "", "two\nlines"}));
  EXPECT_TRUE(operator_equal(events[2], {"1", "n", ""}));
  EXPECT_TRUE(operator_equal(events[3], {"", "", "x"}));
  EXPECT_EQ(parser.retry_ms(), 250);
}

TEST(SseParser, BoundsAnEvent) {
  SseParser parser("", 1'000);
  const auto never = [](const SseEvent&) { return true; };
  EXPECT_EQ(parser.feed(std::string(1'001, 'x'), never), SseParser::Status::TooLarge);
}

TEST(SseParser, GivesBackWhatWasEncodedInAnyPieces) {
  EXPECT_TRUE(rc::check([] {
    const auto word = rc::gen::container<std::string>(rc::gen::element('a', ':', ' ', '0', '\xc3'));
    const auto texts = rc::gen::container<std::string>(rc::gen::element('a', ':', ' ', '\n'));
    const auto ids = *rc::gen::container<std::vector<std::string>>(word);
    std::vector<SseEvent> sent;
    std::string wire;
    for (const std::string& id : ids) {
      SseEvent event{"i" + id, *word, *texts};
      wire += *encode_event(event);
      sent.push_back(std::move(event));
    }
    SseParser parser("");
    std::vector<SseEvent> got;
    const auto take = [&](const SseEvent& event) {
      got.push_back(event);
      return true;
    };
    while (!wire.empty()) {
      const auto piece = static_cast<std::size_t>(*rc::gen::inRange(1, 8));
      RC_ASSERT(parser.feed(std::string_view(wire).substr(0, piece), take) == SseParser::Status::More);
      wire.erase(0, piece);
    }
    RC_ASSERT(got.size() == sent.size());
    for (std::size_t i = 0; i < got.size(); ++i) RC_ASSERT(operator_equal(got[i], sent[i]));
    if (!sent.empty()) RC_ASSERT(parser.last_event_id() == sent.back().id);
  }));
}

/// A topic that numbers its events and replays what a subscriber missed, as the API does it.
class Topic {
 public:
  std::optional<Response> subscribe(const Request& request, SseStream stream) {
    if (request.find_query("refuse") != nullptr) return Response(not_found("no_such_job", "There is no such job."));
    const std::lock_guard lock(mutex_);
    const std::string_view last = request.header("last-event-id");
    last_ids_.emplace_back(last);
    for (std::size_t i = last.empty() ? 0 : std::stoul(std::string(last)); i < events_.size(); ++i) {
      stream.push(events_[i]);
    }
    stream.on_close([this] { ++closed; });
    streams_.push_back(std::move(stream));
    return std::nullopt;
  }

  void publish(const std::string& data) {
    const std::lock_guard lock(mutex_);
    events_.push_back(encode_event({std::to_string(events_.size() + 1), "tick", data}));
    for (SseStream& stream : streams_) stream.push(events_.back());
  }

  void close_all() {
    const std::lock_guard lock(mutex_);
    for (SseStream& stream : streams_) stream.close();
    streams_.clear();
  }

  std::vector<std::string> last_ids() {
    const std::lock_guard lock(mutex_);
    return last_ids_;
  }
  std::size_t subscribers() {
    const std::lock_guard lock(mutex_);
    return streams_.size();
  }

  std::atomic<int> closed = 0;

 private:
  std::mutex mutex_;
  std::vector<SseFrame> events_;
  std::vector<SseStream> streams_;
  std::vector<std::string> last_ids_;
};

struct Fixture {
  Topic topic;
  std::unique_ptr<Server> server;

  explicit Fixture(ServerOptions options = {}) {
    Router router;
    router.add_events("/events", [this](const Request& request, SseStream stream) {
      return topic.subscribe(request, std::move(stream));
    });
    server = std::make_unique<Server>(std::move(options), std::move(router));
    EXPECT_TRUE(server->start());
  }
  [[nodiscard]] HttpClient client() const { return HttpClient({"127.0.0.1", std::to_string(server->port())}); }
};

TEST(EventStream, DeliversInOrderFromManyThreads) {
  Fixture fixture;
  constexpr int kEvents = 400;
  std::vector<std::thread> publishers;
  for (int t = 0; t < 4; ++t) {
    publishers.emplace_back([&] {
      for (int i = 0; i < kEvents / 4; ++i) fixture.topic.publish("x");
    });
  }
  int next = 1;
  auto client = fixture.client();
  const auto end = client.events("/events", [&](const SseEvent& event) {
    EXPECT_EQ(event.id, std::to_string(next));
    EXPECT_EQ(event.name, "tick");
    return ++next <= kEvents;
  });
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_EQ(*end, std::to_string(kEvents));
  for (std::thread& thread : publishers) thread.join();
  EXPECT_TRUE(eventually([&] { return fixture.topic.closed == 1; })) << "the subscriber is told that the client left";
}

TEST(EventStream, ResumesAfterTheLastEventId) {
  Fixture fixture;
  for (const char* data : {"a", "b", "c"}) fixture.topic.publish(data);
  std::vector<std::string> got;
  auto client = fixture.client();
  const auto end = client.events("/events",
                                 [&](const SseEvent& event) {
                                   got.push_back(event.data);
                                   // The server ends the stream in the middle; the reader must come back for the rest,
                                   // without a repetition.
                                   if (got.size() == 3) fixture.topic.close_all();
                                   if (got.size() == 3) fixture.topic.publish("d");
                                   return got.size() < 4;
                                 },
                                 {.reconnect_pause = milliseconds(5)});
  ASSERT_TRUE(end);
  EXPECT_EQ(got, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(fixture.topic.last_ids(), (std::vector<std::string>{"", "3"}));
}

TEST(EventStream, ARefusalIsAnOrdinaryAnswer) {
  Fixture fixture;
  auto client = fixture.client();
  const auto refused = client.events("/events?refuse=1", [](const SseEvent&) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "no_such_job");
  TestSocket socket(fixture.server->port());
  socket.send("GET /events?refuse=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(socket.read_answer()), 404);
  socket.send("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(socket.read_to_end(), HasSubstr("text/event-stream"));
}

TEST(EventStream, CanBeCancelledFromAnotherThread) {
  Fixture fixture;
  std::atomic<bool> cancel = false;
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] { return fixture.topic.subscribers() == 1; }));
    cancel = true;
  });
  auto client = fixture.client();
  EventOptions options;
  options.cancel = &cancel;
  const auto end = client.events(
      "/events", [](const SseEvent&) { return true; }, options);
  stopper.join();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, "cancelled");
}

TEST(EventStream, SendsAHeartbeat) {
  Fixture fixture({.sse_heartbeat = milliseconds(30)});
  TestSocket socket(fixture.server->port());
  socket.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(socket.read_until("\r\n\r\n:\n\n:\n\n"));
}

// F7: readers that never read cost a bounded queue each and are dropped; others are not disturbed.
TEST(EventStream, ASlowReaderIsDropped) {
  Fixture fixture({.sse_queue_bytes_max = 64U << 10U});
  std::vector<TestSocket> slow;
  for (int i = 0; i < 20; ++i) {
    slow.emplace_back(fixture.server->port(), 4'096);
    slow.back().send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] { return fixture.topic.subscribers() == 20; }));
  const std::string data(4'096, 'x');
  EXPECT_TRUE(eventually([&] {
    fixture.topic.publish(data);
    return fixture.topic.closed == 20;
  }));
}

TEST(EventStream, AReaderThatStallsIsCutByTime) {
  Fixture fixture({.write_timeout = milliseconds(200), .sse_queue_bytes_max = 16U << 20U});
  TestSocket slow(fixture.server->port(), 4'096);
  slow.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return fixture.topic.subscribers() == 1; }));
  // More than the kernel holds, less than the queue may hold.
  for (int i = 0; i < 60; ++i) {
    fixture.topic.publish(std::string(8'192, 'x'));
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(eventually([&] { return fixture.topic.closed == 1; }));
}

TEST(EventStream, TheirNumberIsLimited) {
  Fixture fixture({.event_streams_max = 2});
  TestSocket first(fixture.server->port());
  TestSocket second(fixture.server->port());
  for (TestSocket* socket : {&first, &second}) {
    socket->send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(socket->read_until("text/event-stream"));
  }
  const auto subscribe = [&] {
    TestSocket socket(fixture.server->port());
    socket.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.read_until("\r\n\r\n");
    return status_of(socket.buffer());
  };
  EXPECT_EQ(subscribe(), 503);
  first.close();
  EXPECT_TRUE(eventually([&] { return subscribe() == 200; }));
}

TEST(EventStream, StopEndsStreams) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(socket.read_until("text/event-stream"));
  fixture.server->stop();
  socket.read_to_end();
  EXPECT_TRUE(socket.closed());
  EXPECT_EQ(fixture.topic.closed, 1);
  fixture.topic.publish("after the end");
}

TEST(SseStream, AnEmptyHandleDoesNothing) {
  SseStream stream;
  EXPECT_FALSE(stream.push(SseEvent{"1", "", "x"}));
  EXPECT_FALSE(stream.is_open());
  stream.close();
}

}  // namespace
}  // namespace starminer::api::http
