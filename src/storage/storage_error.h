// What can go wrong with the disk. Plain values, any thread.
#pragma once

#include <cstdint>
#include <string>

namespace starminer::storage {

/// `Corrupt` means that stored bytes disagree with their hash: nothing was repaired.
enum class StorageFault : std::uint8_t { Open, Read, Write, Corrupt };

struct StorageError {
  StorageFault fault{};
  std::string text;  // what happened, where, and what to do
};

}  // namespace starminer::storage
