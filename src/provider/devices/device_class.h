// Hardware classes by model name: the reference classes of the market and a generic one (REG-2). A name is only a
// claim; the benchmark decides whether it holds. Pure functions, callable from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace starminer::provider::devices {

inline constexpr std::string_view kCpuClass = "CPU";
/// A GPU or accelerator of no reference model: admitted by its benchmark alone.
inline constexpr std::string_view kGenericGpuClass = "GPU";

/// Class of a GPU from the model name its driver reports and its memory. Variants that are slower or partitioned
/// (laptop parts, the "D" models, MIG slices, virtual GPUs, an A100 of 40 GB) are generic, not the class they are named
/// like.
[[nodiscard]] std::string_view gpu_class(std::string_view model_name, std::uint64_t memory_bytes);

/// All class names, reference classes first.
[[nodiscard]] std::span<const std::string_view> class_names();

}  // namespace starminer::provider::devices
