#include "sim/trace.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "protocol/operation/limits.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kThreadMilli = 1000;
constexpr std::uint64_t kDeviceMilli = 1000;
constexpr unsigned kMibShift = 20;
constexpr std::uint64_t kSecondsMax = 10 * kJobSecondsMax;  // of a trace

/// Reads the fields of one row one after the other and keeps the first mistake.
class RowReader {
 public:
  explicit RowReader(const std::vector<Field>& row) : row_(row) {}

  std::uint64_t integer(std::size_t column, std::string_view what, std::uint64_t low, std::uint64_t high) {
    const auto value = parse_integer(row_[column], what, low, high);
    if (!value) refuse(value.error());
    return value.value_or(0);
  }
  std::uint64_t seconds_ms(std::size_t column, std::string_view what) {
    const auto value = parse_seconds(row_[column], what, kSecondsMax);
    if (!value) refuse(value.error());
    return value.value_or(0);
  }
  std::uint64_t multiple(std::size_t column, std::string_view what, std::uint64_t low, std::uint64_t high,
                         std::uint64_t step) {
    const std::uint64_t value = integer(column, what, low, high);
    if (value % step != 0) {
      refuse(row_[column].error(fmt::format("{} is {}, expected a multiple of {}", what, value, step)));
    }
    return value;
  }
  /// Printable ASCII without spaces, as names are in the market.
  std::string name(std::size_t column, std::string_view what, std::size_t most) {
    check_name(row_[column], what, most);
    return std::string(row_[column].text);
  }
  /// Names joined by '|'; none where the field is empty.
  std::vector<std::string> names(std::size_t column, std::string_view what, std::size_t most) {
    std::set<std::string> found;
    const Field& field = row_[column];
    for (std::size_t start = 0; !field.text.empty() && start <= field.text.size();) {
      const std::size_t end = std::min(field.text.find('|', start), field.text.size());
      const Field part{field.text.substr(start, end - start), field.line, field.column + start};
      check_name(part, what, most);
      found.emplace(part.text);
      start = end + 1;
    }
    return {found.begin(), found.end()};
  }
  void refuse(InputError error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const Field& at(std::size_t column) const { return row_[column]; }
  [[nodiscard]] const std::optional<InputError>& error() const { return error_; }

 private:
  void check_name(const Field& field, std::string_view what, std::size_t most) {
    const bool plain = std::all_of(field.text.begin(), field.text.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (field.text.empty() || field.text.size() > most || !plain) {
      refuse(field.error(fmt::format("{} must have 1..{} printable characters without spaces", what, most)));
    }
  }

  const std::vector<Field>& row_;
  std::optional<InputError> error_;
};

template <std::size_t kSize>
Result<std::array<std::size_t, kSize>, InputError> columns_of(const Csv& csv,
                                                              const std::array<std::string_view, kSize>& names) {
  std::array<std::size_t, kSize> columns{};
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto column = csv.column(names[i]);
    if (!column) return fail(column.error());
    columns[i] = *column;
  }
  return columns;
}

InputError empty_file(const Csv& csv, std::string_view what) {
  return csv.heading().front().error(fmt::format("there is no {} below the heading", what));
}

/// gpu_milli is per GPU and below 1000 only for a single GPU.
std::uint32_t read_share(RowReader& reader, std::size_t column, std::uint32_t gpus) {
  if (gpus == 0) {
    reader.integer(column, "gpu_milli of a job without a GPU", 0, 0);
    return 0;
  }
  if (gpus > 1) {
    reader.integer(column, "gpu_milli of a job of several GPUs", kDeviceMilli, kDeviceMilli);
    return 0;
  }
  const auto milli =
      static_cast<std::uint32_t>(reader.multiple(column, "gpu_milli", kShareMilliMin, kDeviceMilli, kShareMilliStep));
  return milli == kDeviceMilli ? 0 : milli;
}

/// Columns of a list of jobs in openb's form.
using JobColumns = std::array<std::size_t, 5>;

Result<JobColumns, InputError> job_columns(const Csv& csv) {
  return columns_of(csv, std::to_array<std::string_view>({"name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"}));
}

TraceJob read_job(RowReader& reader, const JobColumns& columns, const std::optional<std::size_t>& spec) {
  const auto& [name, cpu, memory, gpu, milli] = columns;
  TraceJob job;
  job.name = reader.name(name, "name", kClientIdMax);
  job.gpus = static_cast<std::uint32_t>(reader.integer(gpu, "num_gpu", 0, kNodeDevicesMax));
  // A job without a GPU is paid by its CPU, so it must ask for some.
  job.cpu_milli = static_cast<std::uint32_t>(reader.integer(cpu, "cpu_milli", job.gpus == 0 ? 1 : 0, kJobCpuMilliMax));
  job.memory_mib = reader.integer(memory, "memory_mib", 0, kRamBytesMax >> kMibShift);
  job.share_milli = read_share(reader, milli, job.gpus);
  if (spec) job.models = reader.names(*spec, "gpu_spec", kClassNameMax);
  if (job.models.size() > kJobClassesMax) {
    reader.refuse(reader.at(*spec).error(
        fmt::format("gpu_spec names {} models, at most {} are taken", job.models.size(), kJobClassesMax)));
  }
  return job;
}

Result<TraceRuns, InputError> openb_runs(const Csv& csv) {
  const auto columns = job_columns(csv);
  if (!columns) return fail(columns.error());
  const auto times =
      columns_of(csv, std::to_array<std::string_view>({"creation_time", "scheduled_time", "deletion_time"}));
  if (!times) return fail(times.error());
  const auto& [created, scheduled, deleted] = *times;
  const auto spec = csv.find_column("gpu_spec");
  const auto qos = csv.find_column("qos");
  TraceRuns found;
  for (const std::vector<Field>& row : csv.rows()) {
    RowReader reader(row);
    TraceRun run;
    run.job = read_job(reader, *columns, spec);
    run.submit_ms = reader.seconds_ms(created, "creation_time");
    if (qos) run.qos = std::string(row[*qos].text.substr(0, kClientIdMax));
    if (row[scheduled].text.empty()) {
      if (reader.error()) return fail(*reader.error());
      ++found.left_out;
      continue;
    }
    const std::uint64_t from = reader.seconds_ms(scheduled, "scheduled_time");
    const std::uint64_t to = reader.seconds_ms(deleted, "deletion_time");
    if (to < from) reader.refuse(row[deleted].error("deletion_time is before scheduled_time"));
    if (reader.error()) return fail(*reader.error());
    run.run_ms = std::max<std::uint64_t>(to - from, 1);
    found.runs.push_back(std::move(run));
  }
  return found;
}

struct GpuListForm {
  std::string_view name;
  std::string_view gpus;
  std::string_view submitted;
  std::string_view ran;  // empty: the form states no run time
};

/// Lists that say how many whole GPUs a job asks for, and nothing of CPU and memory.
Result<TraceRuns, InputError> gpu_list_runs(const Csv& csv, const GpuListForm& form, std::uint64_t run_s) {
  const auto columns = columns_of(csv, std::array{form.name, form.gpus, form.submitted});
  if (!columns) return fail(columns.error());
  const auto& [name, gpus, submitted] = *columns;
  const auto ran = csv.find_column(form.ran);
  TraceRuns found;
  for (const std::vector<Field>& row : csv.rows()) {
    RowReader reader(row);
    TraceRun run;
    run.job.name = reader.name(name, form.name, kClientIdMax);
    run.job.gpus = static_cast<std::uint32_t>(reader.integer(gpus, form.gpus, 1, kJobGpusMax));
    run.submit_ms = reader.seconds_ms(submitted, form.submitted);
    run.run_ms = std::max<std::uint64_t>(ran ? reader.seconds_ms(*ran, form.ran) : run_s * kThreadMilli, 1);
    if (reader.error()) return fail(*reader.error());
    found.runs.push_back(std::move(run));
  }
  return found;
}

}  // namespace

std::uint64_t gpu_milli(const TraceJob& job) {
  return job.share_milli != 0 ? job.share_milli : job.gpus * kDeviceMilli;
}

Result<std::vector<TraceNode>, InputError> parse_nodes(std::string_view text) {
  const auto csv = Csv::parse(text);
  if (!csv) return fail(csv.error());
  const auto columns =
      columns_of(*csv, std::to_array<std::string_view>({"sn", "cpu_milli", "memory_mib", "gpu", "model"}));
  if (!columns) return fail(columns.error());
  const auto& [sn, cpu, memory, gpu, model] = *columns;
  std::vector<TraceNode> nodes;
  for (const std::vector<Field>& row : csv->rows()) {
    RowReader reader(row);
    TraceNode node;
    node.name = reader.name(sn, "sn", kNodeNameMax);
    node.cpu_threads = static_cast<std::uint32_t>(
        reader.multiple(cpu, "cpu_milli", kThreadMilli, kCpuThreadsMax * kThreadMilli, kThreadMilli) / kThreadMilli);
    node.memory_mib = reader.integer(memory, "memory_mib", 1, kRamBytesMax >> kMibShift);
    node.gpus = static_cast<std::uint32_t>(reader.integer(gpu, "gpu", 1, kNodeDevicesMax));
    node.model = reader.name(model, "model", kClassNameMax);
    if (reader.error()) return fail(*reader.error());
    nodes.push_back(std::move(node));
  }
  if (nodes.empty()) return fail(empty_file(*csv, "node"));
  return nodes;
}

Result<std::vector<TraceJob>, InputError> parse_jobs(std::string_view text) {
  const auto csv = Csv::parse(text);
  if (!csv) return fail(csv.error());
  const auto columns = job_columns(*csv);
  if (!columns) return fail(columns.error());
  const auto spec = csv->find_column("gpu_spec");
  std::vector<TraceJob> jobs;
  for (const std::vector<Field>& row : csv->rows()) {
    RowReader reader(row);
    jobs.push_back(read_job(reader, *columns, spec));
    if (reader.error()) return fail(*reader.error());
  }
  if (jobs.empty()) return fail(empty_file(*csv, "job"));
  return jobs;
}

Result<TraceRuns, InputError> parse_runs(std::string_view text, std::uint64_t run_s) {
  const auto csv = Csv::parse(text);
  if (!csv) return fail(csv.error());
  const auto read = [&]() -> Result<TraceRuns, InputError> {
    if (csv->find_column("submit_s")) return gpu_list_runs(*csv, {"job_id", "num_gpu", "submit_s", "duration_s"}, 0);
    if (!csv->find_column("num_replicas")) return openb_runs(*csv);
    if (run_s == 0) {
      return fail(csv->heading().front().error("the list states no run times: --run-time gives one to all jobs"));
    }
    return gpu_list_runs(*csv, {"name", "num_replicas", "time", ""}, run_s);
  };
  auto found = read();
  if (!found) return found;
  if (found->runs.empty()) return fail(empty_file(*csv, "job that ran"));
  std::stable_sort(found->runs.begin(), found->runs.end(),
                   [](const TraceRun& a, const TraceRun& b) { return a.submit_ms < b.submit_ms; });
  return found;
}

}  // namespace starminer::sim
