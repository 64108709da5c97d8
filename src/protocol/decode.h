// From wire messages to operations: lengths of ids and hashes, ranges of enums and narrow integers. What comes out is
// typed but not yet validated.
#pragma once

#include "base/result.h"
#include "protocol/attestors/attestors.h"
#include "protocol/contracts/contracts.h"
#include "protocol/governance/governance.h"
#include "protocol/ledger/ledger.h"
#include "protocol/market/market.h"
#include "protocol/operation/refusal.h"
#include "protocol/registry/registry.h"
#include "protocol/reserve/reserve.h"
#include "protocol/staking/staking.h"
#include "protocol/telemetry/telemetry.h"

namespace starminer::v1 {
class AccountClose;
class AttestorSet;
class ContractAccept;
class ContractAcknowledge;
class ContractComplete;
class ContractDecline;
class ContractFail;
class ContractProgress;
class ContractStart;
class ContractHostDone;
class JobCancel;
class JobRaise;
class JobSpec;
class JobSubmit;
class NodeAttest;
class NodeBenchmark;
class NodeRegister;
class NodeSetStatus;
class NodeUpdate;
class ParameterSet;
class ProviderRegister;
class ReserveJoin;
class ReserveLeave;
class StakeLock;
class StakeUnbond;
class TelemetryAggregate;
class TelemetryReport;
class Transfer;
}  // namespace starminer::v1

namespace starminer::protocol {

// All fail with InvalidField, naming the field.
[[nodiscard]] Result<Transfer, Refusal> decode(const v1::Transfer& message);
[[nodiscard]] Result<AccountClose, Refusal> decode(const v1::AccountClose& message);
[[nodiscard]] Result<StakeLock, Refusal> decode(const v1::StakeLock& message);
[[nodiscard]] Result<StakeUnbond, Refusal> decode(const v1::StakeUnbond& message);
[[nodiscard]] Result<ProviderRegister, Refusal> decode(const v1::ProviderRegister& message);
[[nodiscard]] Result<NodeRegister, Refusal> decode(const v1::NodeRegister& message);
[[nodiscard]] Result<NodeUpdate, Refusal> decode(const v1::NodeUpdate& message);
[[nodiscard]] Result<NodeSetStatus, Refusal> decode(const v1::NodeSetStatus& message);
[[nodiscard]] Result<TelemetryReport, Refusal> decode(const v1::TelemetryReport& message);
[[nodiscard]] Result<NodeBenchmark, Refusal> decode(const v1::NodeBenchmark& message);
[[nodiscard]] Result<TelemetryAggregate, Refusal> decode(const v1::TelemetryAggregate& message);
[[nodiscard]] Result<NodeAttest, Refusal> decode(const v1::NodeAttest& message);
[[nodiscard]] Result<AttestorSet, Refusal> decode(const v1::AttestorSet& message);
[[nodiscard]] Result<JobSpec, Refusal> decode(const v1::JobSpec& message);
[[nodiscard]] Result<JobSubmit, Refusal> decode(const v1::JobSubmit& message);
[[nodiscard]] Result<JobCancel, Refusal> decode(const v1::JobCancel& message);
[[nodiscard]] Result<JobRaise, Refusal> decode(const v1::JobRaise& message);
[[nodiscard]] Result<ContractAcknowledge, Refusal> decode(const v1::ContractAcknowledge& message);
[[nodiscard]] Result<ContractDecline, Refusal> decode(const v1::ContractDecline& message);
[[nodiscard]] Result<ContractStart, Refusal> decode(const v1::ContractStart& message);
[[nodiscard]] Result<ContractHostDone, Refusal> decode(const v1::ContractHostDone& message);
[[nodiscard]] Result<ContractProgress, Refusal> decode(const v1::ContractProgress& message);
[[nodiscard]] Result<ContractComplete, Refusal> decode(const v1::ContractComplete& message);
[[nodiscard]] Result<ContractFail, Refusal> decode(const v1::ContractFail& message);
[[nodiscard]] Result<ContractAccept, Refusal> decode(const v1::ContractAccept& message);
[[nodiscard]] Result<ReserveJoin, Refusal> decode(const v1::ReserveJoin& message);
[[nodiscard]] Result<ReserveLeave, Refusal> decode(const v1::ReserveLeave& message);
[[nodiscard]] Result<ParameterSet, Refusal> decode(const v1::ParameterSet& message);

}  // namespace starminer::protocol
