// A job specification in the form that travels. Pure.
#pragma once

#include "protocol/job/spec.h"

namespace starminer::v1 {
class JobSpec;
}

namespace starminer::cli {

/// protocol::decode gives the same specification back.
[[nodiscard]] v1::JobSpec make_message(const protocol::JobSpec& spec);

}  // namespace starminer::cli
