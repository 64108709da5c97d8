#include "api/artifact_access.h"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/lookup.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Machine;

constexpr std::uint64_t kManifestBytesMax = 4ULL << 20U;
// The store notes this many uploaders. What so many hold is no secret of one, and the rest are no longer noted.
constexpr std::size_t kUploadersNoted = 64;

bool has_uploader(const artifacts::ArtifactInfo& info, const AccountId& account) {
  return std::find(info.uploaders.begin(), info.uploaders.end(), account.text()) != info.uploaders.end();
}

bool contains(const std::vector<Hash32>& hashes, const Hash32& hash) {
  return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
}

void add_hash(const json& object, std::vector<Hash32>& out) {
  if (!object.is_object()) return;
  const auto found = object.find("sha256");
  if (found == object.end() || !found->is_string()) return;
  if (const auto hash = Hash32::from_hex(found->get_ref<const std::string&>())) out.push_back(*hash);
}

/// What a contract says about access, copied out of the state.
struct Terms {
  AccountId requester;
  AccountId provider;
  bool live = false;
  Hash32 manifest;
  std::vector<Hash32> inputs;
  Hash32 result;
  Hash32 proof;
  std::vector<Hash32> outputs;
};

}  // namespace

std::vector<Hash32> ArtifactAccess::named_by_manifest(const Hash32& manifest) const {
  std::vector<Hash32> hashes;
  const auto bytes = store_.read_all(manifest, kManifestBytesMax);
  if (!bytes) return hashes;
  const json document = json::parse(as_text(*bytes), nullptr, false);
  if (!document.is_object()) return hashes;
  if (const auto outputs = document.find("outputs"); outputs != document.end() && outputs->is_array()) {
    for (const json& output : *outputs) add_hash(output, hashes);
  }
  const auto add_logs = [&hashes](const json& of) {
    for (const char* name : {"stdout", "stderr"}) {
      if (const auto log = of.find(name); log != of.end()) add_hash(*log, hashes);
    }
  };
  add_logs(document);
  if (const auto hosts = document.find("hosts"); hosts != document.end() && hosts->is_array()) {
    for (const json& host : *hosts) {
      if (host.is_object()) add_logs(host);
    }
  }
  return hashes;
}

bool ArtifactAccess::may_read(const AccountId& reader, const Hash32& hash,
                              const std::optional<ContractId>& contract) const {
  const auto info = store_.find(hash);
  if (!info) return false;
  if (has_uploader(*info, reader)) return true;
  if (!contract) return false;
  const auto terms =
      read_contract(engine_, *contract, [](const Machine&, const protocol::ContractRow& row, const auto* /*archived*/) {
        return Terms{row.requester, row.provider,    !is_final(row.state), row.manifest_hash,
                     row.inputs,    row.result_hash, row.proof_hash,       row.outputs};
      });
  if (!terms) spdlog::critical("{}", terms.error().text);
  if (!terms || !*terms) return false;
  const bool widely_held = info->uploaders.size() >= kUploadersNoted;
  if (reader == (*terms)->provider && (*terms)->live && (widely_held || has_uploader(*info, (*terms)->requester)) &&
      (hash == (*terms)->manifest || contains((*terms)->inputs, hash))) {
    return true;
  }
  if (reader != (*terms)->requester || !(widely_held || has_uploader(*info, (*terms)->provider))) return false;
  return hash == (*terms)->result || hash == (*terms)->proof || contains((*terms)->outputs, hash) ||
         contains(named_by_manifest((*terms)->result), hash);
}

}  // namespace starminer::api
