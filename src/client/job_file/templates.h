// Commented example job files, one for each kind, for `starminer init`. A test parses all of them.
#pragma once

#include <string_view>

#include "protocol/job/spec.h"

namespace starminer::client::job_file {

[[nodiscard]] std::string_view job_template(protocol::JobKind kind);

}  // namespace starminer::client::job_file
