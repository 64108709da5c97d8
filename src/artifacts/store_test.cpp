#include "artifacts/store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "artifacts/disk.h"

namespace starminer::artifacts {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kDay = 24LL * 3600 * 1'000;

Bytes make_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    static std::atomic<int> count = 0;
    directory_ =
        fs::temp_directory_path() / ("artifact-store-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    // Damage and full disks are provoked here; their log lines would look like failures.
    spdlog::set_level(spdlog::level::off);
  }
  ~StoreTest() override {
    store_.reset();
    fs::remove_all(directory_);
  }

  void open(StoreLimits limits = {}) {
    store_.reset();
    auto opened = Store::open(directory_, limits);
    ASSERT_TRUE(opened) << name_of(opened.error());
    store_ = std::move(*opened);
  }

  [[nodiscard]] Bytes read(const Hash32& hash) const {
    const auto content = store_->read_all(hash, 1U << 30U);
    return content ? *content : Bytes{};
  }

  [[nodiscard]] std::size_t files_in(const char* folder) const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / folder))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  [[nodiscard]] fs::path object_of(const Hash32& hash) const {
    return directory_ / "objects" / hash.hex().substr(0, 2) / hash.hex();
  }

  fs::path directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, StoresAnUploadInPieces) {
  open();
  const Bytes content = make_bytes(1'000'000, 1);
  const Hash32 hash = sha256(content);
  const auto begun = store_->begin_upload(hash, content.size(), "sm1anna", kNow);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->offset, 0U);
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t step = std::min<std::size_t>(77'777, content.size() - at);
    EXPECT_FALSE(store_->find(hash)) << "a partial upload is not visible";
    EXPECT_EQ(store_->open_artifact(hash).error(), StoreError::NotFound);
    EXPECT_TRUE(store_->list({}, 10).empty());
    const auto state = store_->append(hash, at, ByteView(content).subspan(at, step), kNow);
    ASSERT_TRUE(state) << name_of(state.error());
    at += step;
    EXPECT_EQ(state->offset, at);
  }
  const auto info = store_->finish(hash, kNow + 5);
  ASSERT_TRUE(info) << name_of(info.error());
  EXPECT_EQ(info->size, content.size());
  EXPECT_EQ(info->created_ms, kNow + 5);
  EXPECT_EQ(info->uploaders, std::vector<std::string>{"sm1anna"});
  EXPECT_EQ(read(hash), content);
  EXPECT_EQ(files_in("partials"), 0U);
  EXPECT_TRUE(store_->finish(hash, kNow)) << "asking again gives the same";
  EXPECT_TRUE(store_->verify(hash));
}

TEST_F(StoreTest, StoresTheEmptyArtifact) {
  open();
  const Hash32 hash = sha256(Bytes{});
  ASSERT_TRUE(store_->begin_upload(hash, 0, "a", kNow));
  ASSERT_TRUE(store_->finish(hash, kNow));
  EXPECT_EQ(store_->find(hash)->size, 0U);
}

TEST_F(StoreTest, RefusesFromTheTable) {
  open({.artifact_bytes_max = 1'000, .total_bytes_max = 1'500, .disk_reserve_bytes = 0, .partials_max = 2});
  const Bytes a = make_bytes(600, 1);
  const Bytes b = make_bytes(600, 2);
  const Hash32 hash_a = sha256(a);
  const Hash32 hash_b = sha256(b);
  const Hash32 other = sha256(make_bytes(10, 3));
  EXPECT_EQ(store_->begin_upload(other, 1'001, "x", kNow).error(), StoreError::TooLarge);
  EXPECT_EQ(store_->append(hash_a, 0, a, kNow).error(), StoreError::NotFound);
  EXPECT_EQ(store_->finish(hash_a, kNow).error(), StoreError::NotFound);
  EXPECT_EQ(store_->upload_state(hash_a).error(), StoreError::NotFound);
  EXPECT_EQ(store_->abort_upload(hash_a).error(), StoreError::NotFound);
  EXPECT_EQ(store_->remove(hash_a).error(), StoreError::NotFound);
  EXPECT_EQ(store_->retain(hash_a, kNow).error(), StoreError::NotFound);
  EXPECT_EQ(store_->verify(hash_a).error(), StoreError::NotFound);
  ASSERT_TRUE(store_->begin_upload(hash_a, 600, "x", kNow));
  EXPECT_EQ(store_->begin_upload(hash_a, 601, "x", kNow).error(), StoreError::SizeMismatch);
  EXPECT_EQ(store_->append(hash_a, 1, a, kNow).error(), StoreError::OffsetMismatch);
  EXPECT_EQ(store_->append(hash_a, 0, make_bytes(601, 4), kNow).error(), StoreError::SizeMismatch);
  EXPECT_EQ(store_->finish(hash_a, kNow).error(), StoreError::Incomplete);
  ASSERT_TRUE(store_->begin_upload(hash_b, 600, "x", kNow));
  EXPECT_EQ(store_->begin_upload(other, 10, "x", kNow).error(), StoreError::TooManyUploads);
  ASSERT_TRUE(store_->abort_upload(hash_b));
  EXPECT_EQ(store_->begin_upload(other, 901, "x", kNow).error(), StoreError::StoreFull) << "stated sizes are reserved";
  EXPECT_EQ(store_->put(make_bytes(901, 5), "x", kNow).error(), StoreError::StoreFull);
  ASSERT_TRUE(store_->append(hash_a, 0, a, kNow));
  ASSERT_TRUE(store_->finish(hash_a, kNow));
  EXPECT_EQ(store_->begin_upload(hash_a, 600, "y", kNow).error(), StoreError::AlreadyExists);
  EXPECT_EQ(store_->find(hash_a)->uploaders, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(store_->append(hash_a, 0, a, kNow).error(), StoreError::AlreadyExists);
  EXPECT_EQ(store_->read_all(hash_a, 599).error(), StoreError::TooLarge);
  const Usage usage = store_->usage();
  EXPECT_EQ(usage.artifacts, 1U);
  EXPECT_EQ(usage.artifact_bytes, 600U);
  EXPECT_EQ(usage.partials, 0U);
  EXPECT_EQ(usage.reserved_bytes, 0U);
}

TEST_F(StoreTest, AWrongHashIsRefusedAndRemoved) {
  open();
  const Hash32 hash = sha256(make_bytes(100, 1));
  ASSERT_TRUE(store_->begin_upload(hash, 100, "x", kNow));
  ASSERT_TRUE(store_->append(hash, 0, make_bytes(100, 2), kNow));
  EXPECT_EQ(store_->finish(hash, kNow).error(), StoreError::HashMismatch);
  EXPECT_EQ(store_->upload_state(hash).error(), StoreError::NotFound);
  EXPECT_FALSE(store_->find(hash));
  EXPECT_EQ(files_in("partials") + files_in("objects"), 0U);
  EXPECT_EQ(store_->usage().reserved_bytes, 0U);
  ASSERT_TRUE(store_->begin_upload(hash, 100, "x", kNow));
  ASSERT_TRUE(store_->append(hash, 0, make_bytes(100, 1), kNow));
  EXPECT_TRUE(store_->finish(hash, kNow)) << "the right bytes are welcome afterwards";
}

TEST_F(StoreTest, AFullDiskIsToldBeforeTheFirstByte) {
  open({.disk_reserve_bytes = 1ULL << 60U});
  EXPECT_EQ(store_->begin_upload(sha256("x"), 1, "x", kNow).error(), StoreError::StoreFull);
}

// The limit on file sizes stands in for a disk that fills up in the middle of an append.
TEST_F(StoreTest, AnAppendThatFailsHalfwayLeavesTheOffset) {
  open();
  const Bytes content = make_bytes(300'000, 1);
  const Hash32 hash = sha256(content);
  ASSERT_TRUE(store_->begin_upload(hash, content.size(), "x", kNow));
  ASSERT_TRUE(store_->append(hash, 0, ByteView(content).first(100'000), kNow));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 150'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto full = store_->append(hash, 100'000, ByteView(content).subspan(100'000), kNow);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error(), StoreError::StoreFull);
  EXPECT_EQ(store_->upload_state(hash)->offset, 100'000U);
  ASSERT_TRUE(store_->append(hash, 100'000, ByteView(content).subspan(100'000), kNow));
  EXPECT_TRUE(store_->finish(hash, kNow));
}

TEST_F(StoreTest, ResumesAfterTheProcessWasKilled) {
  const Bytes content = make_bytes(500'000, 1);
  const Hash32 hash = sha256(content);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::open(directory_);
    if (!store || !(*store)->begin_upload(hash, content.size(), "sm1anna", kNow) ||
        !(*store)->append(hash, 0, ByteView(content).first(200'000), kNow)) {
      ::_exit(1);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  open();
  const auto state = store_->begin_upload(hash, content.size(), "sm1ben", kNow);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->offset, 200'000U);
  ASSERT_TRUE(store_->append(hash, 200'000, ByteView(content).subspan(200'000), kNow));
  const auto info = store_->finish(hash, kNow);
  ASSERT_TRUE(info) << "the hash covers what came before the restart";
  EXPECT_EQ(info->uploaders, (std::vector<std::string>{"sm1anna", "sm1ben"}));
  open();
  EXPECT_EQ(read(hash), content);
  EXPECT_EQ(store_->find(hash)->uploaders.size(), 2U);
}

// Whatever the moment of a kill: what is listed is whole, and the store goes on.
TEST_F(StoreTest, KillsAtRandomMomentsLeaveNothingHalf) {
  std::mt19937 random(7);
  std::size_t seen = 0;
  for (int round = 0; round < 15; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = Store::open(directory_);
      if (!store) ::_exit(1);
      for (unsigned i = 0;; ++i) {
        const Bytes content = make_bytes(20'000 + i % 7 * 1'000, static_cast<unsigned>(round) * 1'000 + i);
        const Hash32 hash = sha256(content);
        if (i % 2 == 0) {
          (void)(*store)->put(content, "x", kNow);
        } else if ((*store)->begin_upload(hash, content.size(), "x", kNow)) {
          (void)(*store)->append(hash, 0, ByteView(content).first(10'000), kNow);
          (void)(*store)->append(hash, 10'000, ByteView(content).subspan(10'000), kNow);
          (void)(*store)->finish(hash, kNow);
        }
        if (i % 5 == 4) (void)(*store)->remove(hash);
      }
    }
    ::usleep(static_cast<useconds_t>(random() % 40'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    open();
    const auto all = store_->list({}, 100'000);
    EXPECT_EQ(all.size(), store_->usage().artifacts) << "none is damaged";
    for (const ArtifactInfo& info : all) ASSERT_TRUE(store_->verify(info.hash));
    seen = std::max(seen, all.size());
    store_.reset();
  }
  EXPECT_GT(seen, 0U);
}

TEST_F(StoreTest, LeftoversOfInterruptedStepsAreCleaned) {
  open();
  const Bytes content = make_bytes(100, 1);
  const Hash32 hash = sha256(content);
  ASSERT_TRUE(store_->begin_upload(hash, 100, "x", kNow));
  ASSERT_TRUE(store_->append(hash, 0, content, kNow));
  store_.reset();
  const Hash32 other = sha256("other");
  const fs::path partials = directory_ / "partials";
  std::ofstream(partials / "put-9.tmp") << "rest";
  std::ofstream(partials / other.hex()) << "content without record";
  std::ofstream(partials / (sha256("third").hex() + ".meta")) << "record without content";
  fs::create_directories(object_of(other).parent_path());
  std::ofstream(fs::path(object_of(other)) += ".meta") << "record of a content that never moved in";
  std::ofstream(fs::path(object_of(other)) += ".meta.tmp") << "half a record";
  open();
  EXPECT_EQ(files_in("partials"), 2U) << "the whole but unfinished upload with its record";
  EXPECT_EQ(files_in("objects"), 0U);
  EXPECT_EQ(store_->upload_state(hash)->offset, 100U);
  EXPECT_TRUE(store_->finish(hash, kNow));
}

TEST_F(StoreTest, DamageIsFoundAndNeverServed) {
  open();
  const Bytes content = make_bytes(10'000, 1);
  const Hash32 hash = store_->put(content, "x", kNow)->hash;
  const Hash32 cut = store_->put(make_bytes(5'000, 2), "x", kNow)->hash;
  const Hash32 record = store_->put(make_bytes(5'000, 3), "x", kNow)->hash;
  {
    std::fstream file(object_of(hash), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5'000);
    file.put(static_cast<char>(content[5'000] ^ 1));
  }
  EXPECT_EQ(store_->verify(hash).error(), StoreError::Damaged);
  EXPECT_EQ(store_->open_artifact(hash).error(), StoreError::Damaged);
  EXPECT_FALSE(store_->find(hash));
  fs::resize_file(object_of(cut), 4'999);
  EXPECT_EQ(store_->open_artifact(cut).error(), StoreError::Damaged) << "a cut is seen at once";
  fs::resize_file(fs::path(object_of(record)) += ".meta", 20);
  open();
  EXPECT_EQ(store_->open_artifact(cut).error(), StoreError::Damaged);
  EXPECT_EQ(store_->open_artifact(record).error(), StoreError::Damaged);
  ASSERT_TRUE(store_->put(make_bytes(5'000, 3), "x", kNow)) << "uploading again repairs it";
  EXPECT_TRUE(store_->verify(record));
  EXPECT_EQ(store_->usage().artifact_bytes, 10'000U + 4'999U + 5'000U);
}

TEST_F(StoreTest, PartialsAndUnpromisedArtifactsExpire) {
  open({.partial_ttl = std::chrono::hours(24)});
  const Bytes content = make_bytes(100, 1);
  const Hash32 partial = sha256("partial");
  const Hash32 kept = store_->put(make_bytes(100, 2), "x", kNow)->hash;
  const Hash32 dropped = store_->put(content, "x", kNow)->hash;
  ASSERT_TRUE(store_->begin_upload(partial, 50, "x", kNow));
  ASSERT_TRUE(store_->append(partial, 0, ByteView(content).first(10), kNow + kDay / 2));
  ASSERT_TRUE(store_->retain(kept, kNow + 10 * kDay));
  ASSERT_TRUE(store_->retain(kept, kNow + kDay)) << "a promise is never shortened";
  EXPECT_EQ(store_->expire(kNow + kDay - 1).artifacts, 0U);
  const Expired first = store_->expire(kNow + kDay);
  EXPECT_EQ(first.artifacts, 1U);
  EXPECT_EQ(first.partials, 0U) << "the last append counts";
  EXPECT_FALSE(store_->find(dropped));
  open({.partial_ttl = std::chrono::hours(24)});
  EXPECT_EQ(store_->find(kept)->retain_until_ms, kNow + 10 * kDay);
  const Expired second = store_->expire(kNow + kDay + kDay / 2);
  EXPECT_EQ(second.partials, 1U) << "also after a restart";
  EXPECT_EQ(second.bytes, 10U);
  EXPECT_EQ(store_->expire(kNow + 10 * kDay).artifacts, 1U);
  EXPECT_EQ(files_in("objects") + files_in("partials"), 0U);
  EXPECT_EQ(store_->usage().artifact_bytes, 0U);
}

TEST_F(StoreTest, AReaderKeepsWhatIsRemoved) {
  open();
  const Bytes content = make_bytes(1'000, 1);
  const Hash32 hash = store_->put(content, "x", kNow)->hash;
  const auto opened = store_->open_artifact(hash);
  ASSERT_TRUE(opened);
  const Descriptor file(opened->fd);
  ASSERT_TRUE(store_->remove(hash));
  EXPECT_EQ(store_->open_artifact(hash).error(), StoreError::NotFound);
  Bytes read(1'000);
  ASSERT_TRUE(read_at(file, 0, read));
  EXPECT_EQ(read, content);
}

TEST_F(StoreTest, ListsInPages) {
  open();
  std::vector<Hash32> hashes;
  for (unsigned i = 0; i < 25; ++i) hashes.push_back(store_->put(make_bytes(10, i), "x", kNow)->hash);
  std::sort(hashes.begin(), hashes.end());
  std::vector<Hash32> listed;
  for (Hash32 after;;) {
    const auto page = store_->list(after, 10);
    if (page.empty()) break;
    for (const ArtifactInfo& info : page) listed.push_back(info.hash);
    after = page.back().hash;
  }
  EXPECT_EQ(listed, hashes);
}

TEST_F(StoreTest, OneProcessHoldsTheDirectory) {
  open();
  EXPECT_EQ(Store::open(directory_).error(), StoreError::InUse);
}

TEST_F(StoreTest, ConcurrentUploadsOfOneContentEndInOneArtifact) {
  open();
  const Bytes content = make_bytes(400'000, 1);
  const Hash32 hash = sha256(content);
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "sm1-" + std::to_string(t);
      if (t == 5) {
        if (store_->put(content, name, kNow)) ++done;
        return;
      }
      for (;;) {
        const auto state = store_->begin_upload(hash, content.size(), name, kNow);
        if (!state) {
          if (state.error() == StoreError::AlreadyExists) ++done;
          return;
        }
        const std::size_t step = std::min<std::size_t>(10'000, content.size() - state->offset);
        if (step > 0) {
          (void)store_->append(hash, state->offset, ByteView(content).subspan(state->offset, step), kNow);
        } else {
          (void)store_->finish(hash, kNow);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 6);
  EXPECT_EQ(read(hash), content);
  EXPECT_EQ(store_->usage().artifact_bytes, content.size());
}

TEST_F(StoreTest, DistinctUploadsRunSideBySide) {
  open();
  std::atomic<int> stored = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 15; ++i) {
        const Bytes content = make_bytes(30'000, t * 100 + i);
        const auto info = store_->put(content, "x", kNow);
        if (info && store_->retain(info->hash, kNow + 1) && store_->verify(info->hash)) ++stored;
        if (i % 3 == 0) (void)store_->remove(info->hash);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 50; ++i) (void)store_->expire(kNow);
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored, 60);
  EXPECT_EQ(store_->usage().artifacts, 40U);
  EXPECT_EQ(store_->usage().reserved_bytes, 0U);
}

TEST(StoreErrors, EachHasAnOwnNameAndAnAdviceWithoutPaths) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(StoreError::IoError); ++i) {
    const auto error = static_cast<StoreError>(i);
    names.push_back(name_of(error));
    EXPECT_NE(describe(error).find(';'), std::string_view::npos) << name_of(error);
    EXPECT_EQ(describe(error).find('/'), std::string_view::npos);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace starminer::artifacts
