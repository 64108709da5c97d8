// What a comparing program leaves, which is run from an image named by its digest with both artifacts and nothing else
// (docs/formats/verdict.md). The report names the artifacts, so that it cannot stand for others. Total function.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/hash.h"
#include "verification/comparison/verdict.h"

namespace starminer::verification {

struct ContainerReport {
  Hash32 image;
  Hash32 claimed;
  Hash32 recomputed;
  bool agree = false;
  std::uint64_t compared = 0;
  std::uint64_t beyond = 0;
};

/// Six lines "name value" in order, nothing else: image, claimed, recomputed (64 hexadecimal digits), verdict (agree or
/// differ), compared and beyond (decimal). Who agrees has nothing beyond, who differs something. Nothing otherwise.
[[nodiscard]] std::optional<ContainerReport> parse_container_report(ByteView text);

}  // namespace starminer::verification
