// REQ: QUE-2 (job metadata), WRK-1 (submission)
#include "client/job_file/job_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "client/job_file/flags.h"
#include "client/job_file/limits.h"
#include "client/job_file/templates.h"
#include "config/program.h"

namespace starminer::client::job_file {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kSmallest =
    "name: a\nkind: training\nruntime: debian/x-1\ncommand: [/run]\ntime: {max: 1 min}\n";

std::string problems_of(std::string_view text, std::span<const Override> overrides = {}) {
  const auto job = parse_job_file(text, "job.yaml", overrides);
  std::string all;
  if (!job) {
    for (const Problem& problem : job.error()) all += problem.to_line() + "\n";
  }
  return all;
}

/// The smallest valid file with more lines.
std::string problems_with(std::string_view lines) { return problems_of(std::string(kSmallest) + std::string(lines)); }

TEST(JobFile, SmallestFileHasDefaults) {
  const auto job = parse_job_file(kSmallest, "job.yaml");
  ASSERT_TRUE(job) << problems_of(kSmallest);
  EXPECT_EQ(job->name, "a");
  EXPECT_THAT(job->command, ElementsAre("/run"));
  EXPECT_EQ(job->resources.gpus, 1U);
  EXPECT_EQ(job->resources.share_milli, 1000U);
  EXPECT_TRUE(job->resources.classes.empty());
  EXPECT_EQ(job->time.max.count(), 60);
  EXPECT_EQ(job->time.expected.count(), 60);
  EXPECT_FALSE(job->budget);
  EXPECT_EQ(job->tier, protocol::TierChoice::Auto);
}

TEST(JobFile, EveryField) {
  const std::string address = AccountId{}.text();
  const std::string text = R"(
name: char-transformer
kind: rendering
runtime: debian/blender-3.4
command:
  - /usr/bin/python3
  - -u
  - train.py
  - 200
  - |
    two
    lines
env: {SEED: 42, NAME: "x y", ON: true}
inputs:
  - train.py
  - {from: data/*.txt, to: corpus/}
outputs: [weights.pt, "frames/*.png"]
resources:
  class: [RTX4090, H100]
  gpus: 1
  share: 250
  gpu_memory: 20 GiB
  cpus: 1.5
  memory: 8 GiB
  disk: 10 GB
  interconnect: nvlink
limits: {output: 1 GiB, processes: 64, log: 1 MiB}
placement: one-site
time:
  expected: 2 min
  max: 1h30m
  deadline: 2026-10-01T12:00:00Z
  start_within: 10 min
latency: 50 ms
urgency: soon
dedicated: false
tier: premium
allow_downgrade: true
wait: true
region: {prefer: [us-east, eu-central], allow: [us-east, eu-central], residency: DE}
site_tier_min: 3
sandbox_tier_min: 1
tee: [tdx, sev-snp]
reputation_min: 90 %
exclude: [)" + address + R"(]
max_price: 0.5 AGPU
budget: 1.000000001 AGPU
verify: accept
preemptible: true
credits: 250
price_lock: 5
)";
  const auto job = parse_job_file(text, "job.yaml");
  ASSERT_TRUE(job) << problems_of(text);
  EXPECT_EQ(job->kind, protocol::JobKind::Rendering);
  EXPECT_THAT(job->command, ElementsAre("/usr/bin/python3", "-u", "train.py", "200", "two\nlines\n"));
  EXPECT_EQ(job->env, (std::map<std::string, std::string>{{"SEED", "42"}, {"NAME", "x y"}, {"ON", "true"}}));
  EXPECT_THAT(job->inputs, ElementsAre(InputSpec{"train.py", ""}, InputSpec{"data/*.txt", "corpus/"}));
  EXPECT_THAT(job->outputs, ElementsAre("weights.pt", "frames/*.png"));
  EXPECT_THAT(job->resources.classes, ElementsAre("H100", "RTX4090")) << "sorted, as the protocol wants them";
  EXPECT_EQ(job->resources.share_milli, 250U);
  EXPECT_EQ(job->resources.gpu_memory_bytes, 20ULL << 30);
  EXPECT_EQ(job->resources.cpu_milli, 1500U);
  EXPECT_EQ(job->resources.disk_bytes, 10'000'000'000U);
  EXPECT_EQ(job->resources.interconnect, 1);
  EXPECT_EQ(job->limits.processes, 64U);
  EXPECT_EQ(job->placement, protocol::Placement::OneSite);
  EXPECT_EQ(job->time.max.count(), 5400);
  EXPECT_EQ(job->time.deadline_at, TimeMs{1'790'856'000'000});
  EXPECT_EQ(job->time.start_within, std::chrono::milliseconds(600'000));
  EXPECT_EQ(job->latency_ms, 50U);
  EXPECT_EQ(job->urgency, protocol::Urgency::Soon);
  EXPECT_TRUE(job->allow_downgrade && job->wait && job->preemptible);
  EXPECT_EQ(job->credits, 250U);
  EXPECT_EQ(job->price_lock, 5U);
  EXPECT_THAT(job->region.prefer, ElementsAre("us-east", "eu-central")) << "the best first";
  EXPECT_THAT(job->region.allow, ElementsAre("eu-central", "us-east"));
  EXPECT_THAT(job->tee, ElementsAre(1, 2));
  EXPECT_EQ(job->reputation_min, Ppm{900'000});
  EXPECT_THAT(job->exclude, ElementsAre(AccountId{}));
  EXPECT_EQ(job->max_price, Agpu{500'000'000});
  EXPECT_EQ(job->budget, Agpu{1'000'000'001});
}

TEST(JobFile, AllProblemsAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(problems_of("kind: trainig\n"
                        "runtime: debian/x\n"
                        "comand: [a]\n"
                        "resources:\n"
                        "  gpus: -1\n"
                        "  memory: 2 G\n"
                        "budget: 1\n"
                        "gpus: 2\n"
                        "time: 5 min\n"),
            "job.yaml:1:7: kind: \"trainig\" is not one of training, inference, rendering, simulation; did you mean "
            "\"training\"?\n"
            "job.yaml:3:1: unknown field \"comand\"; did you mean \"command\"?\n"
            "job.yaml:5:9: resources.gpus: expected a whole number from 0 to 4096, found a whole number (-1)\n"
            "job.yaml:6:11: resources.memory: \"G\" is no unit of size: use B, KiB, MiB, GiB, TiB or kB, MB, GB, TB\n"
            "job.yaml:7:9: budget: \"1\" does not name the token: expected \"1.5 AGPU\"\n"
            "job.yaml:8:1: unknown field \"gpus\"; \"gpus\" belongs below \"resources\"\n"
            "job.yaml:9:7: time: expected a group of fields (max, expected, deadline, start_within), found a text\n"
            "job.yaml: \"name\" is missing: add for example \"name: my-job\"\n"
            "job.yaml: \"command\" is missing: add for example \"command: [/usr/bin/python3, /job/in/train.py]\"\n");
}

struct Row {
  std::string_view lines;
  std::string_view expected;
};

TEST(JobFile, WrongValuesSayWhatIsExpected) {
  const Row rows[] = {
      {"name: b\n", "job.yaml:6:1: \"name\" stands twice; it is already in line 1\n"},
      {"tier: 2024\n", "tier: expected one of auto, economy, standard, premium, found a whole number (2024)"},
      {"env: [A=1]\n", "env: expected variables such as \"SEED: 42\", found a list"},
      {"env: {1A: x}\n", "env.1A: a variable's name has letters"},
      {"env: {A: }\n", "env.A: expected a text or a number, found nothing"},
      {"env: {A: [1]}\n", "env.A: expected a text or a number, found a list"},
      {"inputs: train.py\n", "inputs: expected a list of files such as [train.py, data/*.txt], found a text"},
      {"inputs: [/etc/passwd]\n", "the path must be relative"},
      {"inputs: [../secret]\n", "must not have \".\" or \"..\""},
      {"inputs: [{from: a, to: ../b}]\n", "\"to\" is a place below /job/in"},
      {"inputs: [{from: a, to: /b}]\n", "the path must be relative"},
      {"inputs: [{from: a, to: 'b*'}]\n", "\"to\" must not have * ? or ["},
      {"inputs: [{form: a}]\n", "unknown field \"form\"; did you mean \"from\"?"},
      {"inputs: [{to: a}]\n", "\"from\" is missing"},
      {"inputs: [[a]]\n", "expected a path or {from: ..., to: ...}, found a list"},
      {"outputs: [/abs]\n", "is not a name or glob below /job/out"},
      {"outputs: [a/../b]\n", "must not have \".\" or \"..\""},
      {"outputs: [a, a]\n", "\"a\" stands twice"},
      {"resources: {class: rtx4090}\n", "is not a hardware class in capital letters"},
      {"resources: {share: 255}\n", "expected a whole number from 10 to 1000, a multiple of 10"},
      {"resources: {share: 500, gpus: 2}\n", "resources.share: is a part of one GPU, but resources.gpus is 2"},
      {"resources: {gpus: 0, gpu_memory: 1 GiB}\n", "resources.gpu_memory: needs a GPU"},
      {"resources: {gpus: \"2\"}\n", "expected a whole number from 0 to 4096, found a text (2)"},
      {"resources: {gpus: 2.0}\n", "found a number with a point (2.0)"},
      {"resources: {gpus: 99999999999999999999}\n", "expected a whole number from 0 to 4096"},
      {"resources: {cpus: 0}\n", "0 is out of range: expected 0.001 to 4096"},
      {"resources: {cpus: \"2\"}\n", "expected a number such as 4 or 1.5, found a text (2)"},
      {"resources: {memory: 1 KiB}\n", "1 KiB is out of range: expected 16 MiB to 128 TiB"},
      {"resources: {gpu_memory: 24}\n", "has no unit of size"},
      {"resources: [gpus]\n", "resources: expected a group of fields (class, gpus,"},
      {"resources: {zebra: 1}\n", "unknown field \"zebra\"; known here: class, gpus, share"},
      {"resources.gpus: 2\n", "unknown field \"resources.gpus\""},
      {"latency: 2 min\n", "2m is out of range: expected 1ms to 1m"},
      {"dedicated: yes\n", "dedicated: expected true or false, found a text (yes)"},
      {"dedicated: true\nresources: {share: 500}\n", "dedicated: is a whole node"},
      {"wait: true\n", "wait: is for tier: premium"},
      {"region: {residency: Germany}\n", "is not a country of two capital letters"},
      {"site_tier_min: 5\n", "expected a whole number from 0 to 4"},
      {"tee: sgx2\n", "\"sgx2\" is not one of sev-snp, tdx, sgx, nvidia-cc; did you mean \"sgx\"?"},
      {"reputation_min: 0.9\n", "has no %"},
      {"exclude: [sm1qqqqqq]\n", "is no address: a character is wrong or missing"},
      {"max_price: 0.5 USD\n", "\"USD\" is not AGPU"},
      {"max_price: 0 AGPU\n", "must be more than 0"},
      {"max_price: -1 AGPU\n", "is negative"},
      {"max_price: 99999999999 AGPU\n", "is too large: the largest amount is 9223372036.854775807 AGPU"},
      {"budget: 0.0001 AGPU\nmax_price: 1 AGPU\n", "budget: does not pay for one second at max_price"},
      {"verify: replicated\n", "\"replicated\" comes with a later release; this one knows accept"},
      {"verify: acept\n", "did you mean \"accept\"?"},
  };
  for (const Row& row : rows) EXPECT_THAT(problems_with(row.lines), HasSubstr(row.expected)) << row.lines;
}

TEST(JobFile, WrongRequiredValues) {
  const Row rows[] = {
      {"command: []\n", "command: expected a list of 1 to 256 words such as [/usr/bin/python3, train.py], 0 of them"},
      {"command: python3 train.py\n", "command: expected a list of 1 to 256 words"},
      {"command: [\"\"]\n", "the first word is the program with its whole path"},
      {"command: [python3, a]\n", "such as /usr/bin/python3"},
      {"command: [/a, {b: c}]\n", "command[1]: expected a word, found a group of fields"},
      {"command: [\"/a\\0b\"]\n", "command[0]: expected text without control characters"},
      {"name: 2024\n",
       "name: expected 1 to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a letter or digit, found a whole "
       "number (2024); write \"2024\" for the text"},
      {"name: a/b\n", "name: \"a/b\" is not 1 to 64 letters"},
      {"runtime: has space\n", "runtime: \"has space\" is not a runtime"},
      {"time: {max: 59s}\n", "time.max: 59s is out of range: expected 1m to 365d"},
      {"time: {max: 60500ms}\n", "is not a multiple of 1s"},
      {"time: {max: 90}\n", "time.max: \"90\" has no unit of time"},
      {"time: {max: 1 min, expected: 2 min}\n", "time.expected: is longer than time.max (1m)"},
      {"time: {max: 1 min, deadline: tomorrow}\n", "\"tomorrow\" is not a time such as"},
      {"time: {max: 1 min, deadline: 2026-02-30T00:00:00Z}\n", "is no time of the calendar"},
      {"time: {expected: 1 min}\n", "\"time.max\" is missing"},
  };
  for (const Row& row : rows) EXPECT_THAT(problems_of(row.lines), HasSubstr(row.expected)) << row.lines;
}

TEST(JobFile, OnlyTheYamlThatAJobNeeds) {
  const Row rows[] = {
      {"a: &x 1\nb: *x\n", "job.yaml:1:4: anchors (&name) are not used"},
      {"a: *x\n", "not valid YAML"},
      {"kind: !!str training\n", "tags (!name) are not used"},
      {"env: !custom {A: 1}\n", "tags (!name) are not used"},
      {"kind: training\n---\nkind: rendering\n", "job.yaml:3:1: a job file holds one document"},
      {"kind: [training\n", "not valid YAML"},
      {"kind: training\n\tname: x\n", "not valid YAML"},
      {"- a\n- b\n", "expected fields such as \"kind: training\", found a list"},
      {"just text\n", "found a text"},
      {"[a]: b\n", "the name of a field must be a plain text"},
      {"a: {b: {c: {d: {e: {f: {g: 1}}}}}}\n", "nested too deeply: at most 6 levels"},
      {"kind: tr\x01\n", "job.yaml:1:9: here is a byte that is neither UTF-8 text"},
      {"kind: tr\xff\n", "job.yaml:1:9: here is a byte"},
  };
  for (const Row& row : rows) EXPECT_THAT(problems_of(row.lines), HasSubstr(row.expected)) << row.lines;
  EXPECT_THAT(problems_of(std::string_view("a\0b", 3)), HasSubstr("job.yaml:1:2: here is a byte"));
  EXPECT_THAT(problems_of(""), HasSubstr("\"kind\" is missing"));
  EXPECT_THAT(problems_of("# only a comment\n"), HasSubstr("\"kind\" is missing"));
}

TEST(JobFile, HostileFilesAreBounded) {
  EXPECT_THAT(problems_of(std::string(kFileBytesMax + 1, ' ')), HasSubstr("at most 1048576 are read"));
  EXPECT_THAT(problems_of(std::string(100'000, '[')), HasSubstr("job.yaml:1:"));
  EXPECT_THAT(problems_of(std::string(100'000, '{')), HasSubstr("job.yaml:1:"));
  std::string dashes;
  for (int i = 0; i < 10'000; ++i) dashes += "- ";
  EXPECT_THAT(problems_of(dashes), HasSubstr("nested too deeply"));
  std::string many = "command: [a";
  for (int i = 0; i < 30'000; ++i) many += ",b";
  EXPECT_THAT(problems_of(many + "]"), HasSubstr("too many values: at most 20000"));
  std::string wrong;
  for (int i = 0; i < 1000; ++i) wrong += "zz" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(parse_job_file(wrong, "job.yaml").error().size(), kProblemsMax);
  EXPECT_THAT(problems_with("reputation_min: \"" + std::string(300'000, '9') + " %\"\n"), HasSubstr("is too large"));
  EXPECT_THAT(problems_with("region: {prefer: [" + std::string(300'000, 'a') + "]}\n"), HasSubstr("is not a region"));
}

RC_GTEST_PROP(JobFileProperty, AnyTextGivesAJobOrProblems, ()) {
  const auto piece = rc::gen::element<std::string>("name: a\n", "kind: training\n", "command: [", "]", "{", "}", ": ",
                                                   "- ", "\n", "  ", "time:\n", "max: 1 min", "env", "&a", "*a", "!t ",
                                                   "\"", "'", "|\n", "1", "resources", "? ", "%", "---\n", "#", "\t");
  const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
  std::string text;
  for (const std::string& p : pieces) text += p;
  const auto job = parse_job_file(text, "f");
  if (!job) RC_ASSERT(!job.error().empty());
}

TEST(JobFile, FlagsWinOverTheFile) {
  const std::vector<Override> flags = {
      {"resources.gpus", {"4"}, "--gpus"},      {"kind", {"rendering"}, "--kind"},
      {"env", {"B=2", "C=x=y"}, "--env"},       {"inputs", {"a.py", "b:c/"}, "--input"},
      {"resources.class", {"H100"}, "--class"}, {"dedicated", {"true"}, "--dedicated"},
      {"budget", {"2 AGPU"}, "--budget"}};
  const std::string text =
      std::string(kSmallest) + "env: {A: 1, B: 1}\nresources: {gpus: nonsense, memory: 4 GiB}\ninputs: [z]\n";
  const auto job = parse_job_file(text, "job.yaml", flags);
  ASSERT_TRUE(job) << problems_of(text, flags);
  EXPECT_EQ(job->resources.gpus, 4U);
  EXPECT_EQ(job->resources.memory_bytes, 4ULL << 30);
  EXPECT_EQ(job->kind, protocol::JobKind::Rendering);
  EXPECT_EQ(job->env, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}, {"C", "x=y"}}));
  EXPECT_THAT(job->inputs, ElementsAre(InputSpec{"a.py", ""}, InputSpec{"b", "c/"}));
  EXPECT_THAT(job->resources.classes, ElementsAre("H100"));
  EXPECT_TRUE(job->dedicated);
  EXPECT_EQ(job->budget, Agpu{2'000'000'000});
}

TEST(JobFile, ProblemsOfFlagsNameTheFlag) {
  const std::vector<Override> flags = {{"resources.gpus", {"many"}, "--gpus"}, {"env", {"novalue"}, "--env"}};
  EXPECT_EQ(problems_of(kSmallest, flags),
            "flag --env: env: \"novalue\" is not NAME=VALUE\n"
            "flag --gpus: resources.gpus: expected a whole number from 0 to 4096, found a text (many)\n");
  const auto job = job_from_flags({});
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().front().to_line(), "command line: --name is missing");
  EXPECT_EQ(job.error().size(), 5U);
}

TEST(JobFile, AJobOfFlagsOnlyThroughARealCommandLine) {
  JobFlags flags;
  config::Program program({"starminer", "Test", "1"});
  config::Command& run = program.root().add("run", "Run a job");
  flags.attach(run);
  run.run([](const config::Invocation&) { return config::ExitCode::Ok; });
  std::ostringstream out;
  std::ostringstream err;
  const std::vector<std::string> line = {"run",           "--name",   "a",          "--kind=simulation",
                                         "--runtime",     "debian/x", "--max-time", "2 min",
                                         "--gpus",        "0",        "--cpus",     "0.5",
                                         "--env",         "A=1",      "--env",      "B=2",
                                         "--preemptible", "--",       "/bin/sh",    "-c",
                                         "echo hi"};
  ASSERT_EQ(program.run(line, out, err), config::ExitCode::Ok) << err.str();
  const auto job = job_from_flags(flags.overrides());
  ASSERT_TRUE(job) << job.error().front().to_line();
  EXPECT_THAT(job->command, ElementsAre("/bin/sh", "-c", "echo hi"));
  EXPECT_EQ(job->resources.gpus, 0U);
  EXPECT_EQ(job->resources.cpu_milli, 500U);
  EXPECT_EQ(job->env.size(), 2U);
  EXPECT_TRUE(job->preemptible);
  ASSERT_EQ(program.run({"run", "--help"}, out, err), config::ExitCode::Ok);
  EXPECT_THAT(out.str(), HasSubstr("--max-price AMOUNT"));
}

TEST(JobFile, TemplatesParse) {
  using protocol::JobKind;
  for (const JobKind kind : {JobKind::Training, JobKind::Inference, JobKind::Rendering, JobKind::Simulation}) {
    const auto job = parse_job_file(job_template(kind), "template");
    ASSERT_TRUE(job) << job.error().front().to_line();
    EXPECT_EQ(job->kind, kind);
  }
}

TEST(JobFile, TemplatesParseWithEveryCommentedFieldSwitchedOn) {
  using protocol::JobKind;
  for (const JobKind kind : {JobKind::Training, JobKind::Inference, JobKind::Rendering, JobKind::Simulation}) {
    std::istringstream lines{std::string(job_template(kind))};
    std::string active;
    bool first = true;
    for (std::string line; std::getline(lines, line); first = false) {
      // "# gpu_memory: 20 GiB" stands where "  gpu_memory: ..." would; fields of the top level and list items likewise.
      const bool field = !first && line.starts_with("# ");
      const std::string body = field ? line.substr(2) : line;
      const bool nested = body.starts_with("- ") || body.starts_with("gpu_memory") || body.starts_with("share") ||
                          body.starts_with("start_within") || body.starts_with("deadline");
      active += (field && nested ? "  " + body : body) + "\n";
    }
    EXPECT_EQ(problems_of(active), "") << active;
  }
}

TEST(JobFile, JobsOfTheRepositoryParse) {
  for (const char* name : {"training", "rendering"}) {
    const auto path = std::filesystem::path(STARMINER_SOURCE_DIR) / "jobs" / name / "job.yaml";
    std::ifstream file(path);
    ASSERT_TRUE(file) << path;
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_EQ(problems_of(text.str()), "") << path;
  }
}

}  // namespace
}  // namespace starminer::client::job_file
