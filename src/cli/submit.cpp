#include "cli/submit.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/json_view.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/format.h"
#include "terminal/progress.h"

namespace starminer::cli {
namespace {

using config::ExitCode;

Trouble upload_trouble(const api::http::ApiError& error) {
  if (error.code == "cancelled") {
    return {InterruptScope::code(), {"stopped while sending the inputs", "", "nothing was submitted", {}}};
  }
  Trouble trouble = trouble_of(error);
  trouble.failure.advice.emplace_back("nothing was submitted; what was sent so far is not sent again");
  return trouble;
}

}  // namespace

Outcome<void> upload_job(const config::Invocation& call, client::Api& api, const PreparedJob& prepared) {
  const InterruptScope interrupts;
  const terminal::Terminal& screen = call.json ? call.err : call.out;
  if (const auto sent = api.upload_text(prepared.manifest); !sent) return fail(upload_trouble(sent.error()));
  if (prepared.files.empty()) return {};
  terminal::ProgressBar bar(screen, "inputs", prepared.input_bytes(), terminal::ProgressUnit::Bytes);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < prepared.files.size(); ++i) {
    const auto& file = prepared.files[i];
    const auto sent = api.upload(file.host.string(), [&](std::uint64_t now, std::uint64_t) {
      bar.update(done + now, file.path);
      return !InterruptScope::asked();
    });
    if (!sent) {
      bar.clear();
      return fail(upload_trouble(sent.error()));
    }
    if (*sent != prepared.inputs[i].sha256) {
      bar.clear();
      return fail(Trouble{ExitCode::Failure,
                          {fmt::format("{} changed while it was sent", file.host.string()),
                           "",
                           "nothing was submitted",
                           {"try again when nothing writes to it"}}});
    }
    done += file.size;
  }
  bar.finish(fmt::format("{} inputs {} sent, {}", screen.tick(), prepared.files.size(), terminal::human_bytes(done)));
  return {};
}

RunRecord make_record(const client::Api& api, const PreparedJob& prepared, const QuotedJob& quoted) {
  RunRecord record;
  record.chain_id = quoted.chain_id;
  record.account = api.address();
  record.fingerprint = prepared.fingerprint();
  record.name = prepared.job.name;
  record.spec = quoted.spec_bytes;
  record.started_ms = wall_clock().ms;
  record.quote = quoted.quote;
  return record;
}

Outcome<void> submit_run(client::Api& api, OpenRun& run) {
  // From here on a crash must find the client id: the same one again is the same job.
  if (auto saved = run.save(); !saved) return saved;
  v1::TransactionBody body;
  v1::JobSubmit& operation = *body.mutable_job_submit();
  operation.set_client_id(run.record.client_id);
  if (!operation.mutable_spec()->ParseFromString(run.record.spec)) {
    run.close();
    return fail(local_trouble("the remembered run is damaged", "", {"submit the job anew: the same command"}));
  }
  const auto receipt = api.send(std::move(body));
  if (!receipt) {
    Trouble trouble = trouble_of(receipt.error());
    if (receipt.error().is_transient()) {
      trouble.failure.advice.emplace_back(
          "whether the job arrived is not known: the same command again goes on with the same job, never with a "
          "second");
    } else {
      run.close();
    }
    return fail(std::move(trouble));
  }
  run.record.job = receipt->subject;
  run.record.phase = RunPhase::Following;
  return run.save();
}

}  // namespace starminer::cli
