// Bytes as lists of nodes, jobs and runs, as somebody downloads them for the simulator.
#include "sim/trace.h"

#include <algorithm>

#include "fuzz/expect.h"
#include "protocol/job/spec.h"
#include "sim/chain.h"

namespace {

using starminer::sim::InputError;

/// An error names a line that the text has.
void expect_located(const InputError& error, std::string_view text) {
  const auto lines = 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  starminer::fuzz::expect(!error.text.empty(), "an error says what is wrong");
  starminer::fuzz::expect(error.line >= 1 && error.line <= lines && error.column >= 1, "an error says where");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const std::string_view text = fuzz::text_of(data, size);
  const auto nodes = sim::parse_nodes(text);
  if (nodes) {
    fuzz::expect(!nodes->empty(), "a list has a node");
  } else {
    expect_located(nodes.error(), text);
  }
  const auto jobs = sim::parse_jobs(text);
  if (jobs) {
    for (const sim::TraceJob& job : *jobs) {
      fuzz::expect(protocol::validate_spec(sim::spec_of(job)).has_value(), "a job that was read can be submitted");
    }
  } else {
    expect_located(jobs.error(), text);
  }
  const auto runs = sim::parse_runs(text, 60);
  if (runs) {
    std::uint64_t before = 0;
    for (const sim::TraceRun& run : runs->runs) {
      fuzz::expect(run.run_ms >= 1, "a job runs");
      fuzz::expect(run.submit_ms >= before, "jobs come in the order of their submission");
      before = run.submit_ms;
    }
  } else {
    expect_located(runs.error(), text);
  }
  return 0;
}
