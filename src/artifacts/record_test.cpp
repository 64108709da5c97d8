#include "artifacts/record.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace starminer::artifacts {
namespace {

TEST(Record, GivesBackWhatWasWritten) {
  EXPECT_TRUE(
      rc::check([](std::uint64_t size, std::int64_t created, std::int64_t time, const std::vector<std::string>& names) {
        Record record{size, created, time};
        for (const std::string& name : names) note_uploader(record, name);
        const auto parsed = parse_record(format_record(record));
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(*parsed == record);
      }));
}

TEST(Record, RefusesWhatTheWriterDoesNotWrite) {
  const std::string good = format_record({7, 8, 9, {"sm1a", "sm1b"}});
  ASSERT_TRUE(parse_record(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(parse_record(good.substr(0, cut))) << cut;
  for (const char* text : {"starminer-artifact 2\nsize 1\ncreated_ms 1\ntime_ms 1\nend .\n",
                           "starminer-artifact 1\nsize 01\ncreated_ms 1\ntime_ms 1\nend .\n",
                           "starminer-artifact 1\nsize -1\ncreated_ms 1\ntime_ms 1\nend .\n",
                           "starminer-artifact 1\ncreated_ms 1\nsize 1\ntime_ms 1\nend .\n",
                           "starminer-artifact 1\nsize 1\ncreated_ms 1\ntime_ms 1\nuploader a\nuploader a\nend .\n",
                           "starminer-artifact 1\nsize 1\ncreated_ms 1\ntime_ms 1\nend .\nmore"}) {
    EXPECT_FALSE(parse_record(text)) << text;
  }
}

TEST(NoteUploader, KeepsEachOnceWithinTheLimit) {
  Record record;
  EXPECT_TRUE(note_uploader(record, "a"));
  EXPECT_FALSE(note_uploader(record, "a"));
  EXPECT_FALSE(note_uploader(record, ""));
  EXPECT_FALSE(note_uploader(record, "\n"));
  EXPECT_TRUE(note_uploader(record, "b\nsize 5"));
  EXPECT_EQ(record.uploaders.back(), "bsize5");
  for (int i = 0; i < 100; ++i) note_uploader(record, std::to_string(i));
  EXPECT_EQ(record.uploaders.size(), kUploadersMax);
}

}  // namespace
}  // namespace starminer::artifacts
