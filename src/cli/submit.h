// Sends a job so that it is submitted exactly once, whatever is killed in between: inputs first, then the client id on
// this disk, then the transaction. An interrupted run of the same job is taken up again instead.
#pragma once

#include <memory>
#include <string>

#include "cli/job_source.h"
#include "cli/outcome.h"
#include "cli/quote.h"
#include "cli/run_record.h"
#include "client/api.h"

namespace starminer::cli {

/// Uploads manifest and inputs; what the node has already is not sent again.
[[nodiscard]] Outcome<void> upload_job(const config::Invocation& call, client::Api& api, const PreparedJob& prepared);

/// Sends the job of a record that is not submitted yet; afterwards the record knows its job. A refusal closes the run,
/// a lost connection leaves it for the next try.
[[nodiscard]] Outcome<void> submit_run(client::Api& api, OpenRun& run);

/// A fresh record of this job.
[[nodiscard]] RunRecord make_record(const client::Api& api, const PreparedJob& prepared, const QuotedJob& quoted);

}  // namespace starminer::cli
