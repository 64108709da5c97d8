// Decisions of the match index (protocol/matching) against a plain scan of rows and a vector scan of the same blocks,
// in the same market and for the same jobs. Every comparison first demands that all three choose the same node.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "base/check.h"
#include "match_market.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

constexpr std::uint64_t kLoadPercent = 85;
constexpr std::uint64_t kSmall = 40'000;
constexpr std::uint64_t kLarge = 1'000'000;

/// Markets are dear to fill, so each is made once and carried on by every body that asks for it.
MatchMarket& market_of(std::uint64_t gpus, Kind kind) {
  static std::map<std::pair<std::uint64_t, Kind>, std::unique_ptr<MatchMarket>> markets;
  auto& market = markets[{gpus, kind}];
  if (market == nullptr) {
    market = std::make_unique<MatchMarket>(gpus, kind);
    if (kind != Kind::AllEqual) market->fill(kLoadPercent);
    for (int i = 0; i < 50; ++i) {
      const MatchJob job = market->draw_job();
      const auto chosen = market->choose(job);
      STARMINER_CHECK(chosen == market->choose_by_rows(job) && chosen == market->choose_by_blocks(job));
    }
  }
  return *market;
}

/// Lets the market live between decisions: places what was chosen, ends jobs above the load.
void carry_on(MatchMarket& market, const MatchJob& job, const std::optional<protocol::MatchIndex::Choice>& choice) {
  if (choice) market.place(choice->id, job);
  while (market.running() > 0 && market.is_above(kLoadPercent)) market.release();
  if (job.request.tie_start % 4 == 0) market.change_reputation();
}

double seconds_of(const std::chrono::steady_clock::time_point& since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

using Decide = std::optional<protocol::MatchIndex::Choice> (*)(MatchMarket&, const MatchJob&);
std::optional<protocol::MatchIndex::Choice> by_index(MatchMarket& market, const MatchJob& job) {
  return market.choose(job);
}
std::optional<protocol::MatchIndex::Choice> by_rows(MatchMarket& market, const MatchJob& job) {
  return market.choose_by_rows(job);
}
std::optional<protocol::MatchIndex::Choice> by_blocks(MatchMarket& market, const MatchJob& job) {
  return market.choose_by_blocks(job);
}

/// A quantile of single decisions in microseconds, handed over as so many nanoseconds (see `unit`); the market goes on
/// between them, unmeasured.
void quantile(benchmark::State& state, std::uint64_t gpus, Kind kind, Decide decide, std::size_t rounds, double part,
              bool hopeless) {
  MatchMarket& market = market_of(gpus, kind);
  for (auto unused : state) {
    std::vector<double> times;
    for (std::size_t i = 0; i < rounds; ++i) {
      const MatchJob job = hopeless ? market.draw_hopeless_job() : market.draw_job();
      const auto start = std::chrono::steady_clock::now();
      const auto choice = decide(market, job);
      times.push_back(seconds_of(start));
      carry_on(market, job, choice);
    }
    const auto at = times.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(rounds - 1));
    std::nth_element(times.begin(), at, times.end());
    state.SetIterationTime(*at * 1e-3);  // 1 us counts as 1 ns
  }
}

/// Mean time of decisions alone.
void mean(benchmark::State& state, std::uint64_t gpus, Decide decide, std::size_t rounds) {
  MatchMarket& market = market_of(gpus, Kind::Drawn);
  for (auto unused : state) {
    double sum = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
      const MatchJob job = market.draw_job();
      const auto start = std::chrono::steady_clock::now();
      benchmark::DoNotOptimize(decide(market, job));
      sum += seconds_of(start);
      if (i % 64 == 0) carry_on(market, job, market.choose(job));
    }
    state.SetIterationTime(sum / static_cast<double>(rounds));
  }
}

/// A decision, its place and a release.
void lives(benchmark::State& state, std::uint64_t gpus, Decide decide, std::size_t rounds) {
  MatchMarket& market = market_of(gpus, Kind::Drawn);
  for (auto unused : state) {
    std::vector<MatchJob> jobs;
    for (std::size_t i = 0; i < rounds; ++i) jobs.push_back(market.draw_job());
    std::size_t made = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const MatchJob& job : jobs) {
      const auto choice = decide(market, job);
      if (!choice) continue;
      market.place(choice->id, job);
      market.release();
      ++made;
    }
    state.SetIterationTime(seconds_of(start) / static_cast<double>(std::max<std::size_t>(made, 1)));
  }
}

void memory(benchmark::State& state, std::uint64_t gpus, bool index) {
  MatchMarket& market = market_of(gpus, Kind::Drawn);
  const double nodes = static_cast<double>(market.nodes());
  const double bytes = index ? static_cast<double>(market.index().memory_bytes()) / nodes : sizeof(protocol::NodeFacts);
  for (auto unused : state) state.SetIterationTime(bytes * 1e-9);
}

std::string corpus_of(std::uint64_t gpus) {
  return std::to_string(gpus) + " GPUs at " + std::to_string(kLoadPercent) +
         " %, sizes of nodes and jobs as in openb, 12 classes, 30 regions; jobs that fit nowhere count too";
}

void add_quantile(const std::string& name, std::uint64_t gpus, Kind kind, double part, std::size_t rounds,
                  bool hopeless = false) {
  compare({"match_us_over_scan_" + name,
           "the same by a plain scan of rows, us",
           corpus_of(gpus),
           {[=](benchmark::State& state) { quantile(state, gpus, kind, by_index, rounds, part, hopeless); }, 1, 1},
           {[=](benchmark::State& state) {
              quantile(state, gpus, kind, by_rows, gpus == kLarge ? 100 : 1'000, part, hopeless);
            },
            1, 1},
           true,
           "match_us_" + name,
           "us"});
}

void add_size(const std::string& name, std::uint64_t gpus, std::size_t slow_rounds) {
  const Side index{[=](benchmark::State& state) { mean(state, gpus, by_index, 5'000); }, 1, 1};
  compare({"match_over_scan_" + name,
           "the index",
           corpus_of(gpus),
           {[=](benchmark::State& state) { mean(state, gpus, by_rows, slow_rounds); }, 1, 1},
           index,
           true});
  compare({"match_over_vector_scan_" + name,
           "the index",
           corpus_of(gpus),
           {[=](benchmark::State& state) { mean(state, gpus, by_blocks, slow_rounds); }, 1, 1},
           index,
           true});
}

void add_all() {
  add_quantile("p50_40k", kSmall, Kind::Drawn, 0.5, 20'000);
  add_quantile("p99_40k", kSmall, Kind::Drawn, 0.99, 20'000);
  add_quantile("p50_1m", kLarge, Kind::Drawn, 0.5, 10'000);
  add_quantile("p99_1m", kLarge, Kind::Drawn, 0.99, 10'000);
  add_quantile("p99_40k_one_gpu", kSmall, Kind::OneGpu, 0.99, 10'000);
  add_quantile("p99_40k_one_place", kSmall, Kind::OnePlace, 0.99, 10'000);
  add_quantile("p99_1m_all_equal", kLarge, Kind::AllEqual, 0.99, 10'000);
  add_quantile("p99_40k_all_equal", kSmall, Kind::AllEqual, 0.99, 10'000);
  add_quantile("p99_1m_one_gpu", kLarge, Kind::OneGpu, 0.99, 5'000);
  add_quantile("p99_1m_one_place", kLarge, Kind::OnePlace, 0.99, 5'000);
  add_quantile("p99_40k_pairs", kSmall, Kind::Pairs, 0.99, 10'000);
  add_quantile("p99_1m_pairs", kLarge, Kind::Pairs, 0.99, 5'000);
  // No bound of many nodes tells that none of them will do: every block of the allowed places is looked into.
  add_quantile("p99_40k_hidden", kSmall, Kind::Drawn, 0.99, 1'000, true);
  add_quantile("p99_1m_hidden", kLarge, Kind::Drawn, 0.99, 200, true);
  add_size("40k", kSmall, 1'000);
  add_size("1m", kLarge, 100);
  compare({"match_life_over_scan",
           "the same with a plain scan of rows",
           corpus_of(kSmall),
           {[](benchmark::State& state) { lives(state, kSmall, by_index, 5'000); }, 1, 1},
           {[](benchmark::State& state) { lives(state, kSmall, by_rows, 500); }, 1, 1},
           true,
           "matches_per_s"});
  compare({"match_index_bytes_over_row",
           "the row of the plain scan, bytes",
           corpus_of(kLarge),
           {[](benchmark::State& state) { memory(state, kLarge, true); }, 1, 1},
           {[](benchmark::State& state) { memory(state, kLarge, false); }, 1, 1},
           true,
           "match_index_bytes_per_node",
           "bytes"});
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  starminer::bench::add_all();
  return starminer::bench::run_comparisons(argc, argv);
}
