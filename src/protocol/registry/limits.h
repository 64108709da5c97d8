// The limits of the registry's operations, each with the refusal for passing it; those that a job shares are in
// job/limits.h. Fixed, since they bound loops and stored rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/job/limits.h"

namespace starminer::protocol {

// TooManyItems
inline constexpr std::size_t kNodeRuntimesMax = 64;
inline constexpr std::size_t kNodeImagesMax = 512;
inline constexpr std::size_t kTelemetryNodesMax = 1000;  // of each list

// InvalidField: texts, in bytes
inline constexpr std::size_t kDisplayNameMax = 64;
inline constexpr std::size_t kNodeNameMax = 64;
inline constexpr std::size_t kModelNameMax = 96;

// InvalidField: ranges, both ends included
inline constexpr std::uint64_t kNodeDevicesMax = 64;
inline constexpr std::uint64_t kCpuThreadsMax = 4096;
inline constexpr std::uint64_t kNetworkMbpsMax = 10'000'000;
inline constexpr std::uint64_t kLastMileLevelMax = 7;
inline constexpr std::uint64_t kCarbonMax = 5'000;      // gCO2 per kWh
inline constexpr std::uint64_t kPueMinPpm = 1'000'000;  // or 0: not stated
inline constexpr std::uint64_t kPueMaxPpm = 10'000'000;
inline constexpr std::uint64_t kPriceFloorMax = 255;  // 1/32 of the anchor; the price ceiling is 256

// Of the governed tables
inline constexpr std::size_t kClassesMax = 32;
inline constexpr std::size_t kRegionsMax = 64;

}  // namespace starminer::protocol
