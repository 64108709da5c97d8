#include "provider/sandbox/report.h"

#include <gmock/gmock.h>

namespace starminer::provider::sandbox {
namespace {

using ::testing::HasSubstr;

ExitReport full() {
  ExitReport report;
  report.end = EndKind::LimitEnded;
  report.signal = 9;
  report.limit = LimitHit::Memory;
  report.limits_met = {LimitHit::Memory, LimitHit::Log};
  report.killed = true;
  report.wall_ms = 1234;
  report.output_bytes = 5;
  report.outputs_refused = {{"a\\x0a", "a symbolic link"}};
  report.output_disk = DiskKind::LoopImage;
  report.scratch_disk = DiskKind::Tmpfs;
  report.landlock_abi = 7;
  report.cgroup_version = 1;
  return report;
}

TEST(Report, DecodesWhatItEncodes) {
  const auto decoded = decode_report(encode_report(full()));
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(encode_report(*decoded), encode_report(full()));
  EXPECT_EQ(decoded->limits_met, full().limits_met);
  EXPECT_EQ(decoded->outputs_refused.front().reason, "a symbolic link");
}

TEST(Report, BytesThatAreNotTextDoNotBreakIt) {
  ExitReport report;
  report.error = "\xff\xfe broken";
  const auto decoded = decode_report(encode_report(report));
  ASSERT_TRUE(decoded);
  EXPECT_THAT(decoded->error, HasSubstr("broken"));
}

TEST(Report, DamageIsReported) {
  const std::string text = encode_report(full());
  for (std::size_t length = 0; length < text.size(); length += 5) {
    EXPECT_FALSE(decode_report(text.substr(0, length))) << length;
  }
  std::string unknown = text;
  unknown.replace(unknown.find("LimitEnded"), 10, "NoSuchKind");
  const auto decoded = decode_report(unknown);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, SandboxErrc::Corrupt);
}

TEST(Report, ASentenceNamesTheLimit) {
  EXPECT_EQ(describe(full()), "ended by limit Memory after 1.234 s");
  ExitReport report;
  report.end = EndKind::Exited;
  report.exit_code = 1;
  report.limit = LimitHit::Scratch;
  EXPECT_EQ(describe(report), "exited with code 1 after 0.000 s, met limit Scratch");
}

TEST(Running, DecodesWhatItEncodes) {
  RunningState state;
  state.supervisor = {42, 1234567, "boot"};
  state.cgroup = {2, {{"unified", "/sys/fs/cgroup/x"}}};
  state.started_unix_ms = 99;
  const auto decoded = decode_running(encode_running(state));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->supervisor, state.supervisor);
  EXPECT_EQ(decoded->cgroup.directories, state.cgroup.directories);
  EXPECT_FALSE(decode_running("{}"));
}

}  // namespace
}  // namespace starminer::provider::sandbox
