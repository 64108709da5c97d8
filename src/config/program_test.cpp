#include "config/program.h"

#include <stdlib.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/completion.h"
#include "config/help.h"
#include "config/manual.h"

namespace starminer::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

enum class Tier { Auto, Economy };

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    options_.add("node.url", url_, "The node to talk to.");
    options_.add("node.timeout", timeout_, "How long to wait for an answer.");
    options_.add("node.token", token_, "Shared secret.").secret = true;
    Command& root = program_.root();
    root.describe("Prices, runs and pays jobs.\n\nStart with starminer login.");
    root.example("starminer run job.yaml", "Run a job");
    Command& run = root.add("run", "Run a job and wait for its results");
    run.positional("job", job_, "The job file.").placeholder("JOB").completes(Completion::File);
    run.option("--gpus", gpus_, "GPUs that the job takes.").in("Resources");
    run.option("--max-price", price_, "Highest price.").in("Money");
    run.add_argument({"--tier", bind_choice(tier_, {{"auto", Tier::Auto}, {"economy", Tier::Economy}}), "The tier."});
    run.option("--env", env_, "A variable of the job.").placeholder("NAME=VALUE");
    run.option("-d,--detach", detach_, "Do not wait.");
    run.takes_rest("COMMAND", rest_, "What the job runs.");
    run.prints().asks();
    run.returns(ExitCode::Refused, "The market refused the job.").returns(ExitCode::JobFailed);
    run.example("starminer run job.yaml --detach", "Submit and return");
    run.run([this](const Invocation& invocation) {
      ++ran_;
      json_ = invocation.json;
      yes_ = invocation.yes;
      utc_ = invocation.utc;
      invocation.out.line("ran");
      return ExitCode::Ok;
    });
    Command& vault = root.add("vault", "Standing jobs");
    Command& create = vault.add("create", "Create a vault");
    create.positional("name", job_, "Its name.").required().placeholder("NAME");
    create.example("starminer vault create nightly", "A vault");
    create.run([](const Invocation&) -> ExitCode { throw std::runtime_error("disk is full"); });
    program_.configure(options_, {});
  }

  ExitCode run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    return program_.run(std::move(arguments), out_, err_);
  }

  std::string url_ = "http://127.0.0.1:8545";
  std::chrono::milliseconds timeout_{5000};
  std::string token_;
  std::string job_;
  std::uint32_t gpus_ = 1;
  std::optional<Agpu> price_;
  Tier tier_ = Tier::Auto;
  std::vector<std::string> env_;
  std::vector<std::string> rest_;
  bool detach_ = false;
  int ran_ = 0;
  bool json_ = false;
  bool yes_ = false;
  bool utc_ = false;
  OptionTable options_;
  Program program_{{"starminer", "Rent GPUs on an open market", "0.1.0"}};
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ProgramTest, ParsesFlagsPositionalsAndRest) {
  ASSERT_EQ(run({"run", "--gpus", "2", "job.yaml", "--env", "A=1", "--env=B=2", "--max-price", "0.5 AGPU", "-d",
                 "--json", "-y", "--utc", "--node-timeout", "1s", "--", "python3", "--version"}),
            ExitCode::Ok)
      << err_.str();
  EXPECT_EQ(job_, "job.yaml");
  EXPECT_EQ(gpus_, 2U);
  EXPECT_EQ(price_, Agpu{500'000'000});
  EXPECT_EQ(env_, (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(rest_, (std::vector<std::string>{"python3", "--version"}));
  EXPECT_TRUE(detach_ && json_ && yes_ && utc_);
  EXPECT_EQ(timeout_.count(), 1000);
  EXPECT_EQ(out_.str(), "ran\n");
}

TEST_F(ProgramTest, APositionalMayBeCalledLikeACommand) {
  ASSERT_EQ(run({"run", "vault"}), ExitCode::Ok) << err_.str();
  EXPECT_EQ(job_, "vault");
}

TEST_F(ProgramTest, LastOfARepeatedFlagWins) {
  ASSERT_EQ(run({"run", "--gpus", "2", "--gpus", "3"}), ExitCode::Ok) << err_.str();
  EXPECT_EQ(gpus_, 3U);
}

struct WrongLine {
  std::vector<std::string> arguments;
  std::string_view expected;
};

TEST_F(ProgramTest, MistakesSayWhatToDo) {
  const WrongLine rows[] = {
      {{"rnu"}, "error: unknown command \"rnu\"; did you mean \"run\"?\n  see starminer --help\n"},
      {{"run", "--gpu", "2"}, "error: unknown option --gpu; did you mean --gpus?\n  see starminer run --help\n"},
      {{"run", "--node-tiemout=1s"}, "error: unknown option --node-tiemout; did you mean --node-timeout?\n"},
      {{"run", "--node-token=x"}, "error: unknown option --node-token"},
      {{"run", "a", "b"}, "error: unexpected argument \"b\"\n"},
      {{"run", "--gpus", "-1"}, "--gpus: \"-1\" is not a whole number"},
      {{"run", "--gpus", "two", "--tier", "econmy"},
       "error: the command line is wrong\n  --gpus: \"two\" is not a whole number: expected digits only, such as 8\n"
       "  --tier: \"econmy\" is not one of auto, economy; did you mean \"economy\"?\n"},
      {{"run", "--gpus"}, "--gpus"},
      {{"run", "--max-price", "0.5"}, "does not name the token"},
      {{"run", "--node-timeout", "5"}, "flag --node-timeout: \"5\" has no unit of time"},
      {{"run", "--color", "blue"}, "--color: \"blue\" is not one of auto, always, never"},
      {{"vault", "create"}, "error: the argument NAME is missing\n"},
      {{"vault", "create", "x", "--", "y"}, "\"--\" has no meaning here"},
      {{"run", "--config", "/nonexistent/a.toml"}, "/nonexistent/a.toml: cannot be read: No such file or directory"},
      {{"vault"}, "Create a vault"},
      {{}, "Usage"},
  };
  for (const WrongLine& row : rows) {
    EXPECT_EQ(run(row.arguments), ExitCode::Usage) << row.expected;
    EXPECT_THAT(err_.str(), HasSubstr(row.expected));
    EXPECT_EQ(out_.str(), "");
  }
  EXPECT_EQ(ran_, 0);
}

TEST_F(ProgramTest, MistakesAsJson) {
  EXPECT_EQ(run({"run", "--json", "--gpus", "two"}), ExitCode::Usage);
  EXPECT_THAT(err_.str(), HasSubstr(R"("exit_code":2)"));
  EXPECT_EQ(err_.str().front(), '{');
  EXPECT_EQ(run({"run", "--gpuss", "two", "--json"}), ExitCode::Usage);
  EXPECT_EQ(err_.str().front(), '{');
}

TEST_F(ProgramTest, ExceptionIsAFailure) {
  EXPECT_EQ(run({"vault", "create", "x"}), ExitCode::Failure);
  EXPECT_THAT(err_.str(), HasSubstr("starminer vault create failed  disk is full"));
}

TEST_F(ProgramTest, HelpShowsEverything) {
  ASSERT_EQ(run({"run", "--help"}), ExitCode::Ok);
  const std::string help = out_.str();
  for (const char* part : {"Run a job and wait for its results.", "starminer run [OPTIONS] [JOB] [-- COMMAND...]",
                           "Resources\n  --gpus N", "GPUs that the job takes. [default: 1]", "-d, --detach",
                           "--tier auto|economy", "--json", "-y, --yes", "$ starminer run job.yaml --detach",
                           "3  The market refused the job.", "6  The job reached its end without a result"}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
  EXPECT_THAT(help, Not(HasSubstr("--node-token")));
  EXPECT_EQ(ran_, 0);
  ASSERT_EQ(run({"--help"}), ExitCode::Ok);
  EXPECT_THAT(out_.str(), HasSubstr("--node-url TEXT"));
  EXPECT_THAT(out_.str(), HasSubstr("STARMINER_NODE_TOKEN"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("completion")));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(ProgramTest, VersionAndConfig) {
  ASSERT_EQ(run({"--version"}), ExitCode::Ok);
  EXPECT_EQ(out_.str(), "starminer 0.1.0\n");
  ASSERT_EQ(run({"config", "show", "--node-timeout", "2s"}), ExitCode::Ok);
  EXPECT_EQ(out_.str(),
            "OPTION        VALUE                  FROM\n"
            "node.url      http://127.0.0.1:8545  default\n"
            "node.timeout  2s                     --node-timeout\n"
            "node.token    (not set)              default\n");
  ASSERT_EQ(run({"config", "show", "--json"}), ExitCode::Ok);
  EXPECT_THAT(out_.str(), HasSubstr(R"({"name":"node.timeout","value":"2s","layer":"flag","where":"--node-timeout"})"));
  ASSERT_EQ(run({"config", "example"}), ExitCode::Ok);
  EXPECT_THAT(out_.str(), HasSubstr("[node]\n# The node to talk to.\n# url = \"http://127.0.0.1:8545\"\n"));
}

/// Output and status of a shell command that reads `input`.
struct ShellResult {
  int status;
  std::string output;
};

ShellResult shell(const std::string& command, const std::string& input) {
  char name[] = "/tmp/program_test_XXXXXX";
  const int descriptor = mkstemp(name);
  std::ofstream(name) << input;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " < " + name + " 2>&1").c_str(), "r"),
                                                   [](FILE*) { return 0; });
  std::string output;
  std::array<char, 4096> buffer{};
  while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) output.append(buffer.data(), n);
  const int status = pclose(pipe.get());
  std::remove(name);
  fclose(fdopen(descriptor, "r"));
  return {status, output};
}

bool has_program(const std::string& name) { return shell("command -v " + name, "").status == 0; }

TEST_F(ProgramTest, BashCompletionCompletes) {
  ASSERT_EQ(run({"completion", "bash"}), ExitCode::Ok);
  const std::string script = out_.str();
  const auto complete = [&](const std::string& words, int index) {
    const std::string test = script + "COMP_WORDS=(" + words + ")\nCOMP_CWORD=" + std::to_string(index) +
                             "\n_starminer\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    const ShellResult result = shell("bash --norc -u", test);
    EXPECT_EQ(result.status, 0) << result.output;
    return result.output;
  };
  EXPECT_EQ(complete("starminer ''", 1), "run\nvault\nconfig\n");
  EXPECT_EQ(complete("starminer vault cr", 2), "create\n");
  EXPECT_EQ(complete("starminer run --gp", 2), "--gpus\n");
  EXPECT_EQ(complete("starminer run --tier ''", 3), "auto\neconomy\n");
  EXPECT_EQ(complete("starminer --color run a", 3), "\n") << "no file of this name";
  EXPECT_EQ(complete("starminer run /etc/hostnam", 2), "/etc/hostname\n");
  EXPECT_EQ(complete("starminer run --gpus ''", 3), "\n");
  EXPECT_EQ(complete("starminer run --node-t", 2), "--node-timeout\n");
}

TEST_F(ProgramTest, ZshAndFishScriptsAreWellFormed) {
  for (const char* name : {"zsh", "fish"}) {
    ASSERT_EQ(run({"completion", name}), ExitCode::Ok);
    EXPECT_THAT(out_.str(), HasSubstr("Create a vault"));
    EXPECT_THAT(out_.str(), HasSubstr("economy"));
    if (!has_program(name)) continue;
    const ShellResult result = shell(std::string(name) + " -n", out_.str());
    EXPECT_EQ(result.status, 0) << name << ": " << result.output;
  }
  EXPECT_EQ(run({"completion", "csh"}), ExitCode::Usage);
}

TEST_F(ProgramTest, ManualPagesRender) {
  ASSERT_EQ(run({"man"}), ExitCode::Ok);
  for (const char* part : {".TH \"STARMINER\" \"1\"", ".SH EXIT STATUS", ".SH CONFIGURATION",
                           ".BR starminer\\-vault (1)", "STARMINER_NODE_URL"}) {
    EXPECT_THAT(out_.str(), HasSubstr(part));
  }
  if (has_program("groff")) {
    const ShellResult result = shell("groff -man -Tascii -ww -z", out_.str());
    EXPECT_EQ(result.output, "") << "groff warns";
    EXPECT_EQ(result.status, 0);
  }
  ASSERT_EQ(run({"man", "vault", "create"}), ExitCode::Ok) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("starminer\\-vault\\-create \\- Create a vault"));
  EXPECT_EQ(run({"man", "nothing"}), ExitCode::NotFound);
}

TEST_F(ProgramTest, ManualPagesOfAllCommandsAreWritten) {
  char pattern[] = "/tmp/program_test_XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern);
  ASSERT_EQ(run({"man", "--out", folder.string()}), ExitCode::Ok) << err_.str();
  for (const char* page : {"starminer.1", "starminer-run.1", "starminer-vault-create.1", "starminer-config-show.1"}) {
    EXPECT_GT(std::filesystem::file_size(folder / page), 100U) << page;
  }
  std::filesystem::remove_all(folder);
  EXPECT_EQ(run({"man", "--out", "/proc/nowhere"}), ExitCode::Failure);
}

TEST(ExitCodes, DocumentAgreesWithTheTable) {
  std::ifstream file(std::string(STARMINER_SOURCE_DIR) + "/docs/exit-codes.md");
  std::ostringstream text;
  text << file.rdbuf();
  std::string rows;
  for (const ExitCodeRow& row : exit_codes()) {
    rows += "| " + std::to_string(static_cast<int>(row.code)) + " | " + std::string(row.name) + " | " +
            std::string(row.meaning) + " |\n";
  }
  EXPECT_THAT(text.str(), HasSubstr(rows));
}

}  // namespace
}  // namespace starminer::config
