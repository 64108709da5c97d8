#include "provider/grant.h"

#include <gmock/gmock.h>

namespace starminer::provider {
namespace {

using client::job_file::Manifest;
using ::testing::HasSubstr;

constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr Grant kGrant{600, 1000, 300};

Manifest fitting() {
  Manifest manifest;
  manifest.limits.wall_s = 600;
  manifest.limits.disk_bytes = 900;
  manifest.limits.output_bytes = 100;
  manifest.inputs = {{"a", {}, 100}, {"b", {}, 200}};
  return manifest;
}

TEST(Grant, TakesWhatTheContractSays) {
  EXPECT_EQ(fault_against(fitting(), kGrant), "");
  Manifest modest = fitting();
  modest.limits.disk_bytes = 1;
  modest.inputs.clear();
  EXPECT_EQ(fault_against(modest, kGrant), "");
}

TEST(Grant, NamesWhatGoesBeyond) {
  for (const std::uint64_t wall_s : {0ULL, 599ULL, 601ULL, static_cast<unsigned long long>(kMost)}) {
    Manifest manifest = fitting();
    manifest.limits.wall_s = wall_s;
    EXPECT_THAT(fault_against(manifest, kGrant), HasSubstr("max_s 600"));
  }
  Manifest disk = fitting();
  disk.limits.disk_bytes = 901;
  EXPECT_EQ(fault_against(disk, kGrant), "limits.disk_bytes is 901, limits.output_bytes 100, the contract grants 1000");
  Manifest inputs = fitting();
  inputs.inputs.back().size = 201;
  EXPECT_EQ(fault_against(inputs, kGrant), "the inputs have 301 bytes, the contract says 300");
  inputs.inputs.back().size = kMost;
  EXPECT_THAT(fault_against(inputs, kGrant), HasSubstr("the contract says 300"));
}

}  // namespace
}  // namespace starminer::provider
