// Streamed bodies in both directions, with resume, against a proxy that breaks connections.
#include <fcntl.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/range.h"
#include "api/http/server.h"
#include "api/http/test_socket.h"

namespace starminer::api::http {
namespace {

namespace fs = std::filesystem;
using testing::body_of;
using testing::eventually;
using ::testing::HasSubstr;
using testing::status_of;
using testing::TestSocket;

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// Keeps one upload in memory as the artifact routes keep it on disk, and can be told to break off.
struct Vault {
  std::mutex mutex;
  std::string content;
  std::uint64_t total = 0;
  bool complete = false;
  bool busy = false;
  int puts = 0;
  /// After this many more bytes a write refuses with 503.
  std::size_t fail_after = SIZE_MAX;
  std::atomic<std::size_t> largest_piece = 0;
};

class VaultSink : public BodySink {
 public:
  explicit VaultSink(Vault& vault) : vault_(vault) {}
  VaultSink(const VaultSink&) = delete;
  VaultSink& operator=(const VaultSink&) = delete;
  ~VaultSink() override {
    const std::lock_guard lock(vault_.mutex);
    vault_.busy = false;
  }
  std::optional<Response> write(ByteView bytes) override {
    const std::lock_guard lock(vault_.mutex);
    vault_.largest_piece = std::max(vault_.largest_piece.load(), bytes.size());
    if (bytes.size() > vault_.fail_after) {
      vault_.fail_after = SIZE_MAX;
      return Response(unavailable("store_full", "The store is full for the moment.", 0));
    }
    if (vault_.fail_after != SIZE_MAX) vault_.fail_after -= bytes.size();
    vault_.content += as_text(bytes);
    return std::nullopt;
  }
  Response finish() override {
    const std::lock_guard lock(vault_.mutex);
    if (vault_.content.size() != vault_.total) return bad_request("incomplete", "Bytes are missing.");
    vault_.complete = true;
    return Response::json("{\"stored\":true}", 201);
  }

 private:
  Vault& vault_;
};

Result<std::unique_ptr<BodySink>, Response> open_vault(Vault& vault, const Request& request) {
  const std::lock_guard lock(vault.mutex);
  if (vault.busy) return fail(Response(conflict("busy", "Another upload is under way.")));
  const std::string_view range = request.header("content-range");
  std::uint64_t first = 0;
  if (range.empty()) {
    vault.content.clear();
    vault.total = std::stoull(std::string(request.header("content-length")));
  } else {
    const auto parsed = parse_content_range(range);
    if (!parsed) return fail(Response(bad_request("bad_range", "The Content-Range is malformed.")));
    first = parsed->range.first;
    vault.total = parsed->total;
  }
  if (first != vault.content.size()) return fail(Response(conflict("offset_mismatch", "Ask for the offset.")));
  vault.busy = true;
  ++vault.puts;
  return std::make_unique<VaultSink>(vault);
}

Response vault_head(Vault& vault) {
  const std::lock_guard lock(vault.mutex);
  if (vault.complete) return Response::empty(200).with("Content-Length", std::to_string(vault.total));
  if (vault.content.empty()) return not_found("not_found", "Nothing is stored.");
  return Response::empty(200).with("Upload-Offset", std::to_string(vault.content.size()));
}

struct Fixture {
  Vault vault;
  fs::path directory = fs::temp_directory_path() / ("http-transfer-" + std::to_string(::getpid()));
  fs::path file = directory / "file";
  std::string etag = "v1";
  std::unique_ptr<Server> server;

  Fixture() {
    fs::create_directories(directory);
    Router router;
    router.add(Method::Head, "/vault", [this](const Request&) { return vault_head(vault); });
    router.add_upload(Method::Put, "/vault", [this](const Request& request) { return open_vault(vault, request); },
                      {.body_limit = 1U << 30U, .content_types = {"application/octet-stream"}});
    router.add(Method::Get, "/file", [this](const Request&) {
      const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      return Response::stream({make_file_source(fd), fs::file_size(file), etag}, "application/octet-stream");
    });
    router.add(Method::Get, "/unsized", [this](const Request&) {
      const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      return Response::stream({make_file_source(fd)}, "application/octet-stream");
    });
    router.add(Method::Get, "/broken", [](const Request&) {
      class Broken : public BodySource {
        std::optional<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> out) override {
          if (offset > 0) return std::nullopt;
          return out.size() / 2;
        }
      };
      return Response::stream({std::make_shared<Broken>(), 1U << 20U, "b"}, "text/plain");
    });
    server = std::make_unique<Server>(ServerOptions{}, std::move(router));
    EXPECT_TRUE(server->start());
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() {
    server.reset();
    fs::remove_all(directory);
  }
  [[nodiscard]] HttpClient client(std::uint16_t port = 0) const {
    return HttpClient({"127.0.0.1", std::to_string(port == 0 ? server->port() : port)});
  }
};

/// Forwards connections and cuts each one after a number of bytes in one direction; 0 = never.
class CuttingProxy {
 public:
  CuttingProxy(std::uint16_t target, std::size_t cut_up, std::size_t cut_down)
      : target_(target),
        cut_up_(cut_up),
        cut_down_(cut_down),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (;;) {
        const int client = ::accept(listener_, nullptr, nullptr);
        if (client < 0) return;
        ++connections;
        forward(client);
      }
    });
  }
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;
  ~CuttingProxy() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  std::atomic<int> connections = 0;

 private:
  void forward(int client) const {
    const int upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(target_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(upstream, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    std::size_t moved[2] = {0, 0};
    const int ends[2] = {client, upstream};
    const std::size_t cuts[2] = {cut_up_, cut_down_};
    bool open = true;
    while (open) {
      pollfd entries[2] = {{client, POLLIN, 0}, {upstream, POLLIN, 0}};
      if (::poll(entries, 2, 20'000) <= 0) break;
      for (int side = 0; side < 2 && open; ++side) {
        if (entries[side].revents == 0) continue;
        char bytes[8'192];
        const ssize_t count = ::recv(ends[side], bytes, sizeof(bytes), 0);
        open = count > 0 && ::send(ends[1 - side], bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
        moved[side] += open ? static_cast<std::size_t>(count) : 0;
        if (cuts[side] > 0 && moved[side] >= cuts[side]) open = false;
      }
    }
    ::close(client);
    ::close(upstream);
  }

  std::uint16_t target_;
  std::size_t cut_up_;
  std::size_t cut_down_;
  int listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
};

TransferOptions quick() { return {.attempts = 5, .pause = std::chrono::milliseconds(5)}; }

TEST(Upload, StreamsAFileInPieces) {
  Fixture fixture;
  const std::string content = random_bytes(3'000'001, 1);
  write_file(fixture.directory / "in", content);
  std::uint64_t reported = 0;
  TransferOptions options = quick();
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, reported);
    EXPECT_EQ(total, content.size());
    reported = done;
    return true;
  };
  auto client = fixture.client();
  const auto answer = client.upload("/vault", fixture.directory / "in", "application/octet-stream", options);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(fixture.vault.content, content);
  EXPECT_EQ(reported, content.size());
  EXPECT_LE(fixture.vault.largest_piece, 128U << 10U) << "memory of an upload is bounded";
  // A second upload of what is there sends nothing.
  EXPECT_TRUE(client.upload("/vault", fixture.directory / "in", "application/octet-stream", options));
  EXPECT_EQ(fixture.vault.puts, 1);
}

TEST(Upload, TakesAnEmptyFile) {
  Fixture fixture;
  write_file(fixture.directory / "in", "");
  auto client = fixture.client();
  EXPECT_TRUE(client.upload("/vault", fixture.directory / "in"));
  EXPECT_TRUE(fixture.vault.complete);
}

TEST(Upload, ResumesAfterEachBrokenConnection) {
  Fixture fixture;
  const std::string content = random_bytes(2'000'000, 2);
  write_file(fixture.directory / "in", content);
  CuttingProxy proxy(fixture.server->port(), 600'000, 0);
  {
    auto client = fixture.client(proxy.port());
    const auto answer = client.upload("/vault", fixture.directory / "in", "application/octet-stream", quick());
    ASSERT_TRUE(answer) << answer.error().detail;
  }
  EXPECT_EQ(fixture.vault.content, content);
  EXPECT_GE(proxy.connections, 4);
  EXPECT_GE(fixture.vault.puts, 4);
}

TEST(Upload, ResumesWhereAnotherClientStopped) {
  Fixture fixture;
  const std::string content = random_bytes(500'000, 3);
  write_file(fixture.directory / "in", content);
  fixture.vault.content = content.substr(0, 123'457);
  auto client = fixture.client();
  ASSERT_TRUE(client.upload("/vault", fixture.directory / "in"));
  EXPECT_EQ(fixture.vault.content, content);
  // All bytes are there but nobody said that this is all.
  fixture.vault.complete = false;
  ASSERT_TRUE(client.upload("/vault", fixture.directory / "in"));
  EXPECT_TRUE(fixture.vault.complete);
}

TEST(Upload, RetriesARefusalThatPasses) {
  Fixture fixture;
  const std::string content = random_bytes(1'000'000, 4);
  write_file(fixture.directory / "in", content);
  fixture.vault.fail_after = 400'000;
  auto client = fixture.client();
  const auto answer = client.upload("/vault", fixture.directory / "in", "application/octet-stream", quick());
  ASSERT_TRUE(answer) << answer.error().code;
  EXPECT_EQ(fixture.vault.content, content);
}

TEST(Upload, ALastingRefusalIsTold) {
  Fixture fixture;
  write_file(fixture.directory / "in", std::string(200'000, 'x'));
  auto client = fixture.client();
  const auto answer = client.upload("/vault", fixture.directory / "in", "text/plain", quick());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().status, 415);
  const auto missing = client.upload("/vault", fixture.directory / "none", "text/plain", quick());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "file_error");
}

TEST(Upload, ChunkedBodiesReachTheSink) {
  Fixture fixture;
  fixture.vault.total = 0;
  TestSocket socket(fixture.server->port());
  socket.send(
      "PUT /vault HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-9/10\r\n"
      "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(fixture.vault.mutex);
    return fixture.vault.content == "0123";
  })) << "pieces are handed on as they come";
  socket.send("6\r\n456789\r\n0\r\n\r\n");
  EXPECT_EQ(status_of(socket.read_answer()), 201);
  EXPECT_EQ(fixture.vault.content, "0123456789");
}

TEST(Upload, WhatCameBeforeABreakIsKept) {
  Fixture fixture;
  {
    TestSocket socket(fixture.server->port());
    socket.send(
        "PUT /vault HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: "
        "1000\r\n\r\nabcde");
  }
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(fixture.vault.mutex);
    return fixture.vault.content == "abcde" && !fixture.vault.busy;
  }));
}

TEST(Download, StreamsToAFile) {
  Fixture fixture;
  const std::string content = random_bytes(5'000'003, 5);
  write_file(fixture.file, content);
  auto client = fixture.client();
  const fs::path out = fixture.directory / "out";
  const auto size = client.download("/file", out, quick());
  ASSERT_TRUE(size) << size.error().detail;
  EXPECT_EQ(*size, content.size());
  EXPECT_TRUE(read_file(out) == content);
  EXPECT_TRUE(client.download("/unsized", out, quick())) << "chunked, over what was there";
  EXPECT_TRUE(read_file(out) == content);
}

TEST(Download, ResumesAfterEachBrokenConnection) {
  Fixture fixture;
  const std::string content = random_bytes(2'000'000, 6);
  write_file(fixture.file, content);
  CuttingProxy proxy(fixture.server->port(), 0, 600'000);
  const fs::path out = fixture.directory / "out";
  {
    auto client = fixture.client(proxy.port());
    const auto size = client.download("/file", out, quick());
    ASSERT_TRUE(size) << size.error().detail;
  }
  EXPECT_TRUE(read_file(out) == content);
  EXPECT_GE(proxy.connections, 4);
}

TEST(Download, ContinuesAFileOfTheSameContentOnly) {
  Fixture fixture;
  const std::string content = random_bytes(300'000, 7);
  write_file(fixture.file, content);
  const fs::path out = fixture.directory / "out";
  auto client = fixture.client();
  TransferOptions known = quick();
  known.etag = "v1";
  std::uint64_t first_report = 0;
  known.progress = [&](std::uint64_t done, std::uint64_t) {
    if (first_report == 0) first_report = done;
    return true;
  };
  write_file(out, content.substr(0, 200'000));
  ASSERT_TRUE(client.download("/file", out, known));
  EXPECT_TRUE(read_file(out) == content);
  EXPECT_GT(first_report, 200'000U) << "the first part was not sent again";
  EXPECT_TRUE(client.download("/file", out, known)) << "a whole file is left as it is";
  fixture.etag = "v2";
  write_file(out, std::string(200'000, 'o'));
  ASSERT_TRUE(client.download("/file", out, known));
  EXPECT_TRUE(read_file(out) == content) << "another content starts anew";
  write_file(out, std::string(400'000, 'o'));
  ASSERT_TRUE(client.download("/file", out, quick()));
  EXPECT_TRUE(read_file(out) == content) << "a longer file is cut";
}

TEST(Download, AFailingSourceCutsTheBody) {
  Fixture fixture;
  TestSocket socket(fixture.server->port());
  socket.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string answer = socket.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1048576"));
  EXPECT_LT(answer.size(), 1U << 20U);
  auto client = fixture.client();
  const auto failed = client.get("/broken");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "connection_lost");
}

TEST(Download, CanBeCancelled) {
  Fixture fixture;
  write_file(fixture.file, random_bytes(1'000'000, 8));
  TransferOptions options = quick();
  options.progress = [](std::uint64_t, std::uint64_t) { return false; };
  auto client = fixture.client();
  const auto stopped = client.download("/file", fixture.directory / "out", options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, "cancelled");
  EXPECT_TRUE(client.get("/file")) << "the client is usable again";
}

TEST(Ranges, FollowTheStandard) {
  Fixture fixture;
  write_file(fixture.file, "0123456789");
  struct Row {
    const char* fields;
    int status;
    const char* body;
    const char* expects;
  };
  const Row rows[] = {
      {"", 200, "0123456789", "Accept-Ranges: bytes"},
      {"Range: bytes=2-4\r\n", 206, "234", "Content-Range: bytes 2-4/10"},
      {"Range: bytes=8-\r\n", 206, "89", "Content-Range: bytes 8-9/10"},
      {"Range: bytes=-2\r\n", 206, "89", "Content-Length: 2"},
      {"Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n", 206, "234", "ETag: \"v1\""},
      {"Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n", 200, "0123456789", "Content-Length: 10"},
      {"Range: bytes=2-4,6-7\r\n", 200, "0123456789", ""},
      {"If-None-Match: \"v1\"\r\n", 304, "", "ETag: \"v1\""},
      {"If-None-Match: \"v0\", \"v1\"\r\n", 304, "", ""},
      {"If-None-Match: \"v0\"\r\n", 200, "0123456789", ""},
  };
  for (const Row& row : rows) {
    TestSocket socket(fixture.server->port());
    socket.send(std::string("GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n") + row.fields + "\r\n");
    const std::string answer = socket.read_to_end();
    EXPECT_EQ(status_of(answer), row.status) << row.fields;
    EXPECT_EQ(body_of(answer), row.body) << row.fields;
    EXPECT_THAT(answer, HasSubstr(row.expects)) << row.fields;
  }
  TestSocket beyond(fixture.server->port());
  beyond.send(
      "GET /file HTTP/1.1\r\nHost: a\r\nRange: bytes=10-\r\n\r\nHEAD /file HTTP/1.1\r\nHost: a\r\nConnection: "
      "close\r\n\r\n");
  const std::string both = beyond.read_to_end();
  EXPECT_EQ(status_of(both), 416);
  EXPECT_THAT(both, HasSubstr("Content-Range: bytes */10"));
  EXPECT_THAT(both, HasSubstr("Content-Length: 10\r\n"));
}

}  // namespace
}  // namespace starminer::api::http
