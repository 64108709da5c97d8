// What random transactions ask of contracts: the step that comes next, host by host where a gang runs the job, or one
// that ends it.
#include <algorithm>
#include <array>

#include "scenario/driver.h"
#include "scenario/driver_names.h"

namespace starminer::scenario {
namespace {

using protocol::ContractRow;
using protocol::ContractState;
using protocol::EndReason;
using protocol::GangHost;
using protocol::JobRow;
using protocol::JobState;

constexpr std::array<EndReason, 9> kReasons = {
    EndReason::BadPayload,    EndReason::BadPayload,  EndReason::ResourceLimitRequester,
    EndReason::InputsMissing, EndReason::DeviceError, EndReason::ProviderError,
    EndReason::Completed,     EndReason::None,        EndReason::Preempted};

bool has_steps_of_hosts(const ContractRow* row) {
  return row != nullptr && !row->gang.empty() &&
         (row->state == ContractState::Preparing || row->state == ContractState::Running);
}

std::vector<NodeId> hosts_where(const ContractRow& row, bool (*is_wanted)(const GangHost&)) {
  std::vector<NodeId> hosts;
  for (const GangHost& host : row.gang) {
    if (is_wanted(host)) hosts.push_back(host.node);
  }
  return hosts;
}

/// But for the lead, which completes the job.
std::vector<NodeId> hosts_to_end(const ContractRow& row) {
  std::vector<NodeId> hosts = hosts_where(row, [](const GangHost& host) { return host.done.ms == 0; });
  std::erase(hosts, row.node);
  return hosts;
}

}  // namespace

ContractId Driver::random_contract() {
  const auto& table = chain_.machine().contracts().table();
  if (table.empty() || dice_.chance(2)) return ContractId{{static_cast<std::uint8_t>(dice_.below(256))}};
  std::vector<ContractId> live;
  for (const auto& [job, row] : chain_.machine().market().jobs()) {
    if (row.state != JobState::Active) continue;
    const ContractRow* contract = table.find(row.contract);
    const bool gang = contract != nullptr && !contract->gang.empty();
    // A gang has more steps before it than others, and several in a block.
    if (has_steps_of_hosts(contract) || !touched_.contains(row.contract))
      live.insert(live.end(), gang ? 6 : 1, row.contract);
  }
  if (!live.empty() && dice_.chance(95)) {
    const ContractId& id = dice_.pick(live);
    touched_.insert(id);
    return id;
  }
  if (dice_.chance(70)) return {};
  return nth_key(table, dice_.below(table.size()));
}

/// A second provider often says what the first one said: only that makes it the requester's fault.
EndReason Driver::reason_to_fail(const ContractRow& row) {
  if (row.notice && dice_.chance(60)) return EndReason::Preempted;
  const JobRow* job = chain_.machine().market().jobs().find(row.job);
  const ContractRow* first = job != nullptr ? chain_.machine().contracts().table().find(job->fault_claim) : nullptr;
  return first != nullptr && dice_.chance(50) ? first->end_reason : dice_.pick(kReasons);
}

/// Mostly one of these; at times any node. Nothing is the contract's own.
NodeId Driver::host_of(const ContractRow& row, const std::vector<NodeId>& hosts) {
  if (dice_.chance(4)) return random_node_id();
  if (hosts.empty()) return dice_.chance(80) ? NodeId{} : row.node;
  const NodeId& host = dice_.pick(hosts);
  return host == row.node && dice_.chance(50) ? NodeId{} : host;
}

/// Of each host by itself; now and then one is silent.
void Driver::report_progress(v1::ContractProgress& report, const ContractId& id, const ContractRow& row,
                             std::uint64_t run_ms) {
  std::map<NodeId, std::uint64_t> said;
  for (const GangHost& host : row.gang) {
    if (dice_.chance(12)) continue;
    const bool lead = host.node == row.node;
    said[lead && dice_.chance(50) ? NodeId{} : host.node] = lead ? run_ms : dice_.below(run_ms / 2 + 1);
  }
  if (said.empty()) said[host_of(row, {})] = run_ms;
  if (dice_.chance(3)) said[row.node] = dice_.below(run_ms / 2 + 1);  // maybe twice: by name and without
  for (const auto& [host, ran] : said) {
    auto& entry = *report.add_entries();
    entry.set_contract(to_text(id.view()));
    entry.set_run_ms(ran);
    if (!host.is_zero()) entry.set_node(to_text(host.view()));
  }
}

/// The step that the owner of a contract would take next, or one that ends it.
Driver::Wish Driver::natural_contract_wish(const ContractId& id, const ContractRow& row) {
  const std::string contract = to_text(id.view());
  const TimeMs now{chain_.now().ms - chain_.machine().chain().halted.ms};
  const std::uint64_t run_ms =
      dice_.chance(90) ? std::max(elapsed(now, row.started).ms, row.progress_run_ms) : dice_.number(100'000);
  const std::string sender = name_of(row.state == ContractState::Delivered ? row.requester : row.provider);
  const bool gang = !row.gang.empty();
  const std::vector<NodeId> to_end = hosts_to_end(row);
  return {sender, chain_.body(sender, [&](v1::TransactionBody& body) {
            const std::uint64_t kind = dice_.below(100);
            if (row.state == ContractState::Delivered) {
              body.mutable_contract_accept()->set_contract(contract);
            } else if (kind < (gang ? 2 : 8) && row.state != ContractState::Running) {
              body.mutable_contract_decline()->set_contract(contract);
            } else if ((kind < (gang ? 6 : 25) || row.notice) && row.state != ContractState::Assigned) {
              auto& message = *body.mutable_contract_fail();
              message.set_contract(contract);
              message.set_reason(static_cast<std::uint32_t>(reason_to_fail(row)));
              message.set_run_ms(row.started.ms == 0 ? 0 : run_ms);
            } else if (row.state == ContractState::Assigned) {
              body.mutable_contract_acknowledge()->set_contract(contract);
            } else if (row.state == ContractState::Preparing) {
              const auto waits = hosts_where(row, [](const GangHost& host) { return host.ready.ms == 0; });
              const NodeId host = host_of(row, waits);
              body.mutable_contract_start()->set_contract(contract);
              if (!host.is_zero()) body.mutable_contract_start()->set_node(to_text(host.view()));
            } else if (kind < (gang ? 45 : 65)) {
              report_progress(*body.mutable_contract_progress(), id, row, run_ms);
            } else if (kind < 88 ? !to_end.empty() : kind > 97) {
              auto& message = *body.mutable_contract_host_done();
              message.set_contract(contract);
              message.set_node(to_text(host_of(row, to_end).view()));
              message.set_report_hash(dice_.chance(97) ? hash_text("report") : to_text(Hash32{}.view()));
            } else {
              auto& message = *body.mutable_contract_complete();
              message.set_contract(contract);
              message.set_run_ms(run_ms);
              message.set_result_hash(hash_text("result"));
              message.set_proof_hash(hash_text("proof"));
            }
          })};
}

Driver::Wish Driver::contract_wish() {
  const ContractId id = random_contract();
  const ContractRow* row = chain_.machine().contracts().table().find(id);
  ContractRow unknown;
  if (row == nullptr && dice_.chance(90)) return submit_wish();
  if (row == nullptr) row = &unknown;
  Wish wanted = natural_contract_wish(id, *row);
  if (!dice_.chance(15)) return wanted;
  // Somebody else tries the same, or the owner tries it in another state.
  ContractRow other = *row;
  other.state = static_cast<ContractState>(dice_.below(enum_count(ContractState{})));
  wanted = natural_contract_wish(id, other);
  if (dice_.chance(50)) {
    const v1::TransactionBody body = wanted.body;
    wanted.sender = dice_.pick(kEverybody);
    wanted.body = chain_.body(wanted.sender, [&](v1::TransactionBody& target) {
      const std::uint64_t sequence = target.sequence();
      target = body;
      target.set_sequence(sequence);
    });
  }
  return wanted;
}

}  // namespace starminer::scenario
