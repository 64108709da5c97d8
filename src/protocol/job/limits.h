// The limits of a job specification, each with the refusal for passing it. They bound every loop and every stored row,
// so they are fixed; what governance may tighten further lies in the parameters.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starminer::protocol {

// TooManyItems
inline constexpr std::size_t kJobClassesMax = 32;
inline constexpr std::size_t kJobInputsMax = 64;
inline constexpr std::size_t kJobRegionsMax = 64;
inline constexpr std::size_t kJobTeeKindsMax = 8;
inline constexpr std::size_t kJobExcludedMax = 64;

// InvalidField: texts, in bytes
inline constexpr std::size_t kClassNameMax = 32;
inline constexpr std::size_t kRegionNameMax = 32;
inline constexpr std::size_t kRuntimeNameMax = 64;

// InvalidField: ranges, both ends included
inline constexpr std::uint64_t kJobGpusMax = 4096;
inline constexpr std::uint64_t kShareMilliMin = 10;
inline constexpr std::uint64_t kShareMilliMax = 990;
inline constexpr std::uint64_t kShareMilliStep = 10;
inline constexpr std::uint64_t kJobCpuMilliMax = 4'096'000;
inline constexpr std::uint64_t kDeviceMemoryMax = std::uint64_t{1} << 42;  // 4 TiB
inline constexpr std::uint64_t kRamBytesMax = std::uint64_t{1} << 47;      // 128 TiB
inline constexpr std::uint64_t kDiskBytesMax = std::uint64_t{1} << 52;     // 4 PiB
inline constexpr std::uint64_t kInputBytesMax = std::uint64_t{1} << 52;
inline constexpr std::uint64_t kInterconnectMax = 7;  // 0 none or PCIe, 1 NVLink or comparable, others are free
inline constexpr std::uint64_t kSiteTierMax = 4;
inline constexpr std::uint64_t kSandboxTierMax = 3;  // 1 namespaces, 2 user-space kernel, 3 virtual machine
inline constexpr std::uint64_t kTeeKindMax = 15;
inline constexpr std::uint64_t kJobSecondsMin = 60;
inline constexpr std::uint64_t kJobSecondsMax = 31'536'000;
inline constexpr std::uint64_t kStartWithinMsMax = 31'536'000'000;
inline constexpr std::uint64_t kLatencyMsMax = 60'000;
inline constexpr std::uint64_t kUnixTimeMsMax = 253'402'300'799'999;  // end of the year 9999
inline constexpr std::uint64_t kReputationMinMax = 240;

}  // namespace starminer::protocol
