#include "cli/job_source.h"

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <numeric>

#include <fmt/format.h>

#include "base/codec.h"
#include "client/job_file/spec.h"
#include "terminal/progress.h"

namespace starminer::cli {
namespace {

using client::job_file::InputFile;
using client::job_file::JobFile;
using client::job_file::Problem;
using config::ExitCode;
namespace fs = std::filesystem;

// One byte above what a job file may have, so that a larger one is still reported as such.
constexpr std::streamsize kReadMax = (1 << 20) + 1;

Trouble bad_job(const std::vector<Problem>& problems) {
  std::string lines;
  for (const Problem& problem : problems) lines += (lines.empty() ? "" : "\n") + problem.to_line();
  const bool several = problems.size() > 1;
  return {ExitCode::Usage,
          {several ? fmt::format("the job has {} problems", problems.size()) : std::string("the job has a problem"),
           "",
           lines,
           {"an example to start from: starminer init training"}}};
}

std::string read_limited(std::istream& stream) {
  std::string text(static_cast<std::size_t>(kReadMax), '\0');
  stream.read(text.data(), kReadMax);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

Outcome<std::string> read_job_text(const std::string& file) {
  if (file == "-") return read_limited(std::cin);
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return fail(Trouble{ExitCode::Usage, {fmt::format("{} is a folder", file), "", "name the job file in it", {}}});
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    const bool there = fs::exists(file, error);
    return fail(Trouble{there ? ExitCode::Failure : ExitCode::NotFound,
                        {fmt::format("the job file {} cannot be read", file),
                         "",
                         there ? "you may not read it" : "it does not exist",
                         {"an example to start from: starminer init training > job.yaml"}}});
  }
  return read_limited(stream);
}

Outcome<JobFile> read_job(const JobSource& source) {
  const auto overrides = source.flags.overrides();
  if (source.file.empty()) {
    auto job = client::job_file::job_from_flags(overrides);
    if (!job) {
      Trouble trouble = bad_job(job.error());
      trouble.failure.advice.insert(trouble.failure.advice.begin(), "no job file was named, so all comes from flags");
      return fail(std::move(trouble));
    }
    return std::move(*job);
  }
  const auto text = read_job_text(source.file);
  if (!text) return fail(text.error());
  auto job = client::job_file::parse_job_file(*text, source.file == "-" ? "standard input" : source.file, overrides);
  if (!job) return fail(bad_job(job.error()));
  return std::move(*job);
}

}  // namespace

void JobSource::attach(config::Command& command) {
  command.positional("job_file", file, "The job file; \"-\" reads standard input. Without one, flags describe the job.")
      .placeholder("JOB.yaml")
      .completes(config::Completion::File);
  flags.attach(command);
}

std::uint64_t PreparedJob::input_bytes() const {
  return std::accumulate(files.begin(), files.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const InputFile& file) { return sum + file.size; });
}

protocol::JobSpec PreparedJob::spec(TimeMs now, Agpu budget) const {
  return make_spec(job, {manifest_hash, &inputs, now, budget});
}

std::string PreparedJob::fingerprint() const {
  return tagged_hash("starminer/cli-run/1", encode(spec(TimeMs{0}, Agpu{1}))).hex();
}

Outcome<PreparedJob> prepare_job(const config::Invocation& call, const JobSource& source) {
  auto job = read_job(source);
  if (!job) return fail(job.error());
  const fs::path folder =
      source.file.empty() || source.file == "-" ? fs::path(".") : fs::path(source.file).parent_path();
  auto files = find_inputs(*job, folder);
  if (!files) return fail(bad_job(files.error()));
  PreparedJob prepared{std::move(*job), std::move(*files), {}, {}, {}};
  terminal::ProgressBar bar(call.err, "hashing inputs", prepared.input_bytes(), terminal::ProgressUnit::Bytes);
  auto inputs = hash_inputs(prepared.files, [&bar](std::uint64_t done) { bar.update(done); });
  bar.clear();
  if (!inputs) return fail(bad_job({inputs.error()}));
  prepared.inputs = std::move(*inputs);
  auto manifest = make_manifest(prepared.job, prepared.inputs);
  if (!manifest) return fail(bad_job({{"inputs", manifest.error().text}}));
  prepared.manifest = std::move(*manifest);
  prepared.manifest_hash = client::job_file::manifest_hash(prepared.manifest);
  return prepared;
}

TimeMs wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

}  // namespace starminer::cli
