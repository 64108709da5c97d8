#include "load_run.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include <sodium.h>

#include "api/http/client.h"

namespace starminer::bench {
namespace {

using api::http::HttpClient;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kOctets = "application/octet-stream";
constexpr std::size_t kMessageBytes = 128;  // about the signed part of a transfer
constexpr std::size_t kStretch = 10;
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kFileBlocks = 256;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
double ms_since(Clock::time_point start) { return 1e3 * seconds_since(start); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The first failure of several threads.
class Failure {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    if (text_.empty()) text_ = std::move(text);
    failed_ = true;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string text_;
};

Result<std::string, std::string> post(HttpClient& client, std::string_view target, const std::string& body) {
  auto answer = client.post(target, body, kOctets);
  if (!answer) {
    return fail("a request failed: " + answer.error().code + " " + answer.error().title + ": " + answer.error().detail);
  }
  if (answer->status != 200) return fail("status " + std::to_string(answer->status) + ": " + answer->body);
  return std::move(answer->body);
}

class PreallocatedFile {
 public:
  explicit PreallocatedFile(const std::filesystem::path& folder) : path_(folder / "fdatasync.probe") {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    block_.fill('x');
    for (std::size_t i = 0; fd_ >= 0 && i < kFileBlocks; ++i) good_ = write(i) && good_;
    good_ = good_ && fd_ >= 0 && ::fsync(fd_) == 0;
  }
  ~PreallocatedFile() {
    if (fd_ >= 0) ::close(fd_);
    ::unlink(path_.c_str());
  }
  PreallocatedFile(const PreallocatedFile&) = delete;
  PreallocatedFile& operator=(const PreallocatedFile&) = delete;

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool write_synced(std::size_t number) { return write(number % kFileBlocks) && ::fdatasync(fd_) == 0; }

 private:
  bool write(std::size_t block) {
    block_[0] = static_cast<char>(block);
    return ::pwrite(fd_, block_.data(), block_.size(), static_cast<off_t>(block * kBlockBytes)) ==
           static_cast<ssize_t>(block_.size());
  }

  std::filesystem::path path_;
  int fd_ = -1;
  bool good_ = true;
  std::array<char, kBlockBytes> block_{};
};

/// This thread before all others, where it may. A reference must not be longer than what it stands for: on a busy
/// machine a synced write would otherwise wait for a core for longer than for the disk.
class FirstInLine {
 public:
  FirstInLine() {
    const sched_param first{.sched_priority = 1};
    ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &first);
  }
  ~FirstInLine() {
    const sched_param ordinary{.sched_priority = 0};
    ::pthread_setschedparam(::pthread_self(), SCHED_OTHER, &ordinary);
  }
  FirstInLine(const FirstInLine&) = delete;
  FirstInLine& operator=(const FirstInLine&) = delete;
};

}  // namespace

Result<LoadResult, std::string> send_plan(const std::string& url, std::string_view target,
                                          const std::vector<Lane>& lanes) {
  Failure failure;
  std::mutex mutex;
  LoadResult result;
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    auto client = HttpClient::make(url);
    if (!client) return fail(client.error().title + ": " + client.error().detail);
    clients.push_back(std::move(*client));
  }
  const double cpu_before = cpu_seconds();
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    threads.emplace_back([&, i] {
      std::vector<std::string> answers;
      std::vector<double> latencies;
      for (const std::string& body : lanes[i].bodies) {
        const auto sent = Clock::now();
        auto answer = post(*clients[i], target, body);
        if (!answer) failure.set(answer.error());
        if (failure.failed()) return;
        latencies.push_back(ms_since(sent));
        answers.push_back(std::move(*answer));
      }
      const std::lock_guard lock(mutex);
      result.answers.insert(result.answers.end(), answers.begin(), answers.end());
      result.latencies_ms.insert(result.latencies_ms.end(), latencies.begin(), latencies.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  result.wall_s = seconds_since(start);
  result.cpu_s = cpu_seconds() - cpu_before;
  if (failure.failed()) return fail(failure.text());
  result.requests = result.answers.size();
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  return result;
}

double verify_rate_per_core(double seconds) {
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> key{};
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  const std::array<std::uint8_t, kMessageBytes> message{};
  crypto_sign_keypair(key.data(), secret.data());
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret.data());
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::uint64_t> total{0};
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (unsigned i = 0; i < cores; ++i) {
    threads.emplace_back([&] {
      std::uint64_t count = 0;
      while (seconds_since(start) < seconds) {
        for (int repeat = 0; repeat < 64; ++repeat) {
          count += crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
        }
      }
      total += count;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(total.load()) / seconds_since(start) / cores;
}

Result<LatencyResult, std::string> measure_latency(const std::string& url, std::string_view target, const Lane& lane,
                                                   const std::filesystem::path& folder) {
  auto client = HttpClient::make(url);
  if (!client) return fail(client.error().title + ": " + client.error().detail);
  PreallocatedFile file(folder);
  if (!file.good()) return fail("no file can be written in " + folder.string() + ": " + std::strerror(errno));
  LatencyResult result;
  for (std::size_t i = 0; i < lane.bodies.size(); i += kStretch) {
    const std::size_t end = std::min(i + kStretch, lane.bodies.size());
    for (std::size_t j = i; j < end; ++j) {
      const auto start = Clock::now();
      const auto answer = post(**client, target, lane.bodies[j]);
      if (!answer) return fail(answer.error());
      result.transaction_ms.push_back(ms_since(start));
    }
    const FirstInLine first;
    for (std::size_t j = i; j < end; ++j) {
      const auto start = Clock::now();
      if (!file.write_synced(j)) return fail(std::string("fdatasync failed: ") + std::strerror(errno));
      result.sync_ms.push_back(ms_since(start));
    }
  }
  std::sort(result.transaction_ms.begin(), result.transaction_ms.end());
  std::sort(result.sync_ms.begin(), result.sync_ms.end());
  return result;
}

}  // namespace starminer::bench
