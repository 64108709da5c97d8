// The socket of ABCI beside a bare echo over the same kind of socket: what framing, order, lanes and threads cost.
// Round trips of one request at a time, and transactions that CometBFT sends without waiting.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/cometbft/frame.h"
#include "engine/cometbft/server.h"
#include "ratio.h"

namespace {

using namespace starminer;
using namespace starminer::engine::cometbft;

constexpr std::size_t kPipelined = 1'000;
constexpr std::size_t kTransactionBytes = 250;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// Says yes to everything: what is left is the socket.
class Yes : public Handler {
 public:
  Result<abci::Response, std::string> answer(const abci::Request&) override {
    abci::Response response;
    response.mutable_commit();
    return response;
  }
  std::vector<abci::ResponseCheckTx> check(const std::vector<const abci::RequestCheckTx*>& requests) override {
    return std::vector<abci::ResponseCheckTx>(requests.size());
  }
};

void send_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) give_up("send");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void receive(int fd, std::size_t count) {
  std::uint8_t buffer[1U << 16U];
  while (count > 0) {
    const ssize_t got = ::recv(fd, buffer, std::min(count, sizeof(buffer)), 0);
    if (got <= 0) give_up("recv");
    count -= static_cast<std::size_t>(got);
  }
}

int connect_to(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path.c_str(), sizeof(to.sun_path) - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) give_up("connect");
  return fd;
}

/// A thread that sends back what it reads: no program that answers can do less.
class BareEcho {
 public:
  BareEcho() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) give_up("socketpair");
    fd_ = pair[0];
    thread_ = std::thread([other = pair[1]] {
      std::vector<std::uint8_t> buffer(1U << 16U);
      for (;;) {
        const ssize_t got = ::recv(other, buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        send_all(other, ByteView(buffer.data(), static_cast<std::size_t>(got)));
      }
      ::close(other);
    });
  }
  ~BareEcho() {
    ::close(fd_);
    thread_.join();
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
  std::thread thread_;
};

Bytes commit_and_flush() {
  abci::Request commit;
  commit.mutable_commit();
  abci::Request flush;
  flush.mutable_flush();
  Bytes frames;
  append_frame(commit, frames);
  append_frame(flush, frames);
  return frames;
}

Bytes transactions() {
  abci::Request check;
  check.mutable_check_tx()->set_tx(std::string(kTransactionBytes, 't'));
  Bytes frames;
  for (std::size_t i = 0; i < kPipelined; ++i) append_frame(check, frames);
  return frames;
}

/// A request, and as many bytes of answer as it has.
bench::Body exchange(int fd, const Bytes& request, std::size_t answer_bytes) {
  return [fd, request, answer_bytes](benchmark::State& state) {
    for (auto iteration : state) {
      const auto begin = std::chrono::steady_clock::now();
      // A bare echo that nobody reads would stop: both sides read while they write.
      std::thread writer;
      if (request.size() > 4'096) {
        writer = std::thread([&] { send_all(fd, request); });
      } else {
        send_all(fd, request);
      }
      receive(fd, answer_bytes);
      if (writer.joinable()) writer.join();
      state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
  };
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = std::filesystem::temp_directory_path() / ("abci-bench-" + std::to_string(::getpid()));
  Yes yes;
  ServerOptions options;
  options.address = "unix://" + path;
  Server server(options, yes);
  if (const auto started = server.start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().c_str());
    return 1;
  }
  const BareEcho echo;
  const int fd = connect_to(path);
  const Bytes call = commit_and_flush();
  const Bytes burst = transactions();
  constexpr std::size_t kAnswer = 3;  // an empty commit, an empty CheckTx, a flush: length, tag, no bytes
  bench::compare({.figure = "abci_round_trip_over_echo",
                  .reference = "a thread that sends back what it reads over a unix socket",
                  .corpus = "one Commit and its Flush at a time",
                  .subject = {exchange(fd, call, 2 * kAnswer)},
                  .baseline = {exchange(echo.fd(), call, call.size())},
                  .manual_time = true,
                  .rate_figure = "abci_round_trips_per_s"});
  bench::compare({.figure = "abci_pipelined_check_over_echo",
                  .reference = "a thread that sends back what it reads over a unix socket",
                  .corpus = "1,000 CheckTx of 250 bytes in one go, answered without a look at them",
                  .subject = {exchange(fd, burst, kPipelined * kAnswer), kPipelined},
                  .baseline = {exchange(echo.fd(), burst, burst.size()), kPipelined},
                  .manual_time = true,
                  .rate_figure = "abci_check_frames_per_s"});
  const int status = bench::run_comparisons(argc, argv);
  ::close(fd);
  return status;
}
