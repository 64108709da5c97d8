#include "ratio.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace starminer::bench {
namespace {

constexpr std::string_view kSubject = ":subject";
constexpr std::string_view kBaseline = ":reference";
constexpr double kNanosecond = 1e9;

std::vector<Comparison>& comparisons() {
  static std::vector<Comparison> all;
  return all;
}

/// Shows each run as the library does and keeps the time of one iteration.
class Collector : public benchmark::ConsoleReporter {
 public:
  Collector() : ConsoleReporter(OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = true;
      if (run.run_type != Run::RT_Iteration || run.error_occurred || run.iterations == 0) continue;
      const std::string& name = run.run_name.function_name;
      const bool manual = run.run_name.time_type == "manual_time";
      const double time = manual ? run.real_accumulated_time : run.cpu_accumulated_time;
      ns_[name].push_back(time * kNanosecond / static_cast<double>(run.iterations));
    }
  }

  /// Median over the repetitions; 0 where the benchmark did not run.
  [[nodiscard]] double median_ns(const std::string& name) const {
    const auto found = ns_.find(name);
    if (found == ns_.end()) return 0;
    std::vector<double> sorted = found->second;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::map<std::string, std::vector<double>> ns_;
  bool failed_ = false;
};

void add_side(const Comparison& comparison, std::string_view suffix, const Side& side) {
  auto* const added = benchmark::RegisterBenchmark((comparison.figure + std::string(suffix)).c_str(), side.body);
  added->Unit(benchmark::kNanosecond);
  if (comparison.manual_time) added->UseManualTime();
  if (side.iterations > 0) added->Iterations(side.iterations);
}

nlohmann::json summarize(const Collector& collector) {
  nlohmann::json results = nlohmann::json::object();
  for (const Comparison& comparison : comparisons()) {
    const double subject = collector.median_ns(comparison.figure + std::string(kSubject)) / comparison.subject.pieces;
    const double baseline =
        collector.median_ns(comparison.figure + std::string(kBaseline)) / comparison.baseline.pieces;
    if (subject <= 0 || baseline <= 0) continue;
    std::printf("%s = %.3f   (%.1f %s over %.1f %s; reference: %s; %s)\n", comparison.figure.c_str(),
                subject / baseline, subject, comparison.unit.c_str(), baseline, comparison.unit.c_str(),
                comparison.reference.c_str(), comparison.corpus.c_str());
    results[comparison.figure] = {
        {"ratio", subject / baseline}, {"subject_ns", subject},       {"reference", comparison.reference},
        {"reference_ns", baseline},    {"corpus", comparison.corpus}, {"rate_figure", comparison.rate_figure},
        {"unit", comparison.unit}};
  }
  return results;
}

}  // namespace

void compare(Comparison comparison) { comparisons().push_back(std::move(comparison)); }

int run_comparisons(int argc, char** argv) {
  std::string file;
  std::vector<char*> arguments;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    static constexpr std::string_view kFlag = "--ratios=";
    if (argument.starts_with(kFlag)) {
      file = argument.substr(kFlag.size());
    } else {
      arguments.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  for (const Comparison& comparison : comparisons()) {
    add_side(comparison, kSubject, comparison.subject);
    add_side(comparison, kBaseline, comparison.baseline);
  }
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  const nlohmann::json results = summarize(collector);
  if (!file.empty()) {
    std::ofstream stream(file);
    stream << results.dump(2) << '\n';
    if (!stream.flush()) {
      std::fprintf(stderr, "%s cannot be written\n", file.c_str());
      return 1;
    }
  }
  return collector.failed() || results.empty() ? 1 : 0;
}

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / kNanosecond;
}

}  // namespace starminer::bench
