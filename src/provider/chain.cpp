#include "provider/chain.h"

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "starminer/v1/transaction.pb.h"

namespace starminer::provider {
namespace {

std::string raw(ByteView bytes) { return to_text(bytes); }

}  // namespace

Result<std::unique_ptr<Chain>, ApiError> Chain::connect(const std::string& url, const SigningKey& key) {
  auto api = client::Api::connect(url, key);
  if (!api) return fail(std::move(api.error()));
  return std::unique_ptr<Chain>(new Chain(url, key, std::move(*api)));
}

Chain::Chain(std::string url, SigningKey key, std::unique_ptr<client::Api> api)
    : url_(std::move(url)), key_(std::move(key)), api_(std::move(api)) {}

Result<client::Receipt, ApiError> Chain::send(const v1::TransactionBody& operation) {
  const std::lock_guard lock(mutex_);
  return api_->send(operation);
}

Result<client::Receipt, ApiError> Chain::acknowledge(const ContractId& contract) {
  v1::TransactionBody body;
  body.mutable_contract_acknowledge()->set_contract(raw(contract.view()));
  return send(body);
}

Result<client::Receipt, ApiError> Chain::decline(const ContractId& contract) {
  v1::TransactionBody body;
  body.mutable_contract_decline()->set_contract(raw(contract.view()));
  return send(body);
}

Result<client::Receipt, ApiError> Chain::start(const ContractId& contract, const NodeId& node) {
  v1::TransactionBody body;
  body.mutable_contract_start()->set_contract(raw(contract.view()));
  if (!node.is_zero()) body.mutable_contract_start()->set_node(raw(node.view()));
  return send(body);
}

Result<client::Receipt, ApiError> Chain::host_done(const ContractId& contract, const NodeId& node,
                                                   const Hash32& report) {
  v1::TransactionBody body;
  auto* done = body.mutable_contract_host_done();
  done->set_contract(raw(contract.view()));
  done->set_node(raw(node.view()));
  done->set_report_hash(raw(report.view()));
  return send(body);
}

Result<client::Receipt, ApiError> Chain::progress(std::vector<Progress> entries) {
  // The protocol wants ascending ids, so that a report has one form.
  std::sort(entries.begin(), entries.end(), [](const Progress& a, const Progress& b) {
    return std::tie(a.contract, a.node) < std::tie(b.contract, b.node);
  });
  v1::TransactionBody body;
  for (const Progress& entry : entries) {
    auto* item = body.mutable_contract_progress()->add_entries();
    item->set_contract(raw(entry.contract.view()));
    item->set_run_ms(entry.run_ms);
    if (!entry.node.is_zero()) item->set_node(raw(entry.node.view()));
  }
  return send(body);
}

Result<client::Receipt, ApiError> Chain::complete(const ContractId& contract, std::uint64_t run_ms,
                                                  const Hash32& result, const std::vector<Hash32>& outputs,
                                                  const Hash32& proof) {
  v1::TransactionBody body;
  auto* complete = body.mutable_contract_complete();
  complete->set_contract(raw(contract.view()));
  complete->set_run_ms(run_ms);
  complete->set_result_hash(raw(result.view()));
  for (const Hash32& output : outputs) complete->add_outputs(raw(output.view()));
  complete->set_proof_hash(raw(proof.view()));
  return send(body);
}

Result<client::Receipt, ApiError> Chain::report_failure(const ContractId& contract, std::uint64_t run_ms,
                                                        protocol::EndReason reason, const Hash32& report) {
  v1::TransactionBody body;
  auto* failure = body.mutable_contract_fail();
  failure->set_contract(raw(contract.view()));
  failure->set_run_ms(run_ms);
  failure->set_reason(static_cast<std::uint32_t>(reason));
  if (!report.is_zero()) failure->set_report_hash(raw(report.view()));
  return send(body);
}

Result<nlohmann::json, ApiError> Chain::get(std::string_view target) {
  const std::lock_guard lock(mutex_);
  return api_->get(target);
}

Result<nlohmann::json, ApiError> Chain::post(std::string_view target, const nlohmann::json& body) {
  const std::lock_guard lock(mutex_);
  return api_->post(target, body);
}

Result<nlohmann::json, ApiError> Chain::contract(const ContractId& contract) {
  return get("/v1/contracts/" + contract.text());
}

}  // namespace starminer::provider
