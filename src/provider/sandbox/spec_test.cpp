#include "provider/sandbox/spec.h"

#include <functional>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace starminer::provider::sandbox {
namespace {

using ::testing::HasSubstr;

SandboxSpec good() {
  SandboxSpec spec;
  spec.job_id = "job-1";
  spec.argv = {"/usr/bin/true", "a b", std::string("\xff\x01", 2)};
  spec.env = {{"A", "1"}, {"B_2", "two\nlines"}};
  spec.binds = {{"/opt/runtime", "/opt/runtime"}};
  spec.inputs = "/var/lib/agent/inputs";
  spec.devices = {"/dev/nvidia0", "/dev/dri"};
  return spec;
}

TEST(Spec, TheGoodOneIsAccepted) {
  const auto checked = validate(good());
  EXPECT_TRUE(checked) << checked.error().text;
}

struct Row {
  const char* what;
  std::function<void(SandboxSpec&)> spoil;
  const char* message;
};

TEST(Spec, EachRefusalHasARow) {
  const Row rows[] = {
      {"empty id", [](SandboxSpec& s) { s.job_id = ""; }, "job id"},
      {"hidden id", [](SandboxSpec& s) { s.job_id = ".x"; }, "job id"},
      {"id with a path", [](SandboxSpec& s) { s.job_id = "a/../b"; }, "job id"},
      {"long id", [](SandboxSpec& s) { s.job_id = std::string(65, 'a'); }, "job id"},
      {"no program", [](SandboxSpec& s) { s.argv.clear(); }, "absolute path"},
      {"relative program", [](SandboxSpec& s) { s.argv[0] = "true"; }, "absolute path"},
      {"climbing program", [](SandboxSpec& s) { s.argv[0] = "/usr/../etc/x"; }, "absolute path"},
      {"zero byte in an argument", [](SandboxSpec& s) { s.argv[1] = std::string("a\0b", 3); }, "zero byte"},
      {"env name", [](SandboxSpec& s) { s.env["1A"] = ""; }, "environment name"},
      {"env name with =", [](SandboxSpec& s) { s.env["A=B"] = ""; }, "environment name"},
      {"zero byte in env", [](SandboxSpec& s) { s.env["A"] = std::string("\0", 1); }, "zero byte"},
      {"huge env", [](SandboxSpec& s) { s.env["A"] = std::string(300'000, 'x'); }, "at most 262144"},
      {"relative bind", [](SandboxSpec& s) { s.binds[0].host = "opt"; }, "absolute"},
      {"bind over the root", [](SandboxSpec& s) { s.binds[0].inside = "/"; }, "provides /"},
      {"bind over /proc", [](SandboxSpec& s) { s.binds[0].inside = "/proc/sys"; }, "provides /proc"},
      {"bind over /job", [](SandboxSpec& s) { s.binds[0].inside = "/job/in"; }, "provides /job"},
      {"relative inputs", [](SandboxSpec& s) { s.inputs = "in"; }, "inputs directory"},
      {"device elsewhere", [](SandboxSpec& s) { s.devices = {"/etc/shadow"}; }, "below /dev"},
      {"climbing device", [](SandboxSpec& s) { s.devices = {"/dev/../etc/shadow"}; }, "below /dev"},
      {"no cpu", [](SandboxSpec& s) { s.limits.cpu_milli = 0; }, "cpu limit"},
      {"no memory", [](SandboxSpec& s) { s.limits.memory_bytes = 0; }, "memory limit"},
      {"no processes", [](SandboxSpec& s) { s.limits.processes = 1; }, "process limit"},
      {"no output", [](SandboxSpec& s) { s.limits.output_bytes = 0; }, "output and scratch"},
      {"no scratch", [](SandboxSpec& s) { s.limits.scratch_bytes = 0; }, "output and scratch"},
      {"no files", [](SandboxSpec& s) { s.limits.output_files = 0; }, "output files"},
      {"no log", [](SandboxSpec& s) { s.limits.log_bytes = 0; }, "log bytes"},
      {"no descriptors", [](SandboxSpec& s) { s.limits.open_files = 3; }, "open files"},
      {"no time", [](SandboxSpec& s) { s.limits.wall_ms = 0; }, "wall time"},
      {"endless", [](SandboxSpec& s) { s.limits.wall_ms = ~0ULL; }, "wall time"},
      {"endless grace", [](SandboxSpec& s) { s.limits.term_grace_ms = ~0U; }, "grace"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    SandboxSpec spec = good();
    row.spoil(spec);
    const auto checked = validate(spec);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, SandboxErrc::BadSpec);
    EXPECT_THAT(checked.error().text, HasSubstr(row.message));
  }
}

RC_GTEST_PROP(SpecJson, DecodesWhatItEncodes, (const std::vector<std::string>& words, std::uint64_t bytes)) {
  StoredSpec stored{good(), {"/usr/bin/bwrap", "/opt/init", "", "starminer", "0123"}};
  for (const std::string& word : words) stored.spec.argv.push_back(word);
  if (!words.empty()) stored.spec.env["WORD"] = words.front();
  stored.spec.limits.memory_bytes = bytes;
  const auto decoded = decode_spec(encode_spec(stored));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->spec.argv == stored.spec.argv);
  RC_ASSERT(decoded->spec.env == stored.spec.env);
  RC_ASSERT(decoded->spec.limits.memory_bytes == bytes);
  RC_ASSERT(decoded->spec.devices == stored.spec.devices);
  RC_ASSERT(decoded->launch.cgroup_group == "0123");
  RC_ASSERT(encode_spec(*decoded) == encode_spec(stored));
}

TEST(SpecJson, DamageIsReported) {
  const std::string text = encode_spec({good(), {}});
  for (std::size_t length = 0; length < text.size(); length += 7) {
    const auto decoded = decode_spec(text.substr(0, length));
    ASSERT_FALSE(decoded) << length;
    EXPECT_EQ(decoded.error().code, SandboxErrc::Corrupt);
  }
}

TEST(DefaultBinds, ShowProgramsAndNoSecrets) {
  for (const ReadOnlyBind& bind : default_runtime_binds()) {
    EXPECT_EQ(bind.host, bind.inside);
    EXPECT_NE(bind.host, "/etc");
    EXPECT_THAT(bind.host.string(), ::testing::Not(HasSubstr("shadow")));
  }
}

}  // namespace
}  // namespace starminer::provider::sandbox
