#include "storage/block_log.h"

#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::storage {
namespace {

constexpr std::uint64_t kSegment = 64U << 10;

struct Opened {
  std::unique_ptr<BlockLog> log;
  std::optional<StorageError> error;
  std::vector<std::pair<std::uint64_t, Bytes>> records;
};

/// A folder of its own, and what a process would do with it.
class Folder {
 public:
  Folder() {
    static int number = 0;
    path_ = std::filesystem::path(::testing::TempDir()) /
            ("block-log-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::remove_all(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] Opened open(std::uint64_t height = 0, std::function<int(LogStep)> fault = {}) const {
    Opened opened;
    auto log = BlockLog::open(path_, {kSegment, std::move(fault)}, height, [&](std::uint64_t number, ByteView payload) {
      opened.records.emplace_back(number, Bytes(payload.begin(), payload.end()));
      return true;
    });
    if (log) {
      opened.log = std::move(*log);
    } else {
      opened.error = log.error();
    }
    return opened;
  }
  [[nodiscard]] std::vector<std::filesystem::path> segments() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() == ".log") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] static Bytes read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void write(const std::filesystem::path& file, ByteView bytes) {
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Bytes payload_of(std::uint64_t height, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(height * 31 + i);
  return bytes;
}

void append(BlockLog& log, std::uint64_t from, std::uint64_t to, std::size_t size) {
  for (std::uint64_t height = from; height <= to; ++height) {
    ASSERT_TRUE(log.append(height, payload_of(height, size)).has_value());
  }
}

void expect_records(const Opened& opened, std::uint64_t from, std::uint64_t to, std::size_t size) {
  ASSERT_FALSE(opened.error.has_value()) << opened.error->text;
  ASSERT_EQ(opened.records.size(), to + 1 - from);
  for (std::uint64_t height = from; height <= to; ++height) {
    EXPECT_EQ(opened.records[height - from].first, height);
    EXPECT_EQ(opened.records[height - from].second, payload_of(height, size));
  }
}

TEST(BlockLog, GivesBackWhatWasAppendedOverManySegments) {
  const Folder folder;
  append(*folder.open().log, 1, 40, 9'000);
  EXPECT_GT(folder.segments().size(), 5U);
  expect_records(folder.open(), 1, 40, 9'000);
  expect_records(folder.open(25), 26, 40, 9'000);
  Opened again = folder.open(40);
  EXPECT_TRUE(again.records.empty());
  append(*again.log, 41, 45, 100);
  EXPECT_EQ(folder.open(40).records.size(), 5U);
}

TEST(BlockLog, ARecordLargerThanASegmentHasOneOfItsOwn) {
  const Folder folder;
  {
    const Opened opened = folder.open();
    append(*opened.log, 1, 1, 10);
    append(*opened.log, 2, 2, 3 * kSegment);
    append(*opened.log, 3, 3, 10);
  }
  const Opened opened = folder.open();
  ASSERT_EQ(opened.records.size(), 3U);
  EXPECT_EQ(opened.records[1].second, payload_of(2, 3 * kSegment));
}

TEST(BlockLog, SegmentsThatAreNotNeededAreUsedAgain) {
  const Folder folder;
  {
    const Opened opened = folder.open();
    for (std::uint64_t height = 1; height <= 200; ++height) {
      append(*opened.log, height, height, 9'000);
      if (height > 10) opened.log->drop_through(height - 10);
      ASSERT_LE(folder.segments().size(), 4U);
    }
  }
  // The segments in use hold records of an earlier life behind their end.
  expect_records(folder.open(195), 196, 200, 9'000);
  const Opened gap = folder.open(100);
  ASSERT_TRUE(gap.error.has_value());
  EXPECT_EQ(gap.error->fault, StorageFault::Corrupt);
  EXPECT_NE(gap.error->text.find("missing"), std::string::npos) << gap.error->text;
}

// The thread of checkpoints makes spares and gives segments back while the writer takes them.
TEST(BlockLog, SparesComeAndGoWhileRecordsAreAppended) {
  const Folder folder;
  constexpr std::uint64_t kRecords = 600;
  {
    const Opened opened = folder.open();
    std::atomic<std::uint64_t> height = 0;
    std::thread other([&] {
      while (height < kRecords) {
        ASSERT_TRUE(opened.log->prepare_spare());
        if (height > 20) opened.log->drop_through(height - 20);
      }
    });
    std::optional<StorageError> error;
    for (std::uint64_t next = 1; next <= kRecords && !error; ++next) {
      if (auto appended = opened.log->append(next, payload_of(next, 30'000)); !appended) error = appended.error();
      height = error ? kRecords : next;
    }
    other.join();
    ASSERT_FALSE(error.has_value()) << error->text;
  }
  expect_records(folder.open(kRecords - 10), kRecords - 9, kRecords, 30'000);
}

// B6: a torn tail is dropped and reported; what is damaged before a later record is refused with file and offset.
TEST(BlockLog, TellsATornTailFromDamageInTheMiddle) {
  constexpr std::size_t kSize = 5'000;
  constexpr std::uint64_t kRecord = 8'192;
  const Folder folder;
  append(*folder.open().log, 1, 5, kSize);
  const auto file = folder.segments().at(0);
  const Bytes whole = Folder::read(file);
  for (std::uint64_t cut = 4 * kRecord; cut < 4 * kRecord + 40 + kSize; cut += 97) {
    Bytes torn = whole;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(cut), torn.end(), std::uint8_t{0});
    Folder::write(file, torn);
    const Opened opened = folder.open();
    expect_records(opened, 1, 4, kSize);
    // A head that did not reach the disk leaves no trace.
    EXPECT_EQ(opened.log->report().dropped.find("block 5") != std::string::npos, cut >= 4 * kRecord + 16) << cut;
  }
  for (std::uint64_t at = 0; at < 4 * kRecord; at += 61) {
    if (at % kRecord >= 40 + kSize) continue;  // the room behind a record holds nothing
    Bytes damaged = whole;
    damaged[at] ^= 0x10U;
    Folder::write(file, damaged);
    const Opened opened = folder.open();
    ASSERT_TRUE(opened.error.has_value()) << at;
    EXPECT_EQ(opened.error->fault, StorageFault::Corrupt);
    EXPECT_NE(opened.error->text.find("offset " + std::to_string(at / kRecord * kRecord)), std::string::npos)
        << opened.error->text;
    if (at < kRecord) expect_records(folder.open(1), 2, 5, kSize);  // the database has it
  }
}

// B5: no single changed bit gives anything but the same records, or fewer and a report, or a refusal.
RC_GTEST_PROP(BlockLog, AFlippedBitNeverGivesOtherRecords, ()) {
  const Folder folder;
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(6, rc::gen::inRange<std::size_t>(0, 9'000));
  {
    const Opened opened = folder.open();
    for (std::size_t i = 0; i < sizes.size(); ++i)
      RC_ASSERT(opened.log->append(i + 1, payload_of(i, sizes[i])).has_value());
  }
  const auto file = folder.segments().at(0);
  Bytes bytes = Folder::read(file);
  const auto bit = *rc::gen::inRange<std::size_t>(0, bytes.size() * 8);
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
  Folder::write(file, bytes);
  const Opened opened = folder.open();
  if (opened.error) RC_ASSERT(opened.error->fault == StorageFault::Corrupt);
  for (std::size_t i = 0; i < opened.records.size(); ++i) {
    RC_ASSERT(opened.records[i].first == i + 1);
    RC_ASSERT(opened.records[i].second == payload_of(i, sizes[i]));
  }
  if (!opened.error) RC_ASSERT(opened.records.size() + 1 >= sizes.size());
}

// B8: after a failed write, fdatasync or new segment nothing is acknowledged any more, whatever works again.
TEST(BlockLog, AfterAFailureNothingIsAcknowledged) {
  for (const LogStep step : {LogStep::Write, LogStep::Sync, LogStep::Create}) {
    const Folder folder;
    bool fails = false;
    {
      const Opened opened = folder.open(0, [&](LogStep at) { return fails && at == step ? EIO : 0; });
      append(*opened.log, 1, 3, 9'000);
      fails = true;
      std::uint64_t height = 4;
      auto appended = opened.log->append(height, payload_of(height, 9'000));
      while (appended && height < 50)
        appended = opened.log->append(height + 1, payload_of(height + 1, 9'000)), ++height;
      ASSERT_FALSE(appended.has_value());
      EXPECT_EQ(appended.error().fault, StorageFault::Write);
      fails = false;
      appended = opened.log->append(height, payload_of(height, 9'000));
      ASSERT_FALSE(appended.has_value()) << "a disk that works again says nothing about the bytes before";
    }
    const Opened opened = folder.open();
    ASSERT_FALSE(opened.error.has_value());
    ASSERT_GE(opened.records.size(), 3U) << "what was acknowledged is there";
  }
}

// B9: a write that finds no room leaves no record, whatever part of it was written, and the log goes on when there is.
TEST(BlockLog, WhatFindsNoRoomIsNotThereAndAnotherMayFollow) {
  for (const int error : {ENOSPC, EDQUOT, EFBIG}) {
    for (const std::size_t size : {100U, 30'000U}) {
      for (int failing_write = 1; failing_write <= (size > 4'096 ? 2 : 1); ++failing_write) {
        const Folder folder;
        int left = 0;  // writes until they fail; 0: they do not
        bool full = false;
        {
          const Opened opened = folder.open(0, [&](LogStep at) {
            if (at == LogStep::Write && left > 0 && --left == 0) full = true;
            return full && at != LogStep::Sync ? error : 0;
          });
          append(*opened.log, 1, 3, 9'000);
          left = failing_write;
          const auto refused = opened.log->append(4, payload_of(99, size));
          ASSERT_FALSE(refused.has_value());
          EXPECT_EQ(refused.error().fault, StorageFault::Full) << refused.error().text;
          EXPECT_NE(refused.error().text.find(std::strerror(error)), std::string::npos);
          expect_records(folder.open(), 1, 3, 9'000);  // as after a kill
          ASSERT_FALSE(opened.log->make_room().has_value()) << "there is no room yet";
          EXPECT_EQ(opened.log->make_room().error().fault, StorageFault::Full);
          EXPECT_FALSE(opened.log->append(4, payload_of(98, size)).has_value());
          full = false;
          ASSERT_TRUE(opened.log->make_room().has_value());
          append(*opened.log, 4, 9, 9'000);
        }
        expect_records(folder.open(), 1, 9, 9'000);
      }
    }
  }
}

// The kernel itself takes a part of a record and refuses the rest.
TEST(BlockLog, ALimitOnTheSizeOfFilesIsNoRoom) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const Folder folder;
  const Opened opened = folder.open();
  append(*opened.log, 1, 2, 9'000);
  const auto limit_to = [&](rlim_t bytes) {
    const rlimit limit{bytes, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  };
  for (rlim_t bytes = 24'576; bytes < 56'000; bytes += 3'000) {
    limit_to(bytes);
    const auto refused = opened.log->append(3, payload_of(77, 30'000));
    const auto room = opened.log->make_room();
    limit_to(before.rlim_cur);
    ASSERT_FALSE(refused.has_value()) << bytes;
    EXPECT_EQ(refused.error().fault, StorageFault::Full) << refused.error().text;
    EXPECT_NE(refused.error().text.find("ulimit -f"), std::string::npos) << refused.error().text;
    EXPECT_FALSE(room.has_value()) << bytes;
    expect_records(folder.open(), 1, 2, 9'000);
  }
  ASSERT_TRUE(opened.log->make_room().has_value());
  append(*opened.log, 3, 5, 30'000);
  const Opened again = folder.open(2);
  expect_records(again, 3, 5, 30'000);
}

// The next segment cannot get its name: nothing has changed, and the same spare serves later.
TEST(BlockLog, ASegmentThatFindsNoRoomIsMadeLater) {
  const Folder folder;
  bool full = false;
  {
    const Opened opened = folder.open(0, [&](LogStep at) { return full && at == LogStep::Create ? EDQUOT : 0; });
    append(*opened.log, 1, 5, 9'000);
    full = true;
    std::uint64_t height = 6;
    auto appended = opened.log->append(height, payload_of(height, 9'000));
    while (appended) ++height, appended = opened.log->append(height, payload_of(height, 9'000));
    EXPECT_EQ(appended.error().fault, StorageFault::Full) << appended.error().text;
    EXPECT_FALSE(opened.log->make_room().has_value());
    full = false;
    ASSERT_TRUE(opened.log->make_room().has_value());
    append(*opened.log, height, 12, 9'000);
  }
  expect_records(folder.open(), 1, 12, 9'000);
}

TEST(BlockLog, DamagedOrForeignFilesAreNamed) {
  const Folder folder;
  append(*folder.open().log, 1, 2, 10);
  Folder::write(folder.path() / "salt", as_bytes("short"));
  const Opened opened = folder.open();
  ASSERT_TRUE(opened.error.has_value());
  EXPECT_NE(opened.error->text.find("salt"), std::string::npos);
}

// With another salt no record checks, and an acknowledged log would be taken for one torn at its first record.
TEST(BlockLog, NoBitOfTheSaltMayFlipAndItMayNotBeMissing) {
  const Folder folder;
  append(*folder.open().log, 1, 2, 10);
  const std::filesystem::path salt = folder.path() / "salt";
  const Bytes whole = Folder::read(salt);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    Folder::write(salt, damaged);
    ASSERT_TRUE(folder.open().error.has_value()) << bit;
  }
  std::filesystem::remove(salt);
  const Opened opened = folder.open();
  ASSERT_TRUE(opened.error.has_value());
  EXPECT_NE(opened.error->text.find("missing"), std::string::npos);
  Folder::write(salt, whole);
  EXPECT_EQ(folder.open().records.size(), 2U);
}

}  // namespace
}  // namespace starminer::storage
