#include "provider/grant.h"

#include <fmt/format.h>

#include "base/arithmetic.h"

namespace starminer::provider {

std::string fault_against(const client::job_file::Manifest& manifest, const Grant& grant) {
  const auto& limits = manifest.limits;
  if (limits.wall_s != grant.max_s) {
    return fmt::format("limits.wall_s is {}, the contract's max_s {}", limits.wall_s, grant.max_s);
  }
  if (saturating_add(limits.disk_bytes, limits.output_bytes) > grant.disk_bytes) {
    return fmt::format("limits.disk_bytes is {}, limits.output_bytes {}, the contract grants {}", limits.disk_bytes,
                       limits.output_bytes, grant.disk_bytes);
  }
  std::uint64_t total = 0;
  for (const auto& input : manifest.inputs) total = saturating_add(total, input.size);
  if (total > grant.input_bytes) {
    return fmt::format("the inputs have {} bytes, the contract says {}", total, grant.input_bytes);
  }
  return {};
}

}  // namespace starminer::provider
