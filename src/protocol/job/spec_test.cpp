#include "protocol/job/spec.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

JobSpec valid_spec() {
  JobSpec spec;
  spec.kind = JobKind::Rendering;
  spec.runtime = "debian/blender-3.4";
  spec.manifest_hash = sha256("manifest");
  spec.inputs = {sha256("scene")};
  spec.input_bytes = 1'000;
  spec.resources.classes = {"A100", "H100"};
  spec.resources.cpu_milli = 4'000;
  spec.expected_s = 600;
  spec.max_s = 1'200;
  spec.where.prefer = {"us-east", "eu-west"};
  spec.where.allow = {"eu-west", "us-east"};
  spec.where.residency = "DE";
  spec.where.tee_kinds = {1, 2};
  spec.where.excluded_providers = {AccountId{{1}}, AccountId{{2}}};
  spec.budget = {5'000'000'000};
  return spec;
}

struct Fault {
  std::string_view what;
  std::function<void(JobSpec&)> plant;
  RefusalCode code;
  std::string detail;
};

std::vector<std::string> many_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("n" + std::to_string(1000 + i));
  return names;
}

// In the order of the checks; where two faults stand on one field, only the first can be planted together with later
// ones.
std::vector<Fault> faults() {
  constexpr auto kInvalid = RefusalCode::InvalidField;
  constexpr auto kTooMany = RefusalCode::TooManyItems;
  return {
      {"kind", [](JobSpec& s) { s.kind = static_cast<JobKind>(4); }, kInvalid, "kind is 4; allowed 0 to 3"},
      {"runtime", [](JobSpec& s) { s.runtime = std::string(65, 'a'); }, kInvalid,
       "runtime has 65 bytes; allowed 0 to 64"},
      {"manifest", [](JobSpec& s) { s.manifest_hash = {}; }, kInvalid, "manifest_hash must name the sealed manifest"},
      {"inputs", [](JobSpec& s) { s.inputs.assign(65, sha256("x")); }, kTooMany, "inputs has 65 items; allowed 64"},
      {"input bytes", [](JobSpec& s) { s.input_bytes = kInputBytesMax + 1; }, kInvalid,
       "input_bytes is 4503599627370497; allowed 0 to 4503599627370496"},
      {"zero input", [](JobSpec& s) { s.inputs.emplace_back(); }, kInvalid, "inputs must not hold a zero hash"},
      {"classes", [](JobSpec& s) { s.resources.classes = many_names(33); }, kTooMany,
       "resources.classes has 33 items; allowed 32"},
      {"class name", [](JobSpec& s) { s.resources.classes = {""}; }, kInvalid,
       "resources.classes has 0 bytes; allowed 1 to 32"},
      {"class order",
       [](JobSpec& s) {
         s.resources.classes = {"H100", "A100"};
       },
       kInvalid, "resources.classes must be sorted and name each item once"},
      {"gpus", [](JobSpec& s) { s.resources.gpus = 4097; }, kInvalid, "resources.gpus is 4097; allowed 0 to 4096"},
      {"gpu memory", [](JobSpec& s) { s.resources.gpu_memory_bytes = kDeviceMemoryMax + 1; }, kInvalid,
       "resources.gpu_memory_bytes is 4398046511105; allowed 0 to 4398046511104"},
      {"cpu", [](JobSpec& s) { s.resources.cpu_milli = 4'096'001; }, kInvalid,
       "resources.cpu_milli is 4096001; allowed 0 to 4096000"},
      {"ram", [](JobSpec& s) { s.resources.ram_bytes = kRamBytesMax + 1; }, kInvalid,
       "resources.ram_bytes is 140737488355329; allowed 0 to 140737488355328"},
      {"disk", [](JobSpec& s) { s.resources.disk_bytes = kDiskBytesMax + 1; }, kInvalid,
       "resources.disk_bytes is 4503599627370497; allowed 0 to 4503599627370496"},
      {"interconnect", [](JobSpec& s) { s.resources.interconnect = 8; }, kInvalid,
       "resources.interconnect is 8; allowed 0 to 7"},
      {"share", [](JobSpec& s) { s.resources.share_milli = 1'000; }, kInvalid,
       "resources.gpu_share_milli is 1000; allowed 10 to 990"},
      {"placement", [](JobSpec& s) { s.placement = static_cast<Placement>(3); }, kInvalid,
       "placement is 3; allowed 0 to 2"},
      {"max_s", [](JobSpec& s) { s.max_s = 59; }, kInvalid, "max_s is 59; allowed 60 to 31536000"},
      {"expected_s", [](JobSpec& s) { s.expected_s = 0; }, kInvalid, "expected_s is 0; allowed 1 to 1200"},
      {"deadline", [](JobSpec& s) { s.deadline = {kUnixTimeMsMax + 1}; }, kInvalid,
       "deadline_ms is 253402300800000; allowed 0 to 253402300799999"},
      {"start within", [](JobSpec& s) { s.start_within = {kStartWithinMsMax + 1}; }, kInvalid,
       "start_within_ms is 31536000001; allowed 0 to 31536000000"},
      {"latency", [](JobSpec& s) { s.latency_ms = 60'001; }, kInvalid, "latency_ms is 60001; allowed 0 to 60000"},
      {"urgency", [](JobSpec& s) { s.urgency = static_cast<Urgency>(3); }, kInvalid, "urgency is 3; allowed 0 to 2"},
      {"tier", [](JobSpec& s) { s.tier = static_cast<TierChoice>(4); }, kInvalid, "tier is 4; allowed 0 to 3"},
      {"prefer", [](JobSpec& s) { s.where.prefer = many_names(65); }, kTooMany,
       "where.prefer has 65 items; allowed 64"},
      {"prefer name", [](JobSpec& s) { s.where.prefer = {"eu west"}; }, kInvalid,
       "where.prefer has a character outside printable ASCII without spaces"},
      {"prefer twice",
       [](JobSpec& s) {
         s.where.prefer = {"b", "a", "b"};
       },
       kInvalid, "where.prefer must name each item once"},
      {"allow", [](JobSpec& s) { s.where.allow = many_names(65); }, kTooMany, "where.allow has 65 items; allowed 64"},
      {"allow name", [](JobSpec& s) { s.where.allow = {"eu\nwest"}; }, kInvalid,
       "where.allow has a character outside printable ASCII without spaces"},
      {"allow order",
       [](JobSpec& s) {
         s.where.allow = {"a", "a"};
       },
       kInvalid, "where.allow must be sorted and name each item once"},
      {"residency", [](JobSpec& s) { s.where.residency = "de"; }, kInvalid,
       "where.residency must be two capital letters, an ISO 3166-1 country code, or empty"},
      {"site tier", [](JobSpec& s) { s.where.site_tier_min = 5; }, kInvalid,
       "where.site_tier_min is 5; allowed 0 to 4"},
      {"sandbox tier", [](JobSpec& s) { s.where.sandbox_tier_min = 4; }, kInvalid,
       "where.sandbox_tier_min is 4; allowed 0 to 3"},
      {"tee kinds", [](JobSpec& s) { s.where.tee_kinds.assign(9, 1); }, kTooMany,
       "where.tee_kinds has 9 items; allowed 8"},
      {"tee kind", [](JobSpec& s) { s.where.tee_kinds = {16}; }, kInvalid, "where.tee_kinds is 16; allowed 0 to 15"},
      {"tee order",
       [](JobSpec& s) {
         s.where.tee_kinds = {2, 1};
       },
       kInvalid, "where.tee_kinds must be sorted and name each item once"},
      {"reputation", [](JobSpec& s) { s.where.reputation_min = 241; }, kInvalid,
       "where.reputation_min is 241; allowed 0 to 240"},
      {"excluded", [](JobSpec& s) { s.where.excluded_providers.assign(65, AccountId{}); }, kTooMany,
       "where.excluded_providers has 65 items; allowed 64"},
      {"excluded order", [](JobSpec& s) { s.where.excluded_providers.assign(2, AccountId{}); }, kInvalid,
       "where.excluded_providers must be sorted and name each item once"},
      {"credits", [](JobSpec& s) { s.credits = kCreditsMax + 1; }, RefusalCode::InvalidField,
       "credits is 1000000000001; allowed 0 to 1000000000000"},
      {"price lock", [](JobSpec& s) { s.price_lock = 16; }, RefusalCode::InvalidField,
       "price_lock is 16; allowed 0 to 15"},
      {"max price", [](JobSpec& s) { s.max_price = {kAmountMax + 1}; }, RefusalCode::AmountTooLarge,
       "max_price is 9223372036854775808; allowed 0 to 9223372036854775807 base units"},
      {"budget", [](JobSpec& s) { s.budget = {0}; }, RefusalCode::AmountZero,
       "budget is 0; allowed 1 to 9223372036854775807 base units"},
  };
}

TEST(JobSpec, TakesAValidSpecification) {
  const auto result = validate_spec(valid_spec());
  EXPECT_TRUE(result.has_value()) << result.error().detail;
}

// REQ: QUE-1, QUE-2
TEST(JobSpec, RefusesEveryFaultWithFieldAndRange) {
  for (const Fault& fault : faults()) {
    SCOPED_TRACE(fault.what);
    JobSpec spec = valid_spec();
    fault.plant(spec);
    const auto result = validate_spec(spec);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, fault.code);
    EXPECT_EQ(result.error().detail, fault.detail);
  }
}

TEST(JobSpec, ReportsTheFirstFaultWhateverFollows) {
  const auto table = faults();
  for (std::size_t first = 0; first < table.size(); ++first) {
    SCOPED_TRACE(table[first].what);
    JobSpec spec = valid_spec();
    // Later faults first: a fault on the same field replaces what a later row planted there.
    for (std::size_t i = table.size(); i-- > first;) table[i].plant(spec);
    const auto result = validate_spec(spec);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().detail.substr(0, table[first].detail.find("; allowed")),
              table[first].detail.substr(0, table[first].detail.find("; allowed")));
  }
}

TEST(JobSpec, FurtherFaultsOfSharesAmountsAndJobsWithoutGpu) {
  const std::vector<Fault> table = {
      {"share of two", [](JobSpec& s) { s.resources.gpus = 2, s.resources.share_milli = 500; },
       RefusalCode::InvalidField, "resources.gpus must be 1 where a share of a GPU is asked for"},
      {"odd share", [](JobSpec& s) { s.resources.share_milli = 505; }, RefusalCode::InvalidField,
       "resources.gpu_share_milli must be a multiple of 10: shares are granted in hundredths of a GPU"},
      {"small share", [](JobSpec& s) { s.resources.share_milli = 9; }, RefusalCode::InvalidField,
       "resources.gpu_share_milli is 9; allowed 10 to 990"},
      {"hosts_max", [](JobSpec& s) { s.placement = Placement::OneSite, s.hosts_max = 17; }, RefusalCode::InvalidField,
       "hosts_max is 17; allowed 0 to 16"},
      {"hosts_max on one node", [](JobSpec& s) { s.hosts_max = 2; }, RefusalCode::InvalidField,
       "hosts_max must be 0 or 1 where all GPUs must lie on one node: placement says where they may"},
      {"dedicated share", [](JobSpec& s) { s.resources.share_milli = 500, s.dedicated = true; },
       RefusalCode::InvalidField, "dedicated excludes a share of a GPU: a dedicated node is a whole one"},
      {"memory without GPU", [](JobSpec& s) { s.resources.gpus = 0, s.resources.gpu_memory_bytes = 1; },
       RefusalCode::InvalidField, "resources.gpu_memory_bytes must be 0 for a job without a GPU"},
      {"nothing at all", [](JobSpec& s) { s.resources.gpus = 0, s.resources.cpu_milli = 0; }, RefusalCode::InvalidField,
       "resources.cpu_milli is 0; allowed 1 to 4096000"},
      {"credits without GPU", [](JobSpec& s) { s.resources.gpus = 0, s.credits = 1; }, RefusalCode::InvalidField,
       "credits must be 0 for a job without a GPU: a boost counts by GPU-seconds"},
      {"lock without GPU", [](JobSpec& s) { s.resources.gpus = 0, s.price_lock = 1; }, RefusalCode::InvalidField,
       "price_lock must be 0 for a job without a GPU: its price does not move"},
      {"too long", [](JobSpec& s) { s.max_s = 31'536'001; }, RefusalCode::InvalidField,
       "max_s is 31536001; allowed 60 to 31536000"},
      {"expected over max", [](JobSpec& s) { s.expected_s = 1'201; }, RefusalCode::InvalidField,
       "expected_s is 1201; allowed 1 to 1200"},
      {"huge budget", [](JobSpec& s) { s.budget = {kAmountMax + 1}; }, RefusalCode::AmountTooLarge,
       "budget is 9223372036854775808; allowed 1 to 9223372036854775807 base units"},
      {"control character", [](JobSpec& s) { s.runtime = "deb\x1b[2J"; }, RefusalCode::InvalidField,
       "runtime has a character outside printable ASCII without spaces"},
  };
  for (const Fault& fault : table) {
    SCOPED_TRACE(fault.what);
    JobSpec spec = valid_spec();
    fault.plant(spec);
    const auto result = validate_spec(spec);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, fault.code);
    EXPECT_EQ(result.error().detail, fault.detail);
  }
}

TEST(JobSpec, TakesTheEndsOfEveryRange) {
  JobSpec spec = valid_spec();
  spec.resources = {{}, 4'096, 0, kDeviceMemoryMax, 4'096'000, kRamBytesMax, kDiskBytesMax, 7};
  spec.max_s = kJobSecondsMax;
  spec.expected_s = kJobSecondsMax;
  spec.deadline = {kUnixTimeMsMax};
  spec.where.reputation_min = 240;
  spec.max_price = {kAmountMax};
  spec.budget = {kAmountMax};
  EXPECT_TRUE(validate_spec(spec).has_value());
  spec = valid_spec();
  spec.resources = {{}, 0, 0, 0, 1, 0, 0, 0};
  spec.max_s = 60;
  spec.expected_s = 1;
  spec.runtime.clear();
  spec.inputs.clear();
  spec.budget = {1};
  EXPECT_TRUE(validate_spec(spec).has_value());
}

RC_GTEST_PROP(JobSpec, GrantsSharesInHundredthsOfOneDevice, ()) {
  JobSpec spec = valid_spec();
  spec.resources.gpus = *rc::gen::inRange(1U, 3U);
  spec.resources.share_milli = *rc::gen::inRange(1U, 1'100U);
  const bool share_is_fine = spec.resources.gpus == 1 && spec.resources.share_milli % 10 == 0 &&
                             spec.resources.share_milli >= 10 && spec.resources.share_milli <= 990;
  RC_ASSERT(validate_spec(spec).has_value() == share_is_fine);
}

// REQ: TOK-2
TEST(JobSpec, CountsDevicesInThousandths) {
  EXPECT_EQ(gpu_milli({.gpus = 2}), 2'000U);
  EXPECT_EQ(gpu_milli({.gpus = 1, .share_milli = 250}), 250U);
  EXPECT_EQ(gpu_milli({.gpus = 0}), 0U);
  EXPECT_EQ(gpu_milli({.gpus = 0xffff'ffff}), 4'294'967'295'000U);
  EXPECT_EQ(billing_milli({.gpus = 2}), 2'000U);
  EXPECT_EQ(billing_milli({.gpus = 1, .share_milli = 250}), 250U);
  EXPECT_EQ(billing_milli({.gpus = 0}), 1'000U);
}

TEST(JobSpec, TagsAreTheFirstEightBytesOfTheDigest) {
  // SHA-256("abc") = ba7816bf 8f01cfea ... (FIPS 180-4)
  EXPECT_EQ(tag_of(std::string_view("abc")), 0xba78'16bf'8f01'cfeaU);
  EXPECT_EQ(tag_of(sha256("abc")), 0xba78'16bf'8f01'cfeaU);
}

TEST(JobSpec, EveryKindHasItsOwnName) {
  EXPECT_EQ(kind_name(JobKind::Training), "training");
  EXPECT_EQ(kind_name(JobKind::Inference), "inference");
  EXPECT_EQ(kind_name(JobKind::Rendering), "rendering");
  EXPECT_EQ(kind_name(JobKind::Simulation), "simulation");
}

}  // namespace
}  // namespace starminer::protocol
