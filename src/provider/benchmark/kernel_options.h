// How kernels are chosen and built; the defaults are right everywhere but in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace starminer::provider::benchmark {

/// Which form of a kernel fits: vector code for processors, tiles in local memory for everything else.
enum class KernelStyle : std::uint8_t { Auto, Processor, Accelerator };

/// Sees and may change a kernel's source before it is built, so that a test can inject a wrong kernel.
using KernelFilter = std::function<std::string(std::string_view component, std::string source)>;

}  // namespace starminer::provider::benchmark
