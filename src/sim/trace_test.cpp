#include "sim/trace.h"

#include <gtest/gtest.h>

#include "protocol/job/spec.h"
#include "sim/chain.h"

namespace starminer::sim {
namespace {

constexpr std::string_view kNodeHeading = "sn,cpu_milli,memory_mib,gpu,model\n";
constexpr std::string_view kJobHeading = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n";

std::string node_error(std::string_view row) {
  const auto nodes = parse_nodes(std::string(kNodeHeading) + std::string(row));
  return nodes ? "" : nodes.error().in("f");
}

std::string job_error(std::string_view row) {
  const auto jobs = parse_jobs(std::string(kJobHeading) + std::string(row));
  return jobs ? "" : jobs.error().in("f");
}

TEST(Trace, ReadsNodes) {
  const auto nodes = parse_nodes(std::string(kNodeHeading) + "n-0,96000,786432,8,V100M32\nn-1,8000,32768,1,T4\n");
  ASSERT_TRUE(nodes.has_value());
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_EQ(nodes->front().cpu_threads, 96U);
  EXPECT_EQ(nodes->front().memory_mib, 786'432U);
  EXPECT_EQ(nodes->front().gpus, 8U);
  EXPECT_EQ(nodes->front().model, "V100M32");
}

TEST(Trace, SaysWhatIsWrongWithANode) {
  EXPECT_EQ(node_error(""), "f:1:1: there is no node below the heading");
  EXPECT_EQ(node_error("n,8500,1,1,T4"), "f:2:3: cpu_milli is 8500, expected a multiple of 1000");
  EXPECT_EQ(node_error("n,8000,0,1,T4"), "f:2:8: memory_mib is '0', expected an integer of 1..134217728");
  EXPECT_EQ(node_error("n,8000,1,0,T4"), "f:2:10: gpu is '0', expected an integer of 1..64");
  EXPECT_EQ(node_error("n,8000,1,1,"), "f:2:12: model must have 1..32 printable characters without spaces");
  EXPECT_EQ(node_error("a b,8000,1,1,T4"), "f:2:1: sn must have 1..64 printable characters without spaces");
  EXPECT_EQ(parse_nodes("sn,cpu_milli\n").error().in("f"), "f:1:1: the heading has no column memory_mib");
}

TEST(Trace, ReadsJobs) {
  const auto jobs = parse_jobs(std::string(kJobHeading) +
                               "whole,12000,16384,1,1000,\nshare,6000,12288,1,460,T4|G2|T4\n"
                               "many,88000,327680,8,1000,G3\nnone,500,0,0,0,\n");
  ASSERT_TRUE(jobs.has_value());
  ASSERT_EQ(jobs->size(), 4U);
  EXPECT_EQ((*jobs)[0].share_milli, 0U);
  EXPECT_EQ(gpu_milli((*jobs)[0]), 1000U);
  EXPECT_EQ((*jobs)[1].share_milli, 460U);
  EXPECT_EQ(gpu_milli((*jobs)[1]), 460U);
  EXPECT_EQ((*jobs)[1].models, (std::vector<std::string>{"G2", "T4"}));
  EXPECT_EQ(gpu_milli((*jobs)[2]), 8000U);
  EXPECT_EQ(gpu_milli((*jobs)[3]), 0U);
  for (const TraceJob& job : *jobs) {
    EXPECT_TRUE(protocol::validate_spec(spec_of(job)).has_value()) << job.name;
    EXPECT_EQ(protocol::gpu_milli(spec_of(job).resources), gpu_milli(job));
  }
}

TEST(Trace, ReadsJobsWithoutModels) {
  const auto jobs = parse_jobs("gpu_milli,num_gpu,memory_mib,cpu_milli,name,extra\n1000,2,1,1,a,x\n");
  ASSERT_TRUE(jobs.has_value());
  EXPECT_EQ(jobs->front().gpus, 2U);
  EXPECT_TRUE(jobs->front().models.empty());
}

TEST(Trace, SaysWhatIsWrongWithAJob) {
  EXPECT_EQ(job_error(""), "f:1:1: there is no job below the heading");
  EXPECT_EQ(job_error("j,1,1,1,465,"), "f:2:9: gpu_milli is 465, expected a multiple of 10");
  EXPECT_EQ(job_error("j,1,1,1,0,"), "f:2:9: gpu_milli is '0', expected an integer of 10..1000");
  EXPECT_EQ(job_error("j,1,1,2,500,"),
            "f:2:9: gpu_milli of a job of several GPUs is '500', expected an integer of 1000..1000");
  EXPECT_EQ(job_error("j,1,1,0,500,"), "f:2:9: gpu_milli of a job without a GPU is '500', expected an integer of 0..0");
  EXPECT_EQ(job_error("j,0,1,0,0,"), "f:2:3: cpu_milli is '0', expected an integer of 1..4096000");
  EXPECT_EQ(job_error("j,1,1,1,1000,G2|"), "f:2:17: gpu_spec must have 1..32 printable characters without spaces");
  EXPECT_EQ(job_error("j,1,1,x,1000,"), "f:2:7: num_gpu is 'x', expected an integer of 0..64");
}

}  // namespace
}  // namespace starminer::sim
