// The agent's view of the chain: its transactions, from any thread, one after the other (they share one account), and
// what the node says of its contracts. Calls block; every send survives a restart of the node.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "client/api.h"
#include "protocol/job/end_reason.h"

namespace starminer::provider {

using client::ApiError;

class Chain {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Chain>, ApiError> connect(const std::string& url, const SigningKey& key);

  [[nodiscard]] Result<client::Receipt, ApiError> send(const v1::TransactionBody& operation);

  // The contract's operations. A refusal of class "the state does not allow this" comes back as E5104.
  [[nodiscard]] Result<client::Receipt, ApiError> acknowledge(const ContractId& contract);
  [[nodiscard]] Result<client::Receipt, ApiError> decline(const ContractId& contract);
  /// Of a gang: on this host. A zero node is the contract's own, here and below.
  [[nodiscard]] Result<client::Receipt, ApiError> start(const ContractId& contract, const NodeId& node);
  [[nodiscard]] Result<client::Receipt, ApiError> host_done(const ContractId& contract, const NodeId& node,
                                                            const Hash32& report);
  struct Progress {
    ContractId contract;
    std::uint64_t run_ms = 0;
    NodeId node{};
  };
  [[nodiscard]] Result<client::Receipt, ApiError> progress(std::vector<Progress> entries);
  [[nodiscard]] Result<client::Receipt, ApiError> complete(const ContractId& contract, std::uint64_t run_ms,
                                                           const Hash32& result, const std::vector<Hash32>& outputs,
                                                           const Hash32& proof);
  [[nodiscard]] Result<client::Receipt, ApiError> report_failure(const ContractId& contract, std::uint64_t run_ms,
                                                                 protocol::EndReason reason, const Hash32& report);

  [[nodiscard]] Result<nlohmann::json, ApiError> get(std::string_view target);
  [[nodiscard]] Result<nlohmann::json, ApiError> post(std::string_view target, const nlohmann::json& body);
  [[nodiscard]] Result<nlohmann::json, ApiError> contract(const ContractId& contract);

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const SigningKey& key() const { return key_; }

 private:
  Chain(std::string url, SigningKey key, std::unique_ptr<client::Api> api);

  std::string url_;
  SigningKey key_;
  std::mutex mutex_;
  std::unique_ptr<client::Api> api_;
};

}  // namespace starminer::provider
