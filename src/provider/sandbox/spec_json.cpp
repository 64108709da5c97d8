#include <exception>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "provider/sandbox/spec.h"

namespace starminer::provider::sandbox {
namespace {

using Json = nlohmann::json;

Json encode_limits(const Limits& limits) {
  return {{"cpu_milli", limits.cpu_milli},       {"memory_bytes", limits.memory_bytes},
          {"processes", limits.processes},       {"output_bytes", limits.output_bytes},
          {"output_files", limits.output_files}, {"scratch_bytes", limits.scratch_bytes},
          {"log_bytes", limits.log_bytes},       {"wall_ms", limits.wall_ms},
          {"cpu_time_ms", limits.cpu_time_ms},   {"term_grace_ms", limits.term_grace_ms},
          {"open_files", limits.open_files}};
}

Limits decode_limits(const Json& json) {
  Limits limits;
  json.at("cpu_milli").get_to(limits.cpu_milli);
  json.at("memory_bytes").get_to(limits.memory_bytes);
  json.at("processes").get_to(limits.processes);
  json.at("output_bytes").get_to(limits.output_bytes);
  json.at("output_files").get_to(limits.output_files);
  json.at("scratch_bytes").get_to(limits.scratch_bytes);
  json.at("log_bytes").get_to(limits.log_bytes);
  json.at("wall_ms").get_to(limits.wall_ms);
  json.at("cpu_time_ms").get_to(limits.cpu_time_ms);
  json.at("term_grace_ms").get_to(limits.term_grace_ms);
  json.at("open_files").get_to(limits.open_files);
  return limits;
}

// Arguments may be any bytes, JSON strings may not: they travel as hexadecimal where they are not plain UTF-8.
Json encode_bytes(const std::string& bytes) {
  Json text = bytes;
  try {
    (void)text.dump();
    return text;
  } catch (const std::exception&) {
    return Json{{"hex", to_hex(as_bytes(bytes))}};
  }
}

std::string decode_bytes(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const auto bytes = from_hex(json.at("hex").get<std::string>());
  if (!bytes) throw std::runtime_error("bad hexadecimal text");
  return std::string(bytes->begin(), bytes->end());
}

SandboxSpec decode_job(const Json& json) {
  SandboxSpec spec;
  spec.job_id = json.at("job_id").get<std::string>();
  for (const Json& argument : json.at("argv")) spec.argv.push_back(decode_bytes(argument));
  for (const auto& [name, value] : json.at("env").items()) spec.env[name] = decode_bytes(value);
  for (const Json& bind : json.at("binds")) spec.binds.push_back({decode_bytes(bind.at(0)), decode_bytes(bind.at(1))});
  spec.inputs = decode_bytes(json.at("inputs"));
  for (const Json& device : json.at("devices")) spec.devices.emplace_back(decode_bytes(device));
  spec.limits = decode_limits(json.at("limits"));
  return spec;
}

}  // namespace

std::string encode_spec(const StoredSpec& stored) {
  const SandboxSpec& spec = stored.spec;
  Json argv = Json::array();
  for (const std::string& argument : spec.argv) argv.push_back(encode_bytes(argument));
  Json env = Json::object();
  for (const auto& [name, value] : spec.env) env[name] = encode_bytes(value);
  Json binds = Json::array();
  for (const ReadOnlyBind& bind : spec.binds) {
    binds.push_back(Json::array({encode_bytes(bind.host.string()), encode_bytes(bind.inside.string())}));
  }
  Json devices = Json::array();
  for (const auto& device : spec.devices) devices.push_back(encode_bytes(device.string()));
  const Json json{{"job",
                   {{"job_id", spec.job_id},
                    {"argv", argv},
                    {"env", env},
                    {"binds", binds},
                    {"inputs", encode_bytes(spec.inputs.string())},
                    {"devices", devices},
                    {"limits", encode_limits(spec.limits)}}},
                  {"launch",
                   {{"bwrap_path", stored.launch.bwrap_path.string()},
                    {"init_path", stored.launch.init_path.string()},
                    {"mkfs_path", stored.launch.mkfs_path.string()},
                    {"cgroup_parent", stored.launch.cgroup_parent},
                    {"cgroup_group", stored.launch.cgroup_group}}}};
  return json.dump(1);
}

SandboxResult<StoredSpec> decode_spec(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    const Json& launch = json.at("launch");
    StoredSpec stored;
    stored.spec = decode_job(json.at("job"));
    stored.launch.bwrap_path = launch.at("bwrap_path").get<std::string>();
    stored.launch.init_path = launch.at("init_path").get<std::string>();
    stored.launch.mkfs_path = launch.at("mkfs_path").get<std::string>();
    stored.launch.cgroup_parent = launch.at("cgroup_parent").get<std::string>();
    stored.launch.cgroup_group = launch.at("cgroup_group").get<std::string>();
    return stored;
  } catch (const std::exception& error) {
    return fail(SandboxError{SandboxErrc::Corrupt, std::string("spec.json does not parse: ") + error.what()});
  }
}

}  // namespace starminer::provider::sandbox
