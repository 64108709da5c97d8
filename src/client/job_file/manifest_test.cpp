// REQ: AUD-1 (the manifest hash stands in the history), WRK-3 (content hashes)
#include "client/job_file/manifest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "client/job_file/limits.h"
#include "client/job_file/spec.h"

namespace starminer::client::job_file {
namespace {

JobFile small_job() {
  JobFile job;
  job.name = "a";
  job.kind = protocol::JobKind::Training;
  job.runtime = "debian/x-1";
  job.command = {"python3", "-c", "print(\"hi\")\n"};
  job.env = {{"SEED", "42"}, {"NAME", "Größe"}};
  job.outputs = {"*.png"};
  job.time.max = std::chrono::seconds(600);
  job.time.expected = std::chrono::seconds(60);
  job.budget = Agpu{1};
  return job;
}

std::vector<ManifestInput> two_inputs() { return {{"train.py", sha256("b"), 2}, {"data/text.txt", sha256("a"), 1}}; }

const char* const kCanonical =
    R"({"command":["python3","-c","print(\"hi\")\n"],"env":{"NAME":"Größe","SEED":"42"},"inputs":[)"
    R"({"path":"data/text.txt","sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","size":1},)"
    R"({"path":"train.py","sha256":"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d","size":2}],"kind":"training",)"
    R"("limits":{"cpus_milli":1000,"disk_bytes":1073741824,"log_bytes":4194304,"memory_bytes":2147483648,"output_bytes":268435456,)"
    R"("pids":256,"wall_s":600},"name":"a","outputs":["*.png"],"runtime":"debian/x-1","version":1})";

TEST(Manifest, HasOneCanonicalForm) {
  const auto bytes = make_manifest(small_job(), two_inputs());
  ASSERT_TRUE(bytes) << bytes.error().text;
  EXPECT_EQ(*bytes, kCanonical);
  auto reversed = two_inputs();
  std::swap(reversed[0], reversed[1]);
  EXPECT_EQ(make_manifest(small_job(), reversed), bytes);
  EXPECT_EQ(manifest_hash(*bytes), sha256(kCanonical));
}

TEST(Manifest, ParsesBack) {
  const auto manifest = parse_manifest(kCanonical);
  ASSERT_TRUE(manifest) << manifest.error().text;
  EXPECT_EQ(manifest->command.back(), "print(\"hi\")\n");
  EXPECT_EQ(manifest->inputs.front().path, "data/text.txt");
  EXPECT_EQ(manifest->limits.wall_s, 600U);
  EXPECT_EQ(encode_manifest(*manifest), kCanonical);
}

std::string replaced(std::string_view what, std::string_view by) {
  std::string text = kCanonical;
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

struct BadManifest {
  std::string bytes;
  ManifestErrorCode code;
};

TEST(Manifest, RefusesWhatIsNotExactlyOurs) {
  using Code = ManifestErrorCode;
  const std::string last = R"("version":1})";
  const BadManifest rows[] = {
      {"", Code::NotJson},
      {"{", Code::NotJson},
      {"[]", Code::WrongType},
      {"null", Code::WrongType},
      {"{}", Code::MissingField},
      {std::string(kCanonical) + " ", Code::NotCanonical},
      {std::string(kCanonical) + "x", Code::NotJson},
      {replaced(last, R"("version":1,"zebra":1})"), Code::UnknownField},
      {replaced(last, R"("version":2})"), Code::UnknownVersion},
      {replaced(last, R"("version":1.0})"), Code::WrongType},
      {replaced(last, R"("version": 1})"), Code::NotCanonical},
      {replaced(last, R"("version":1,"version":1})"), Code::NotCanonical},
      {replaced(R"(,"runtime":"debian/x-1")", ""), Code::MissingField},
      {replaced(R"("debian/x-1")", R"("debian/x 1")"), Code::OutOfRange},
      {replaced(R"("name":"a")", R"("name":"\u0061")"), Code::NotCanonical},
      {replaced(R"("name":"a")", R"("name":"../a")"), Code::OutOfRange},
      {replaced(R"("name":"a")", R"("name":5)"), Code::WrongType},
      {replaced(R"("training")", R"("mining")"), Code::OutOfRange},
      {replaced(R"(["python3","-c","print(\"hi\")\n"])", "[]"), Code::OutOfRange},
      {replaced(R"(["python3","-c")", R"(["","-c")"), Code::OutOfRange},
      {replaced(R"("-c")", "7"), Code::WrongType},
      {replaced(R"("-c")", R"("\u0000")"), Code::OutOfRange},
      {replaced(R"("-c")", R"("\u001b[2J")"), Code::OutOfRange},
      {replaced(R"("-c")", "\"\xff\""), Code::NotJson},
      {replaced(R"("SEED":"42")", R"("SEED":42)"), Code::WrongType},
      {replaced(R"("SEED":"42")", R"("SE ED":"42")"), Code::OutOfRange},
      {replaced(R"("data/text.txt")", R"("../text.txt")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("/data/text.txt")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("data//text.txt")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("data/\n.txt")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("zzz")"), Code::BadPath},
      {replaced(R"("data/text.txt")", R"("train.py")"), Code::BadPath},
      {replaced(R"("path":"train.py")", R"("path":"data/text.txt/x")"), Code::BadPath},
      {replaced(R"("size":1})", R"("size":-1})"), Code::WrongType},
      {replaced(R"("size":1})", R"("size":1e3})"), Code::WrongType},
      {replaced(R"("size":1})", R"("size":18446744073709551616})"), Code::WrongType},
      {replaced(R"("size":1})", R"("size":18446744073709551615})"), Code::OutOfRange},
      {replaced(R"("size":1})", R"("size":1,"x":1})"), Code::UnknownField},
      {replaced("ca978112", "CA978112"), Code::WrongType},
      {replaced("ca978112", "ca97811"), Code::WrongType},
      {replaced(R"(["*.png"])", R"(["../*.png"])"), Code::BadPath},
      {replaced(R"("wall_s":600)", R"("wall_s":59)"), Code::OutOfRange},
      {replaced(R"("wall_s":600)", R"("wall_s":31536001)"), Code::OutOfRange},
      {replaced(R"("pids":256)", R"("pids":4294967552)"), Code::OutOfRange},
      {replaced(R"("pids":256,)", ""), Code::MissingField},
      {replaced(R"("memory_bytes":2147483648)", R"("memory_bytes":0)"), Code::OutOfRange},
      {replaced(R"("env":{"NAME":"Größe","SEED":"42"})", R"("env":[])"), Code::WrongType},
      {replaced(R"(["*.png"])", R"([[[[[]]]]])"), Code::WrongType},
      {std::string(kManifestBytesMax + 1, ' '), Code::TooLarge},
      {std::string(kManifestBytesMax, '['), Code::WrongType},
  };
  for (const BadManifest& row : rows) {
    const auto manifest = parse_manifest(row.bytes);
    ASSERT_FALSE(manifest) << row.bytes;
    EXPECT_EQ(manifest.error().code, row.code) << row.bytes.substr(0, 900) << "\n" << manifest.error().text;
  }
}

TEST(Manifest, CountsAreBounded) {
  std::vector<ManifestInput> inputs;
  for (int i = 0; i < 65; ++i) inputs.push_back({"f" + std::to_string(i), sha256("x"), 1});
  EXPECT_EQ(make_manifest(small_job(), inputs).error().code, ManifestErrorCode::OutOfRange);
  inputs.pop_back();
  const auto bytes = make_manifest(small_job(), inputs);
  ASSERT_TRUE(bytes);
  EXPECT_TRUE(parse_manifest(*bytes));
  JobFile job = small_job();
  job.command.assign(257, "x");
  EXPECT_EQ(make_manifest(job, {}).error().code, ManifestErrorCode::OutOfRange);
}

RC_GTEST_PROP(ManifestProperty, AnyChangeOfAByteIsRefusedOrAnotherManifest, ()) {
  std::string bytes = kCanonical;
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = *rc::gen::arbitrary<char>();
  const auto manifest = parse_manifest(bytes);
  if (manifest) RC_ASSERT(encode_manifest(*manifest) == bytes);
}

RC_GTEST_PROP(ManifestProperty, MadeManifestsParseBackToThemselves, ()) {
  const auto word =
      rc::gen::container<std::string>(rc::gen::element('a', 'Z', '0', '"', '\\', '\n', '\t', ' ', '/', '{', '=', ','));
  JobFile job = small_job();
  job.command = *rc::gen::container<std::vector<std::string>>(word);
  job.command.insert(job.command.begin(), "run");
  job.env.clear();
  for (const auto& value : *rc::gen::container<std::vector<std::string>>(word))
    job.env["V" + std::to_string(job.env.size())] = value;
  const auto bytes = make_manifest(job, two_inputs());
  RC_ASSERT(bytes.has_value() == (job.command.size() <= kArgumentsMax && job.env.size() <= kVariablesMax));
  if (!bytes) return;
  const auto manifest = parse_manifest(*bytes);
  RC_ASSERT(manifest.has_value());
  RC_ASSERT(manifest->command == job.command);
  RC_ASSERT(manifest->env == job.env);
  RC_ASSERT(encode_manifest(*manifest) == *bytes);
}

TEST(Spec, AParsedFileIsAValidSpecification) {
  constexpr std::string_view kFile =
      "name: a\nkind: inference\nruntime: debian/x-1\ncommand: [/run]\ntime: {max: 1 min, deadline: 2h, start_within: "
      "30s}\n"
      "resources: {class: [H100, A100], share: 250}\nregion: {prefer: [us-east, eu-west], allow: [us-east, eu-west]}\n"
      "reputation_min: 90.1 %\ntee: [tdx]\nmax_price: 0.5 AGPU\n";
  const auto job = parse_job_file(kFile, "f");
  ASSERT_TRUE(job) << job.error().front().to_line();
  const auto inputs = two_inputs();
  const auto spec = make_spec(
      *job, {.manifest_hash = sha256("m"), .inputs = &inputs, .now = TimeMs{1000}, .default_budget = Agpu{7}});
  const auto valid = protocol::validate_spec(spec);
  EXPECT_TRUE(valid) << valid.error().detail;
  EXPECT_EQ(spec.deadline.ms, 7'201'000U);
  EXPECT_EQ(spec.start_within.ms, 30'000U);
  EXPECT_EQ(spec.resources.share_milli, 250U);
  EXPECT_EQ(spec.input_bytes, 3U);
  EXPECT_EQ(spec.where.reputation_min, 217) << "90.1 % of 240 is 216.24, rounded up";
  EXPECT_EQ(spec.budget.base, 7U);
  EXPECT_EQ(spec.max_price.nagpu_per_gpu_hour, 500'000'000U);
}

TEST(Spec, WholeGpusHaveNoShare) {
  const auto spec = make_spec(small_job(), {.manifest_hash = sha256("m")});
  EXPECT_EQ(spec.resources.share_milli, 0U);
  EXPECT_EQ(spec.budget.base, 1U);
  EXPECT_TRUE(protocol::validate_spec(spec));
}

}  // namespace
}  // namespace starminer::client::job_file
