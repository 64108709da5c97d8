// Limits of job files and manifests besides those of the protocol (protocol/operation/limits.def). Both come from other
// people, so every count and length that a reader allocates for is bounded here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starminer::client::job_file {

// The job file as text
inline constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kDepthMax = 6;
inline constexpr std::size_t kNodesMax = 20'000;
inline constexpr std::size_t kProblemsMax = 50;

// What a job consists of
inline constexpr std::size_t kNameMax = 64;
inline constexpr std::size_t kArgumentsMax = 256;
inline constexpr std::size_t kArgumentBytesMax = 32'768;
inline constexpr std::size_t kCommandBytesMax = 131'072;
inline constexpr std::size_t kVariablesMax = 128;
inline constexpr std::size_t kVariableNameMax = 64;
inline constexpr std::size_t kVariableBytesMax = 32'768;
inline constexpr std::size_t kInputEntriesMax = 64;
inline constexpr std::size_t kOutputsMax = 64;
inline constexpr std::size_t kPathMax = 255;
inline constexpr std::size_t kInputFolderDepthMax = 16;

// What a manifest may ask for: the largest values that a node is ever asked to enforce
inline constexpr std::size_t kManifestBytesMax = std::size_t{1} << 20;
inline constexpr std::uint64_t kOutputBytesMax = std::uint64_t{1} << 44;
inline constexpr std::uint64_t kLogBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kProcessesMax = 65'536;

}  // namespace starminer::client::job_file
