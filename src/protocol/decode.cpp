#include "protocol/decode.h"

#include <limits>

#include <fmt/format.h>

#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {
namespace {

/// Reads fields one after the other and keeps the first fault.
class Reader {
 public:
  template <class T>
  T fixed(const std::string& bytes, std::string_view field) {
    const auto value = T::from_view(as_bytes(bytes));
    if (!value) note(fmt::format("{}: {} bytes given, {} expected", field, bytes.size(), sizeof(T{}.bytes)));
    return value.value_or(T{});
  }
  template <class T>
  T fixed_or_zero(const std::string& bytes, std::string_view field) {
    return bytes.empty() ? T{} : fixed<T>(bytes, field);
  }
  template <class T>
  T narrow(std::uint64_t value, std::string_view field) {
    if (value > std::numeric_limits<T>::max()) {
      note(fmt::format("{}: {} is above {}", field, value, std::numeric_limits<T>::max()));
      return {};
    }
    return static_cast<T>(value);
  }
  template <class E>
  E enumerator(std::uint64_t value, std::string_view field) {
    if (value >= enum_count(E{})) {
      note(fmt::format("{}: {} is not one of its values", field, value));
      return {};
    }
    return static_cast<E>(value);
  }
  template <class T, class Repeated>
  std::vector<T> list(const Repeated& items, std::string_view field) {
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>(items.size()));
    for (const auto& item : items) values.push_back(fixed<T>(item, field));
    return values;
  }
  template <class T>
  Result<T, Refusal> result(T value) {
    if (!fault_.empty()) return fail(Refusal{RefusalCode::InvalidField, fault_});
    return value;
  }

 private:
  void note(std::string fault) {
    if (fault_.empty()) fault_ = std::move(fault);
  }
  std::string fault_;
};

std::uint64_t number(int value) { return static_cast<std::uint64_t>(static_cast<std::uint32_t>(value)); }

template <class Repeated>
std::vector<std::string> texts(const Repeated& items) {
  return {items.begin(), items.end()};
}

OfferRequest read_offer(const v1::Offer& message, Reader& reader) {
  OfferRequest request;
  request.region = message.region();
  request.runtimes = texts(message.runtimes());
  request.images = reader.list<Hash32>(message.images(), "offer.images");
  Offer& offer = request.offer;
  offer.country = message.country();
  offer.site = message.site();
  offer.site_tier = reader.narrow<std::uint8_t>(message.site_tier(), "offer.site_tier");
  offer.sandbox_tier = reader.narrow<std::uint8_t>(message.sandbox_tier(), "offer.sandbox_tier");
  offer.last_mile_level = reader.narrow<std::uint8_t>(message.last_mile_level(), "offer.last_mile_level");
  offer.floor_32nds = reader.narrow<std::uint8_t>(message.floor_32nds(), "offer.floor_32nds");
  offer.energy.g_co2_per_kwh = message.energy().g_co2_per_kwh();
  offer.energy.renewable_ppm = message.energy().renewable_ppm();
  offer.energy.pue_ppm = message.energy().pue_ppm();
  offer.energy.certificate =
      reader.fixed_or_zero<Hash32>(message.energy().certificate_hash(), "offer.energy.certificate_hash");
  return request;
}

template <class Repeated>
std::vector<RatingClaim> read_ratings(const Repeated& items, Reader& reader) {
  std::vector<RatingClaim> claims;
  for (const v1::Rating& item : items) {
    claims.push_back(
        {reader.enumerator<JobKind>(item.kind(), "ratings.kind"),
         {item.cu_per_device_x1000(), reader.fixed<Hash32>(item.benchmark_digest(), "ratings.benchmark_digest")}});
  }
  return claims;
}

Hardware read_hardware(const v1::Hardware& message, Reader& reader) {
  Hardware hardware;
  hardware.model = message.model();
  hardware.devices = message.devices();
  hardware.device_memory_bytes = message.device_memory_bytes();
  hardware.interconnect = reader.narrow<std::uint8_t>(message.interconnect(), "hardware.interconnect");
  hardware.cpu_threads = message.cpu_threads();
  hardware.ram_bytes = message.ram_bytes();
  hardware.disk_bytes = message.disk_bytes();
  hardware.network_up_mbps = message.network_up_mbps();
  hardware.network_down_mbps = message.network_down_mbps();
  return hardware;
}

Resources read_resources(const v1::Resources& message, Reader& reader) {
  Resources resources;
  resources.classes = texts(message.classes());
  resources.gpus = message.gpus();
  resources.share_milli = message.gpu_share_milli();
  resources.gpu_memory_bytes = message.gpu_memory_bytes();
  resources.cpu_milli = message.cpu_milli();
  resources.ram_bytes = message.ram_bytes();
  resources.disk_bytes = message.disk_bytes();
  resources.interconnect = reader.narrow<std::uint8_t>(message.interconnect(), "resources.interconnect");
  return resources;
}

Where read_where(const v1::Where& message, Reader& reader) {
  Where where;
  where.prefer = texts(message.prefer());
  where.allow = texts(message.allow());
  where.residency = message.residency();
  where.site_tier_min = reader.narrow<std::uint8_t>(message.site_tier_min(), "where.site_tier_min");
  where.sandbox_tier_min = reader.narrow<std::uint8_t>(message.sandbox_tier_min(), "where.sandbox_tier_min");
  for (const std::uint32_t kind : message.tee_kinds()) {
    where.tee_kinds.push_back(reader.narrow<std::uint8_t>(kind, "where.tee_kinds"));
  }
  where.reputation_min = reader.narrow<std::uint8_t>(message.reputation_min(), "where.reputation_min");
  where.excluded_providers = reader.list<AccountId>(message.excluded_providers(), "where.excluded_providers");
  return where;
}

JobSpec read_spec(const v1::JobSpec& message, Reader& reader) {
  JobSpec spec;
  spec.kind = reader.enumerator<JobKind>(number(message.kind()), "spec.kind");
  spec.runtime = message.runtime();
  spec.image = reader.fixed_or_zero<Hash32>(message.image(), "spec.image");
  spec.manifest_hash = reader.fixed<Hash32>(message.manifest_hash(), "spec.manifest_hash");
  spec.inputs = reader.list<Hash32>(message.inputs(), "spec.inputs");
  spec.input_bytes = message.input_bytes();
  spec.resources = read_resources(message.resources(), reader);
  spec.placement = reader.enumerator<Placement>(number(message.placement()), "spec.placement");
  spec.expected_s = message.expected_s();
  spec.max_s = message.max_s();
  spec.deadline = {message.deadline_ms()};
  spec.start_within = {message.start_within_ms()};
  spec.latency_ms = message.latency_ms();
  spec.urgency = reader.enumerator<Urgency>(number(message.urgency()), "spec.urgency");
  spec.dedicated = message.dedicated();
  spec.tier = reader.enumerator<TierChoice>(number(message.tier()), "spec.tier");
  spec.allow_downgrade = message.allow_downgrade();
  spec.wait = message.wait();
  spec.where = read_where(message.where(), reader);
  spec.max_price = {message.max_price()};
  spec.budget = {message.budget()};
  spec.preemptible = message.preemptible();
  spec.credits = message.credits();
  spec.price_lock = message.price_lock();
  spec.hosts_max = message.hosts_max();
  return spec;
}

template <class Op, class Message>
Result<Op, Refusal> decode_contract_only(const Message& message) {
  Reader reader;
  Op op;
  op.contract = reader.fixed<ContractId>(message.contract(), "contract");
  return reader.result(op);
}

}  // namespace

Result<Transfer, Refusal> decode(const v1::Transfer& message) {
  Reader reader;
  Transfer op;
  op.to = reader.fixed<AccountId>(message.to(), "to");
  op.asset = reader.enumerator<Asset>(number(message.asset()), "asset");
  op.amount = message.amount();
  return reader.result(op);
}

Result<AccountClose, Refusal> decode(const v1::AccountClose& message) {
  Reader reader;
  AccountClose op;
  op.beneficiary = reader.fixed<AccountId>(message.beneficiary(), "beneficiary");
  return reader.result(op);
}

Result<StakeLock, Refusal> decode(const v1::StakeLock& message) {
  Reader reader;
  StakeLock op;
  op.asset = reader.enumerator<Asset>(number(message.asset()), "asset");
  op.amount = message.amount();
  return reader.result(op);
}

Result<StakeUnbond, Refusal> decode(const v1::StakeUnbond& message) {
  Reader reader;
  StakeUnbond op;
  op.asset = reader.enumerator<Asset>(number(message.asset()), "asset");
  op.amount = message.amount();
  return reader.result(op);
}

Result<ParameterSet, Refusal> decode(const v1::ParameterSet& message) {
  Reader reader;
  ParameterSet op;
  op.number = reader.narrow<std::uint16_t>(message.parameter(), "parameter");
  op.value = message.value();
  return reader.result(op);
}

Result<ProviderRegister, Refusal> decode(const v1::ProviderRegister& message) {
  Reader reader;
  ProviderRegister op;
  op.display_name = message.display_name();
  op.payout = reader.fixed_or_zero<AccountId>(message.payout(), "payout");
  return reader.result(std::move(op));
}

Result<NodeRegister, Refusal> decode(const v1::NodeRegister& message) {
  Reader reader;
  NodeRegister op;
  op.hardware_class = message.hardware().hardware_class();
  op.hardware = read_hardware(message.hardware(), reader);
  op.offer = read_offer(message.offer(), reader);
  op.ratings = read_ratings(message.ratings(), reader);
  op.name = message.name();
  return reader.result(std::move(op));
}

Result<NodeUpdate, Refusal> decode(const v1::NodeUpdate& message) {
  Reader reader;
  NodeUpdate op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.offer = read_offer(message.offer(), reader);
  op.ratings = read_ratings(message.ratings(), reader);
  return reader.result(std::move(op));
}

Result<NodeSetStatus, Refusal> decode(const v1::NodeSetStatus& message) {
  Reader reader;
  NodeSetStatus op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.change = reader.enumerator<NodeChange>(number(message.change()), "change");
  return reader.result(op);
}

Result<ReserveJoin, Refusal> decode(const v1::ReserveJoin& message) {
  Reader reader;
  ReserveJoin op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.amount = {message.amount()};
  op.window = {message.window_ms()};
  return reader.result(op);
}

Result<ReserveLeave, Refusal> decode(const v1::ReserveLeave& message) {
  Reader reader;
  ReserveLeave op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  return reader.result(op);
}

Result<TelemetryReport, Refusal> decode(const v1::TelemetryReport& message) {
  Reader reader;
  TelemetryReport op;
  op.silent = reader.list<NodeId>(message.silent(), "silent");
  op.heard = reader.list<NodeId>(message.heard(), "heard");
  return reader.result(std::move(op));
}

Result<NodeBenchmark, Refusal> decode(const v1::NodeBenchmark& message) {
  Reader reader;
  NodeBenchmark op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.seed = reader.fixed<Hash32>(message.seed(), "seed");
  op.ratings = read_ratings(message.ratings(), reader);
  return reader.result(std::move(op));
}

Result<TelemetryAggregate, Refusal> decode(const v1::TelemetryAggregate& message) {
  Reader reader;
  TelemetryAggregate op;
  op.epoch = message.epoch();
  op.raw_hash = reader.fixed<Hash32>(message.raw_hash(), "raw_hash");
  for (const auto& entry : message.entries()) {
    op.entries.push_back({reader.fixed<NodeId>(entry.node(), "entries.node"),
                          {entry.beats(), entry.p50_ms(), entry.p90_ms(), entry.p99_ms()}});
  }
  return reader.result(std::move(op));
}

Result<NodeAttest, Refusal> decode(const v1::NodeAttest& message) {
  Reader reader;
  NodeAttest op;
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.aspect = reader.enumerator<Aspect>(message.aspect(), "aspect");
  op.claim = reader.fixed_or_zero<Hash32>(message.claim(), "claim");
  op.valid = {message.valid_ms()};
  return reader.result(op);
}

Result<AttestorSet, Refusal> decode(const v1::AttestorSet& message) {
  Reader reader;
  AttestorSet op;
  op.account = reader.fixed<AccountId>(message.account(), "account");
  op.present = message.present();
  return reader.result(op);
}

Result<JobSpec, Refusal> decode(const v1::JobSpec& message) {
  Reader reader;
  JobSpec spec = read_spec(message, reader);
  return reader.result(std::move(spec));
}

Result<JobSubmit, Refusal> decode(const v1::JobSubmit& message) {
  Reader reader;
  JobSubmit op;
  op.client_id = message.client_id();
  op.spec = read_spec(message.spec(), reader);
  return reader.result(std::move(op));
}

Result<JobCancel, Refusal> decode(const v1::JobCancel& message) {
  Reader reader;
  JobCancel op;
  op.job = reader.fixed<JobId>(message.job(), "job");
  return reader.result(op);
}

Result<JobRaise, Refusal> decode(const v1::JobRaise& message) {
  Reader reader;
  JobRaise op;
  op.job = reader.fixed<JobId>(message.job(), "job");
  op.budget = {message.budget()};
  op.max_price = {message.max_price()};
  return reader.result(op);
}

Result<ContractAcknowledge, Refusal> decode(const v1::ContractAcknowledge& message) {
  return decode_contract_only<ContractAcknowledge>(message);
}

Result<ContractDecline, Refusal> decode(const v1::ContractDecline& message) {
  return decode_contract_only<ContractDecline>(message);
}

Result<ContractStart, Refusal> decode(const v1::ContractStart& message) {
  Reader reader;
  ContractStart op;
  op.contract = reader.fixed<ContractId>(message.contract(), "contract");
  op.node = reader.fixed_or_zero<NodeId>(message.node(), "node");
  return reader.result(op);
}

Result<ContractHostDone, Refusal> decode(const v1::ContractHostDone& message) {
  Reader reader;
  ContractHostDone op;
  op.contract = reader.fixed<ContractId>(message.contract(), "contract");
  op.node = reader.fixed<NodeId>(message.node(), "node");
  op.report_hash = reader.fixed<Hash32>(message.report_hash(), "report_hash");
  return reader.result(op);
}

Result<ContractAccept, Refusal> decode(const v1::ContractAccept& message) {
  return decode_contract_only<ContractAccept>(message);
}

Result<ContractProgress, Refusal> decode(const v1::ContractProgress& message) {
  Reader reader;
  ContractProgress op;
  for (const auto& entry : message.entries()) {
    op.entries.push_back({reader.fixed<ContractId>(entry.contract(), "entries.contract"), entry.run_ms(),
                          reader.fixed_or_zero<NodeId>(entry.node(), "entries.node")});
  }
  return reader.result(std::move(op));
}

Result<ContractComplete, Refusal> decode(const v1::ContractComplete& message) {
  Reader reader;
  ContractComplete op;
  op.contract = reader.fixed<ContractId>(message.contract(), "contract");
  op.run_ms = message.run_ms();
  op.result_hash = reader.fixed<Hash32>(message.result_hash(), "result_hash");
  op.outputs = reader.list<Hash32>(message.outputs(), "outputs");
  op.proof_hash = reader.fixed<Hash32>(message.proof_hash(), "proof_hash");
  return reader.result(std::move(op));
}

Result<ContractFail, Refusal> decode(const v1::ContractFail& message) {
  Reader reader;
  ContractFail op;
  op.contract = reader.fixed<ContractId>(message.contract(), "contract");
  op.run_ms = message.run_ms();
  op.reason = reader.enumerator<EndReason>(message.reason(), "reason");
  op.report_hash = reader.fixed_or_zero<Hash32>(message.report_hash(), "report_hash");
  return reader.result(op);
}

}  // namespace starminer::protocol
