// Bytes as a job file.
#include "client/job_file/job_file.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const auto job = client::job_file::parse_job_file(fuzz::text_of(data, size), "job.yaml");
  if (job) {
    fuzz::expect(!job->name.empty() && job->time.max.count() > 0, "a job has what a job must have");
  } else {
    fuzz::expect(!job.error().empty() && job.error().size() <= 51, "problems are named, and not without end");
  }
  return 0;
}
