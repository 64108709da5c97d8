#include "provider/benchmark/report_json.h"

#include <string>

#include <nlohmann/json.hpp>

namespace starminer::provider::benchmark {
namespace {

using nlohmann::json;

json measurement_to_json(const Measurement& m) {
  return {{"component", m.component},
          {"unit", m.unit},
          {"operations_per_second", m.operations_per_second},
          {"reference_per_second", m.reference_per_second},
          {"weight", m.weight},
          {"seconds_per_pass", m.seconds_per_pass},
          {"operations_per_pass", m.operations_per_pass},
          {"size", m.size},
          {"repetitions", m.repetitions}};
}

json result_to_json(const KindResult& result) {
  json out{{"kind", std::string(kind_name(result.kind))},
           {"rating_x1000", result.rating_x1000},
           {"seconds", result.seconds},
           {"digest", result.digest.hex()},
           {"measurements", json::array()}};
  for (const auto& m : result.measurements) out["measurements"].push_back(measurement_to_json(m));
  return out;
}

}  // namespace

json to_json_value(const DeviceReport& report) {
  json out{{"device_id", report.device_id},
           {"device_name", report.device_name},
           {"hardware_class", report.hardware_class},
           {"platform", report.platform},
           {"driver_version", report.driver_version},
           {"results", json::array()},
           {"skipped", json::array()}};
  for (const auto& result : report.results) out["results"].push_back(result_to_json(result));
  for (const auto& skipped : report.skipped) {
    out["skipped"].push_back({{"kind", std::string(kind_name(skipped.kind))}, {"reason", skipped.reason}});
  }
  return out;
}

json to_json_value(const NodeReport& report) {
  json out{{"seed", report.seed.hex()},
           {"quick", report.quick},
           {"benchmark_id", report.benchmark_id.hex()},
           {"hardware_class", report.hardware_class},
           {"model", report.model},
           {"ratings", json::array()},
           {"devices", json::array()}};
  for (const auto& rating : report.ratings) {
    out["ratings"].push_back({{"kind", std::string(kind_name(rating.kind))},
                              {"rating_x1000", rating.rating_x1000},
                              {"digest", rating.digest.hex()}});
  }
  for (const auto& device : report.devices) out["devices"].push_back(to_json_value(device));
  return out;
}

}  // namespace starminer::provider::benchmark
