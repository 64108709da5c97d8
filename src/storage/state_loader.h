// Puts stored rows and leaves into a fresh machine: the caller's thread fills its tables while a second thread hashes
// the rows for the commitment; at the end both build one half of it each. One caller.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "protocol/machine.h"

namespace starminer::storage {

class StateLoader {
 public:
  /// The machine must be fresh and outlive the loader.
  explicit StateLoader(protocol::Machine& machine);
  ~StateLoader();
  StateLoader(const StateLoader&) = delete;
  StateLoader& operator=(const StateLoader&) = delete;

  /// A row by table number and key, in any order. False where it does not decode or was there before.
  [[nodiscard]] bool add_row(ByteView key, ByteView row);
  /// The history, in order: its first parts by their hashes, then leaves.
  void add_part(const Hash32& part_hash);
  void add_leaf(ByteView leaf);
  /// Builds and checks the whole. Fails with what is wrong; the machine may then only be destroyed.
  [[nodiscard]] Result<void, std::string> finish(const Hash32& app_hash);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::storage
