// The published form of a job file: JSON Schema (draft 2020-12) made from the field table. docs/formats/job.schema.json
// is this text, which a test checks.
#pragma once

#include <string>

namespace starminer::client::job_file {

[[nodiscard]] std::string job_schema();

}  // namespace starminer::client::job_file
