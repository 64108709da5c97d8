#include "provider/benchmark/measure.h"

#include <algorithm>
#include <cmath>

namespace starminer::provider::benchmark {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double kShortestSeconds = 1e-7;
constexpr double kIterationsMax = 2000;

double time_passes(Session& session, Component& component, std::uint32_t passes) {
  const auto start = Clock::now();
  for (std::uint32_t i = 0; i < passes; ++i) component.enqueue(session);
  session.finish();
  return std::max(Seconds(Clock::now() - start).count() / passes, kShortestSeconds);
}

/// Sizes that fit half of the device's memory; the rest belongs to whoever uses the machine.
std::vector<std::uint32_t> fitting_sizes(const Session& session, const Component& component) {
  std::vector<std::uint32_t> sizes;
  for (const auto size : component.sizes()) {
    if (component.buffer_bytes_max(size) <= session.allocation_bytes_max() &&
        component.total_bytes(size) <= session.memory_bytes() / 2) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

struct Step {
  std::uint32_t size;
  double seconds_per_pass;
};

/// The best of three: another program's turn on the processor must not pass for a slow device.
Step look_at(Session& session, Component& component, std::uint32_t size) {
  double best = time_passes(session, component, 1);
  for (int i = 0; i < 2; ++i) best = std::min(best, time_passes(session, component, 1));
  return {size, best};
}

/// Small sizes understate a device, so the ladder is climbed in several looks, each from a better estimate. The proof
/// size itself is never measured: its time is mostly that of the launch.
Step climb(Session& session, Component& component, const Generator& generator, const std::vector<std::uint32_t>& sizes,
           double target) {
  Step step = look_at(session, component, sizes.front());
  for (;;) {
    const double per_operation = step.seconds_per_pass / component.operations(step.size);
    std::uint32_t next = step.size == sizes.front() && sizes.size() > 1 ? sizes[1] : step.size;
    for (const auto size : sizes) {
      if (size > next && per_operation * component.operations(size) <= target) next = size;
    }
    if (next == step.size) return step;
    component.prepare(session, generator, next);
    time_passes(session, component, 1);
    step = look_at(session, component, next);
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

Measured measure(Session& session, Component& component, const Generator& generator, const ReferenceRow& row,
                 const Tuning& tuning) {
  const auto sizes = fitting_sizes(session, component);
  if (sizes.empty() || sizes.front() != component.sizes().front()) {
    throw Failure{FailureCode::Unsupported,
                  "the device has too little memory for the benchmark '" + std::string(component.name()) + "'"};
  }
  Measured measured;
  component.prepare(session, generator, sizes.front());
  component.enqueue(session);
  session.finish();
  measured.proof_words = component.check(session, CheckDepth::Full);

  const double target = tuning.sample_target.count();
  const Step step = climb(session, component, generator, sizes, target);
  const auto passes =
      static_cast<std::uint32_t>(std::clamp(std::floor(target / step.seconds_per_pass), 1.0, kIterationsMax));
  std::vector<double> samples;
  const auto start = Clock::now();
  do {
    samples.push_back(time_passes(session, component, passes));
  } while (samples.size() < tuning.repetitions_max && Clock::now() - start < tuning.budget);
  component.check(session, CheckDepth::Sampled);

  const double seconds = median(samples);
  const double operations = component.operations(step.size);
  measured.measurement = {std::string(component.name()),
                          std::string(row.unit),
                          operations / seconds,
                          row.reference_per_second,
                          row.weight,
                          seconds,
                          operations,
                          step.size,
                          static_cast<std::uint32_t>(samples.size())};
  return measured;
}

}  // namespace starminer::provider::benchmark
