#include "client/job_file/fields.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/job_file/limits.h"
#include "client/job_file/paths.h"
#include "protocol/operation/limits.h"

namespace starminer::client::job_file {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMemoryBytesMin = 16 * kMiB;
constexpr std::uint64_t kSecondMs = 1000;

const std::vector<std::string> kTeeNames = {"", "sev-snp", "tdx", "sgx", "nvidia-cc"};

TextForm name_form() {
  return {"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
          "1 to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a letter or digit"};
}
TextForm runtime_form() { return {"^[A-Za-z0-9][A-Za-z0-9._/:+-]{0,63}$", "a runtime such as debian/pytorch-1.13"}; }
TextForm class_form() {
  return {"^[A-Z][A-Z0-9-]{0,31}$", "a hardware class in capital letters, such as H100, RTX4090 or CPU"};
}
TextForm region_form() { return {"^[a-z][a-z0-9-]{0,31}$", "a region such as eu-central"}; }
TextForm country_form() { return {"^[A-Z]{2}$", "a country of two capital letters, such as DE"}; }
TextForm output_form() { return {"^[^/].*$", "a name or glob below /job/out, such as loss.svg or frames/*.png"}; }
TextForm address_form() { return {"^sm1[02-9ac-hj-np-z]+$", "the address of a provider (sm1...)"}; }

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// "any" stands for no restriction, also beside other names.
void set_classes(JobFile& job, std::vector<std::string> names) {
  if (std::find(names.begin(), names.end(), "any") != names.end()) names.clear();
  job.resources.classes = sorted(std::move(names));
}

void add_what_runs(std::vector<Field>& fields) {
  const std::string heading = "Job";
  fields.push_back({"name", "--name", heading, "What the job is called; results are saved in a folder of this name.",
                    text_type("NAME", name_form(), [](JobFile& job, std::string text) { job.name = std::move(text); }),
                    "name: my-job"});
  fields.push_back({"kind", "--kind", heading, "Kind of work; it selects the queue and how nodes are rated.",
                    choice_type({"training", "inference", "rendering", "simulation"},
                                [](JobFile& job, std::size_t i) { job.kind = static_cast<protocol::JobKind>(i); }),
                    "kind: training"});
  fields.push_back(
      {"runtime", "--runtime", heading, "What must be installed on the node, such as debian/pytorch-1.13.",
       text_type("TAG", runtime_form(), [](JobFile& job, std::string text) { job.runtime = std::move(text); }),
       "runtime: debian/pytorch-1.13"});
  fields.push_back({"command", "", heading,
                    "Program with its whole path, and its arguments; on the command line behind \"--\".",
                    command_type(), "command: [/usr/bin/python3, /job/in/train.py]"});
  fields.push_back({"env", "--env", heading, "Environment variables of the job.", environment_type()});
  fields.push_back({"inputs", "--input", heading,
                    "Files, folders or globs below the job file's folder that the job reads in /job/in.",
                    inputs_type()});
  const auto output_check = [](const std::string& text) { return path_fault(text); };
  fields.push_back(
      {"outputs", "--output", heading, "Names or globs below /job/out that are returned; without it everything there.",
       checked_list_type("GLOB", output_form(), kOutputsMax, output_check,
                         [](JobFile& job, std::vector<std::string> texts) { job.outputs = std::move(texts); })});
}

void add_resources(std::vector<Field>& fields) {
  const std::string heading = "Resources";
  fields.push_back({"resources.class", "--class", heading, "Hardware classes that will do, or any.",
                    text_list_type("CLASS", {"^(any|[A-Z][A-Z0-9-]{0,31})$", class_form().says + ", or any"},
                                   protocol::kJobClassesMax, set_classes)});
  fields.push_back({"resources.gpus", "--gpus", heading, "GPUs of the job; 0 for a job that needs none. Default 1.",
                    integer_type({0, protocol::kJobGpusMax}, [](JobFile& job, std::uint64_t n) {
                      job.resources.gpus = static_cast<std::uint32_t>(n);
                    })});
  fields.push_back({"resources.share", "--share", heading,
                    "Thousandths of one GPU, in steps of 10, for a job that needs less than one.",
                    integer_type({10, 1000, 10}, [](JobFile& job, std::uint64_t n) {
                      job.resources.share_milli = static_cast<std::uint32_t>(n);
                    })});
  fields.push_back({"resources.gpu_memory", "--gpu-memory", heading, "Memory that each GPU must have.",
                    size_type({0, protocol::kDeviceMemoryMax},
                              [](JobFile& job, std::uint64_t n) { job.resources.gpu_memory_bytes = n; })});
  fields.push_back({"resources.cpus", "--cpus", heading, "Processor cores, also parts of one. Default 1.",
                    milli_type(static_cast<std::uint32_t>(protocol::kJobCpuMilliMax),
                               [](JobFile& job, std::uint32_t n) { job.resources.cpu_milli = n; })});
  fields.push_back({"resources.memory", "--memory", heading, "Main memory. Default 2 GiB.",
                    size_type({kMemoryBytesMin, protocol::kRamBytesMax},
                              [](JobFile& job, std::uint64_t n) { job.resources.memory_bytes = n; })});
  fields.push_back({"resources.disk", "--disk", heading, "Scratch disk below /job/scratch. Default 1 GiB.",
                    size_type({kMiB, protocol::kDiskBytesMax},
                              [](JobFile& job, std::uint64_t n) { job.resources.disk_bytes = n; })});
  fields.push_back({"resources.interconnect", "--interconnect", heading, "Link between the GPUs that is needed.",
                    choice_type({"any", "nvlink"}, [](JobFile& job, std::size_t i) {
                      job.resources.interconnect = static_cast<std::uint8_t>(i);
                    })});
  fields.push_back(
      {"limits.output", "--output-limit", heading, "Most bytes below /job/out. Default 256 MiB.",
       size_type({1, kOutputBytesMax}, [](JobFile& job, std::uint64_t n) { job.limits.output_bytes = n; })});
  fields.push_back({"limits.processes", "--process-limit", heading, "Most processes and threads at once. Default 256.",
                    integer_type({4, kProcessesMax}, [](JobFile& job, std::uint64_t n) {
                      job.limits.processes = static_cast<std::uint32_t>(n);
                    })});
  fields.push_back({"limits.log", "--log-limit", heading,
                    "Most bytes of standard output and error that are kept. Default 4 MiB.",
                    size_type({1, kLogBytesMax}, [](JobFile& job, std::uint64_t n) { job.limits.log_bytes = n; })});
  fields.push_back(
      {"placement", "--placement", heading,
       "Whether the GPUs may lie on several hosts of one site where no node has them all; any means one-site.",
       choice_type({"one-node", "one-site", "any"},
                   [](JobFile& job, std::size_t i) { job.placement = static_cast<protocol::Placement>(i); })});
  fields.push_back({"hosts_max", "--hosts-max", heading,
                    "Most hosts that may share the GPUs, in equal parts, with placement one-site. Default 16.",
                    integer_type({1, protocol::kGangHostsMax}, [](JobFile& job, std::uint64_t n) {
                      job.hosts_max = static_cast<std::uint32_t>(n);
                    })});
}

void add_times(std::vector<Field>& fields) {
  const std::string heading = "Time";
  const std::uint64_t most = protocol::kJobSecondsMax * kSecondMs;
  fields.push_back(
      {"time.max", "--max-time", heading, "Longest run time, after which the job is stopped; at least 1 min.",
       duration_type({protocol::kJobSecondsMin * kSecondMs, most, kSecondMs},
                     [](JobFile& job, milliseconds d) { job.time.max = std::chrono::duration_cast<seconds>(d); }),
       "time: {max: 10 min}"});
  fields.push_back({"time.expected", "--expected-time", heading,
                    "Run time that you expect; helps to find a gap to start in.",
                    duration_type({kSecondMs, most, kSecondMs}, [](JobFile& job, milliseconds d) {
                      job.time.expected = std::chrono::duration_cast<seconds>(d);
                    })});
  fields.push_back({"time.deadline", "--deadline", heading,
                    "When the results must be there: a UTC time or a time from submission on.", deadline_type()});
  fields.push_back({"time.start_within", "--start-within", heading, "How long the job may wait for its start.",
                    duration_type({1, protocol::kStartWithinMsMax},
                                  [](JobFile& job, milliseconds d) { job.time.start_within = d; })});
  fields.push_back({"latency", "--latency", heading, "Latency to the preferred regions that the job needs.",
                    duration_type({1, protocol::kLatencyMsMax}, [](JobFile& job, milliseconds d) {
                      job.latency_ms = static_cast<std::uint32_t>(d.count());
                    })});
  fields.push_back({"urgency", "--urgency", heading, "Pay more to start earlier.",
                    choice_type({"none", "soon", "now"},
                                [](JobFile& job, std::size_t i) { job.urgency = static_cast<protocol::Urgency>(i); })});
}

void add_service(std::vector<Field>& fields) {
  const std::string heading = "Service";
  fields.push_back({"tier", "--tier", heading, "Economy, Standard or Premium; auto chooses from the rest of the file.",
                    choice_type({"auto", "economy", "standard", "premium"},
                                [](JobFile& job, std::size_t i) { job.tier = static_cast<protocol::TierChoice>(i); })});
  fields.push_back({"allow_downgrade", "--allow-downgrade", heading, "Take a lower tier if the wanted one has no room.",
                    switch_type([](JobFile& job, bool on) { job.allow_downgrade = on; })});
  fields.push_back({"wait", "--wait", heading, "Premium: wait for room instead of being refused.",
                    switch_type([](JobFile& job, bool on) { job.wait = on; })});
  fields.push_back({"dedicated", "--dedicated", heading, "Nobody else's job on the same node.",
                    switch_type([](JobFile& job, bool on) { job.dedicated = on; })});
  fields.push_back({"preemptible", "--preemptible", heading,
                    "In Economy: the job may be stopped after a notice of 30 s for Premium work; it costs nothing then "
                    "and starts again.",
                    switch_type([](JobFile& job, bool on) { job.preemptible = on; })});
  fields.push_back({"credits", "--credits", heading,
                    "Credits of your stake that move the job ahead in its queue: starminer stake show.",
                    integer_type({0, protocol::kCreditsMax}, [](JobFile& job, std::uint64_t n) { job.credits = n; })});
}

void add_where(std::vector<Field>& fields) {
  const std::string heading = "Where";
  fields.push_back(
      {"region.prefer", "--region", heading, "Regions that are preferred, the best first.",
       text_list_type("REGION", region_form(), protocol::kJobRegionsMax,
                      [](JobFile& job, std::vector<std::string> texts) { job.region.prefer = std::move(texts); })});
  fields.push_back({"region.allow", "--region-allow", heading, "Regions that are allowed; without it all.",
                    text_list_type("REGION", region_form(), protocol::kJobRegionsMax,
                                   [](JobFile& job, std::vector<std::string> texts) {
                                     job.region.allow = sorted(std::move(texts));
                                   })});
  fields.push_back({"region.residency", "--residency", heading, "Country that the data must not leave, such as DE.",
                    text_type("COUNTRY", country_form(),
                              [](JobFile& job, std::string text) { job.region.residency = std::move(text); })});
  fields.push_back({"site_tier_min", "--site-tier-min", heading, "Lowest tier of the data centre, 0 to 4.",
                    integer_type({0, protocol::kSiteTierMax}, [](JobFile& job, std::uint64_t n) {
                      job.site_tier_min = static_cast<std::uint8_t>(n);
                    })});
  fields.push_back({"sandbox_tier_min", "--sandbox-tier-min", heading,
                    "Lowest isolation: 1 namespaces, 2 user-space kernel, 3 virtual machine.",
                    integer_type({0, protocol::kSandboxTierMax}, [](JobFile& job, std::uint64_t n) {
                      job.sandbox_tier_min = static_cast<std::uint8_t>(n);
                    })});
  const std::vector<std::string> tee(kTeeNames.begin() + 1, kTeeNames.end());
  fields.push_back({"tee", "--tee", heading, "Trusted execution environments that will do.",
                    choice_list_type(tee, [](JobFile& job, const std::vector<std::size_t>& indices) {
                      job.tee.clear();
                      for (const std::size_t i : indices) job.tee.push_back(static_cast<std::uint8_t>(i + 1));
                    })});
  fields.push_back({"reputation_min", "--reputation-min", heading,
                    "Lowest reputation of the node for this kind of job.",
                    percent_type([](JobFile& job, std::uint32_t ppm) { job.reputation_min = Ppm{ppm}; })});
  const auto address_check = [](const std::string& text) -> std::optional<std::string> {
    if (AccountId::parse(text)) return std::nullopt;
    return "is no address: a character is wrong or missing";
  };
  fields.push_back({"exclude", "--exclude", heading, "Providers that must not get the job.",
                    checked_list_type("ADDRESS", address_form(), protocol::kJobExcludedMax, address_check,
                                      [](JobFile& job, const std::vector<std::string>& texts) {
                                        job.exclude.clear();
                                        for (const std::string& text : texts)
                                          job.exclude.push_back(AccountId::parse(text).value_or(AccountId{}));
                                        std::sort(job.exclude.begin(), job.exclude.end());
                                      })});
}

FieldType verify_type() {
  FieldType type = choice_type({"accept"}, [](JobFile&, std::size_t) {});
  type.decode = [inner = std::move(type.decode)](const FieldInput& in, JobFile& job) {
    constexpr std::array<std::string_view, 5> kLater = {"replicated", "committee", "tee", "zk", "optimistic"};
    if (std::find(kLater.begin(), kLater.end(), in.node.text) != kLater.end()) {
      in.fault(fmt::format(
          "\"{}\" comes with a later release; this one knows accept: you look at the results and accept them",
          in.node.text));
    } else {
      inner(in, job);
    }
  };
  return type;
}

void add_money(std::vector<Field>& fields) {
  const std::string heading = "Money";
  fields.push_back({"max_price", "--max-price", heading,
                    "Highest price per GPU-hour, such as \"0.5 AGPU\"; without it the price at submission.",
                    amount_type([](JobFile& job, Agpu amount) { job.max_price = amount; })});
  fields.push_back({"budget", "--budget", heading, "Most that the whole job may cost, such as \"1 AGPU\".",
                    amount_type([](JobFile& job, Agpu amount) { job.budget = amount; })});
  fields.push_back(
      {"price_lock", "--price-lock", heading,
       "Ticks for which the price of the submission holds, up to 15, for a fee: starminer plan. Default 0.",
       integer_type({0, protocol::kPriceLockTicksMax},
                    [](JobFile& job, std::uint64_t n) { job.price_lock = static_cast<std::uint32_t>(n); })});
  fields.push_back({"verify", "--verify", heading, "How results are verified before they are paid.", verify_type()});
}

}  // namespace

std::string_view Field::group() const {
  const std::size_t point = path.find('.');
  return point == std::string::npos ? std::string_view() : std::string_view(path).substr(0, point);
}

std::string_view Field::key() const {
  const std::size_t point = path.find('.');
  return std::string_view(path).substr(point == std::string::npos ? 0 : point + 1);
}

std::span<const Field> job_fields() {
  static const std::vector<Field> kFields = [] {
    std::vector<Field> fields;
    add_what_runs(fields);
    add_resources(fields);
    add_times(fields);
    add_service(fields);
    add_where(fields);
    add_money(fields);
    return fields;
  }();
  return kFields;
}

const Field* find_field(std::string_view path) {
  const auto fields = job_fields();
  const auto found = std::find_if(fields.begin(), fields.end(), [path](const Field& f) { return f.path == path; });
  return found == fields.end() ? nullptr : &*found;
}

std::span<const FieldGroup> job_field_groups() {
  static const std::vector<FieldGroup> kGroups = {{"resources", "What the job needs of a node."},
                                                  {"limits", "What the sandbox allows the job."},
                                                  {"time", "How long, and until when."},
                                                  {"region", "Where the job may run."}};
  return kGroups;
}

std::span<const std::string> tee_names() { return kTeeNames; }

}  // namespace starminer::client::job_file
