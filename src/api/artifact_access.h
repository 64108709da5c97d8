// Who may read an artifact: who uploaded it, and the other side of a contract that names it. An artifact is reachable
// through a contract only if the party that named it had uploaded it, so that nobody reads a stranger's bytes by naming
// their hash in a job or a result of his own. Thread-safe.
#pragma once

#include <optional>

#include "artifacts/store.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::engine {
class Engine;
}

namespace starminer::api {

class ArtifactAccess {
 public:
  ArtifactAccess(const engine::Engine& engine, const artifacts::Store& store) : engine_(engine), store_(store) {}

  /// `contract`: the one that the reader refers to, if any. False also where the artifact does not exist.
  [[nodiscard]] bool may_read(const AccountId& reader, const Hash32& hash,
                              const std::optional<ContractId>& contract) const;
  /// Hashes that a stored result manifest names: outputs and logs. Empty where there is none or it is malformed.
  [[nodiscard]] std::vector<Hash32> named_by_manifest(const Hash32& manifest) const;

 private:
  const engine::Engine& engine_;
  const artifacts::Store& store_;
};

}  // namespace starminer::api
