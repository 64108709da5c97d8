#include "provider/sandbox/report.h"

#include <array>
#include <exception>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starminer::provider::sandbox {
namespace {

using Json = nlohmann::json;

template <class E>
struct Named {
  E value;
  const char* name;
};

constexpr std::array<Named<LimitHit>, 8> kLimits{{{LimitHit::None, "None"},
                                                  {LimitHit::Memory, "Memory"},
                                                  {LimitHit::Processes, "Processes"},
                                                  {LimitHit::Scratch, "Scratch"},
                                                  {LimitHit::Output, "Output"},
                                                  {LimitHit::Log, "Log"},
                                                  {LimitHit::WallTime, "WallTime"},
                                                  {LimitHit::CpuTime, "CpuTime"}}};
constexpr std::array<Named<EndKind>, 6> kEnds{{{EndKind::Exited, "Exited"},
                                               {EndKind::Signalled, "Signalled"},
                                               {EndKind::LimitEnded, "LimitEnded"},
                                               {EndKind::Stopped, "Stopped"},
                                               {EndKind::SetupFailed, "SetupFailed"},
                                               {EndKind::Lost, "Lost"}}};
constexpr std::array<Named<DiskKind>, 3> kDisks{
    {{DiskKind::None, "None"}, {DiskKind::Tmpfs, "Tmpfs"}, {DiskKind::LoopImage, "LoopImage"}}};

template <class Table, class E>
const char* name_of(const Table& table, E value) {
  for (const auto& row : table) {
    if (row.value == value) return row.name;
  }
  return "Unknown";
}

template <class Table>
auto value_of(const Table& table, const std::string& name) {
  for (const auto& row : table) {
    if (name == row.name) return row.value;
  }
  throw std::runtime_error("unknown name " + name);
}

Json encode_identity(const ProcessIdentity& identity) {
  return {{"pid", identity.pid}, {"start_ticks", identity.start_ticks}, {"boot_id", identity.boot_id}};
}

}  // namespace

const char* to_string(LimitHit limit) { return name_of(kLimits, limit); }
const char* to_string(EndKind end) { return name_of(kEnds, end); }
const char* to_string(DiskKind disk) { return name_of(kDisks, disk); }

std::string describe(const ExitReport& report) {
  const double seconds = static_cast<double>(report.wall_ms) / 1000.0;
  std::string text;
  switch (report.end) {
    case EndKind::Exited: text = fmt::format("exited with code {} after {:.3f} s", report.exit_code, seconds); break;
    case EndKind::Signalled: text = fmt::format("ended by signal {} after {:.3f} s", report.signal, seconds); break;
    case EndKind::LimitEnded:
      text = fmt::format("ended by limit {} after {:.3f} s", to_string(report.limit), seconds);
      break;
    case EndKind::Stopped: text = fmt::format("stopped on request after {:.3f} s", seconds); break;
    case EndKind::SetupFailed: text = "the sandbox could not be set up"; break;
    case EndKind::Lost: text = "lost: its supervisor was killed or the machine restarted"; break;
  }
  if (report.end != EndKind::LimitEnded && report.limit != LimitHit::None) {
    text += fmt::format(", met limit {}", to_string(report.limit));
  }
  if (!report.error.empty()) text += ": " + report.error;
  return text;
}

std::string encode_report(const ExitReport& report) {
  Json limits = Json::array();
  for (const LimitHit limit : report.limits_met) limits.push_back(to_string(limit));
  Json refused = Json::array();
  for (const RefusedOutput& entry : report.outputs_refused) {
    refused.push_back({{"path", entry.path}, {"reason", entry.reason}});
  }
  const Json json{{"end", to_string(report.end)},
                  {"exit_code", report.exit_code},
                  {"signal", report.signal},
                  {"limit", to_string(report.limit)},
                  {"limits_met", limits},
                  {"killed", report.killed},
                  {"started_unix_ms", report.started_unix_ms},
                  {"ended_unix_ms", report.ended_unix_ms},
                  {"wall_ms", report.wall_ms},
                  {"cpu_ms", report.cpu_ms},
                  {"memory_peak_bytes", report.memory_peak_bytes},
                  {"processes_peak", report.processes_peak},
                  {"log_bytes_dropped", report.log_bytes_dropped},
                  {"output_bytes", report.output_bytes},
                  {"output_files", report.output_files},
                  {"outputs_refused", refused},
                  {"output_disk", to_string(report.output_disk)},
                  {"scratch_disk", to_string(report.scratch_disk)},
                  {"landlock_abi", report.landlock_abi},
                  {"cgroup_version", report.cgroup_version},
                  {"error", report.error}};
  // A job chooses names and messages that land here; bytes that are not UTF-8 are replaced, never a reason to fail.
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

SandboxResult<ExitReport> decode_report(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ExitReport report;
    report.end = value_of(kEnds, json.at("end").get<std::string>());
    json.at("exit_code").get_to(report.exit_code);
    json.at("signal").get_to(report.signal);
    report.limit = value_of(kLimits, json.at("limit").get<std::string>());
    for (const Json& limit : json.at("limits_met")) {
      report.limits_met.push_back(value_of(kLimits, limit.get<std::string>()));
    }
    json.at("killed").get_to(report.killed);
    json.at("started_unix_ms").get_to(report.started_unix_ms);
    json.at("ended_unix_ms").get_to(report.ended_unix_ms);
    json.at("wall_ms").get_to(report.wall_ms);
    json.at("cpu_ms").get_to(report.cpu_ms);
    json.at("memory_peak_bytes").get_to(report.memory_peak_bytes);
    json.at("processes_peak").get_to(report.processes_peak);
    json.at("log_bytes_dropped").get_to(report.log_bytes_dropped);
    json.at("output_bytes").get_to(report.output_bytes);
    json.at("output_files").get_to(report.output_files);
    for (const Json& entry : json.at("outputs_refused")) {
      report.outputs_refused.push_back({entry.at("path").get<std::string>(), entry.at("reason").get<std::string>()});
    }
    report.output_disk = value_of(kDisks, json.at("output_disk").get<std::string>());
    report.scratch_disk = value_of(kDisks, json.at("scratch_disk").get<std::string>());
    json.at("landlock_abi").get_to(report.landlock_abi);
    json.at("cgroup_version").get_to(report.cgroup_version);
    json.at("error").get_to(report.error);
    return report;
  } catch (const std::exception& error) {
    return fail(SandboxError{SandboxErrc::Corrupt, std::string("exit.json does not parse: ") + error.what()});
  }
}

std::string encode_running(const RunningState& state) {
  Json directories = Json::object();
  for (const auto& [controller, path] : state.cgroup.directories) directories[controller] = path.string();
  return Json{{"supervisor", encode_identity(state.supervisor)},
              {"cgroup", {{"version", state.cgroup.version}, {"directories", directories}}},
              {"started_unix_ms", state.started_unix_ms}}
      .dump(1);
}

SandboxResult<RunningState> decode_running(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    RunningState state;
    const Json& supervisor = json.at("supervisor");
    supervisor.at("pid").get_to(state.supervisor.pid);
    supervisor.at("start_ticks").get_to(state.supervisor.start_ticks);
    supervisor.at("boot_id").get_to(state.supervisor.boot_id);
    const Json& cgroup = json.at("cgroup");
    cgroup.at("version").get_to(state.cgroup.version);
    for (const auto& [controller, path] : cgroup.at("directories").items()) {
      state.cgroup.directories[controller] = path.get<std::string>();
    }
    json.at("started_unix_ms").get_to(state.started_unix_ms);
    return state;
  } catch (const std::exception& error) {
    return fail(SandboxError{SandboxErrc::Corrupt, std::string("running.json does not parse: ") + error.what()});
  }
}

}  // namespace starminer::provider::sandbox
