#include "provider/benchmark/transport.h"

#include <exception>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "provider/benchmark/report_json.h"

namespace starminer::provider::benchmark {
namespace {

using nlohmann::json;

constexpr int kFailureCodes = static_cast<int>(FailureCode::BadRequest) + 1;

WorkloadKind kind_from_json(const json& in) {
  const auto kind = parse_kind(in.get<std::string>());
  if (!kind) throw std::out_of_range("unknown kind");
  return *kind;
}

Measurement measurement_from_json(const json& in) {
  Measurement m;
  in.at("component").get_to(m.component);
  in.at("unit").get_to(m.unit);
  in.at("operations_per_second").get_to(m.operations_per_second);
  in.at("reference_per_second").get_to(m.reference_per_second);
  in.at("weight").get_to(m.weight);
  in.at("seconds_per_pass").get_to(m.seconds_per_pass);
  in.at("operations_per_pass").get_to(m.operations_per_pass);
  in.at("size").get_to(m.size);
  in.at("repetitions").get_to(m.repetitions);
  return m;
}

KindResult result_from_json(const json& in) {
  KindResult result;
  result.kind = kind_from_json(in.at("kind"));
  in.at("rating_x1000").get_to(result.rating_x1000);
  in.at("seconds").get_to(result.seconds);
  const auto digest = Hash32::from_hex(in.at("digest").get<std::string>());
  if (!digest) throw std::out_of_range("digest is no hash");
  result.digest = *digest;
  for (const auto& m : in.at("measurements")) result.measurements.push_back(measurement_from_json(m));
  return result;
}

DeviceReport report_from_json(const json& in) {
  DeviceReport report;
  in.at("device_id").get_to(report.device_id);
  in.at("device_name").get_to(report.device_name);
  in.at("hardware_class").get_to(report.hardware_class);
  in.at("platform").get_to(report.platform);
  in.at("driver_version").get_to(report.driver_version);
  for (const auto& result : in.at("results")) report.results.push_back(result_from_json(result));
  for (const auto& skipped : in.at("skipped")) {
    report.skipped.push_back({kind_from_json(skipped.at("kind")), skipped.at("reason").get<std::string>()});
  }
  return report;
}

}  // namespace

std::string encode_answer(const Result<DeviceReport, Failure>& answer) {
  json out;
  if (answer) {
    out["report"] = to_json_value(*answer);
  } else {
    out["failure"] = {{"code", static_cast<int>(answer.error().code)}, {"message", answer.error().message}};
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Result<DeviceReport, Failure>> decode_answer(std::string_view text) {
  try {
    const auto in = json::parse(text);
    if (in.contains("report")) return Result<DeviceReport, Failure>(report_from_json(in.at("report")));
    const auto& failure = in.at("failure");
    const int code = failure.at("code").get<int>();
    if (code < 0 || code >= kFailureCodes) return std::nullopt;
    return Result<DeviceReport, Failure>(
        fail(Failure{static_cast<FailureCode>(code), failure.at("message").get<std::string>()}));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace starminer::provider::benchmark
