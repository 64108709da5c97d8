// What can go wrong with the disk. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace starminer::storage {

/// `Corrupt` means that stored bytes disagree with their hash: nothing was repaired. `Full` means that the disk has no
/// room (ENOSPC, EDQUOT, EFBIG), that nothing of it is stored, and that the same may succeed later.
enum class StorageFault : std::uint8_t { Open, Read, Write, Corrupt, Full };

struct StorageError {
  StorageFault fault{};
  std::string text;  // what happened, where, and what to do
};

/// What a look-up gives: the value, nothing where there is none, or why that cannot be told.
template <class T>
using Found = Result<std::optional<T>, StorageError>;

}  // namespace starminer::storage
