#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

FactorInput input_of(TierId tier) {
  FactorInput input;
  input.tier = tier;
  input.now = kNow;
  input.class_memory_bytes = 80 * kGiB;
  return input;
}

// REQ: WRK-4, MTP-1, MTP-2, MTP-4, MTP-10
TEST(Factors, TheWorkedExampleOfTheEconomicsText) {
  const Market market;
  JobSpec spec = plain_job();
  spec.resources.gpus = 8;
  spec.max_s = 7'200;
  spec.deadline = in_seconds(7'200);
  spec.where.tee_kinds = {1};
  FactorInput input = input_of(kStandard);
  input.energy_verified = true;
  input.reliability = {880'000};
  const Factors factors = market.pricing.factors(spec, input);
  EXPECT_EQ(factors.ppm,
            (std::array<std::uint32_t, kFactorCount>{1'250'000, 1'000'000, 1'060'000, 1'021'150, 1'000'000, 1'000'000,
                                                     1'000'000, 1'150'000, 1'030'000, 1'020'000}));
  EXPECT_EQ(factors.product_ppm, 1'634'708U);
  EXPECT_EQ(Pricing::unit_price({2'199'999}, factors).nagpu_per_gpu_hour, 3'596'356U);
}

TEST(Factors, APlainJobPaysForItsHourOnly) {
  const Market market;
  const Factors factors = market.pricing.factors(plain_job(), input_of(kEconomy));
  for (std::size_t i = 0; i < kFactorCount; ++i) {
    EXPECT_EQ(factors.ppm[i], static_cast<Factor>(i) == Factor::Runtime ? 1'015'000U : 1'000'000U) << i;
  }
  EXPECT_EQ(factors.product_ppm, 1'015'000U);
}

// REQ: MTP-2
TEST(Factors, UrgencyGrowsAsTheSlackShrinks) {
  const Market market;
  const auto urgency = [&](TierId tier, std::uint64_t deadline_s, Urgency named = Urgency::None) {
    JobSpec spec = plain_job();
    if (deadline_s != 0) spec.deadline = in_seconds(deadline_s);
    spec.urgency = named;
    return ppm_of(market.pricing.factors(spec, input_of(tier)), Factor::Urgency);
  };
  EXPECT_EQ(urgency(kEconomy, 3'600), 1'100'000U);
  EXPECT_EQ(urgency(kStandard, 3'600), 1'250'000U);
  EXPECT_EQ(urgency(kPremium, 3'600), 1'500'000U);
  EXPECT_EQ(urgency(kPremium, 1), 1'500'000U) << "a deadline that cannot be met is no more urgent than the last";
  EXPECT_EQ(urgency(kPremium, 7'200), 1'250'000U);
  EXPECT_EQ(urgency(kPremium, 14'400), 1'125'000U);
  EXPECT_EQ(urgency(kPremium, 0), 1'000'000U);
  EXPECT_EQ(urgency(kPremium, 0, Urgency::Now), 1'500'000U);
  EXPECT_EQ(urgency(kPremium, 0, Urgency::Soon), 1'250'000U);
  EXPECT_EQ(urgency(kPremium, 1'000'000, Urgency::Soon), 1'250'000U);
  EXPECT_EQ(urgency(kPremium, 3'600, Urgency::Soon), 1'500'000U);
}

// REQ: MTP-5
TEST(Factors, FlexibleJobsInEconomyPayLess) {
  const Market market;
  const auto flexibility = [&](TierId tier, std::uint64_t deadline_s, Urgency named = Urgency::None) {
    JobSpec spec = plain_job();
    spec.deadline = in_seconds(deadline_s);
    spec.urgency = named;
    return ppm_of(market.pricing.factors(spec, input_of(tier)), Factor::Flexibility);
  };
  EXPECT_EQ(flexibility(kEconomy, 3'600 + 14'399), 1'000'000U);
  EXPECT_EQ(flexibility(kEconomy, 3'600 + 14'400), 975'000U);
  EXPECT_EQ(flexibility(kEconomy, 3'600 + 86'400), 850'000U);
  EXPECT_EQ(flexibility(kEconomy, 3'600 + 864'000), 850'000U);
  EXPECT_EQ(flexibility(kStandard, 3'600 + 86'400), 1'000'000U);
  EXPECT_EQ(flexibility(kEconomy, 3'600 + 86'400, Urgency::Soon), 1'000'000U) << "who presses is not flexible";
}

// REQ: MTP-4
TEST(Factors, GangRuntimeAndMemory) {
  const Market market;
  const auto gang = [&](std::uint32_t gpus, std::uint32_t hosts, std::uint32_t share = 0) {
    JobSpec spec = plain_job();
    spec.resources.gpus = gpus;
    spec.resources.share_milli = share;
    FactorInput input = input_of(kStandard);
    input.hosts = hosts;
    return ppm_of(market.pricing.factors(spec, input), Factor::Gang);
  };
  EXPECT_EQ(gang(0, 1), 1'000'000U);
  EXPECT_EQ(gang(1, 1), 1'000'000U);
  EXPECT_EQ(gang(1, 1, 500), 1'000'000U);
  EXPECT_EQ(gang(2, 1), 1'020'000U);
  EXPECT_EQ(gang(7, 1), 1'040'000U);
  EXPECT_EQ(gang(8, 1), 1'060'000U);
  EXPECT_EQ(gang(8, 2), 1'090'000U);
  EXPECT_EQ(gang(4'096, 512), 1'250'000U);
  const auto runtime = [&](std::uint64_t max_s) {
    JobSpec spec = plain_job();
    spec.max_s = max_s;
    return ppm_of(market.pricing.factors(spec, input_of(kStandard)), Factor::Runtime);
  };
  EXPECT_EQ(runtime(3'600), 1'015'000U);
  EXPECT_EQ(runtime(24 * 3'600), 1'073'350U);
  EXPECT_EQ(runtime(100 * 3'600), 1'150'000U);
  EXPECT_EQ(runtime(720 * 3'600), 1'250'000U);
  EXPECT_EQ(runtime(31'536'000), 1'250'000U);
  EXPECT_EQ(runtime(60), 1'001'800U);
  const auto memory = [&](std::uint64_t asked, std::uint64_t device) {
    JobSpec spec = plain_job();
    spec.resources.gpu_memory_bytes = asked;
    FactorInput input = input_of(kStandard);
    input.class_memory_bytes = device;
    return ppm_of(market.pricing.factors(spec, input), Factor::Memory);
  };
  EXPECT_EQ(memory(40 * kGiB, 80 * kGiB), 1'000'000U);
  EXPECT_EQ(memory(60 * kGiB, 80 * kGiB), 1'100'000U);
  EXPECT_EQ(memory(80 * kGiB, 80 * kGiB), 1'200'000U);
  EXPECT_EQ(memory(~std::uint64_t{0}, 80 * kGiB), 1'200'000U);
  EXPECT_EQ(memory(1, 0), 1'000'000U);
}

// REQ: MTP-5
TEST(Factors, RegionAndResidency) {
  const Market market;
  JobSpec spec = plain_job();
  FactorInput input = input_of(kStandard);
  for (const auto& [region, factor] : {std::pair<std::uint64_t, std::uint32_t>{900'000, 900'000},
                                       {700'000, 800'000},
                                       {1'500'000, 1'500'000},
                                       {2'000'000, 1'500'000}}) {
    input.region_factor = {region};
    EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Region), factor);
  }
  EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Residency), 1'000'000U);
  spec.where.residency = "DE";
  EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Residency), 1'050'000U);
  spec.where.allow = {"eu-central"};
  EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Residency), 1'100'000U);
}

// REQ: MTP-1, MTP-10
TEST(Factors, TeeEnergyAndQuality) {
  const Market market;
  JobSpec spec = plain_job();
  FactorInput input = input_of(kStandard);
  spec.where.tee_kinds = {1, 2};
  EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Tee), 1'150'000U);
  input.energy_verified = true;
  EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Energy), 1'030'000U);
  for (const auto& [reliability, factor] : {std::pair<std::uint64_t, std::uint32_t>{0, 900'000},
                                            {400'000, 950'000},
                                            {800'000, 1'000'000},
                                            {1'000'000, 1'050'000},
                                            {1'200'000, 1'100'000},
                                            {2'000'000, 1'100'000}}) {
    input.reliability = {reliability};
    EXPECT_EQ(ppm_of(market.pricing.factors(spec, input), Factor::Quality), factor);
  }
  EXPECT_EQ(market.pricing.node_factor_bound().value, 1'133'000U);
}

struct Drawn {
  JobSpec spec = plain_job();
  FactorInput input;
};

Drawn draw() {
  Drawn drawn;
  drawn.spec.max_s = *rc::gen::inRange<std::uint64_t>(60, 31'536'001);
  drawn.spec.resources.gpus = *rc::gen::inRange(0U, 4'097U);
  if (drawn.spec.resources.gpus == 1 && *rc::gen::arbitrary<bool>()) drawn.spec.resources.share_milli = 250;
  drawn.spec.resources.gpu_memory_bytes = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 42);
  if (*rc::gen::arbitrary<bool>()) drawn.spec.deadline = in_seconds(*rc::gen::inRange<std::uint64_t>(0, 90'000'000));
  drawn.spec.urgency = static_cast<Urgency>(*rc::gen::inRange(0, 3));
  if (*rc::gen::arbitrary<bool>()) drawn.spec.where.residency = "DE";
  if (*rc::gen::arbitrary<bool>()) drawn.spec.where.allow = {"eu-west"};
  if (*rc::gen::arbitrary<bool>()) drawn.spec.where.tee_kinds = {1};
  drawn.input = input_of(*rc::gen::inRange<TierId>(0, 3));
  drawn.input.class_memory_bytes = *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 38);
  drawn.input.region_factor = {*rc::gen::inRange<std::uint64_t>(800'000, 1'500'001)};
  drawn.input.hosts = *rc::gen::inRange(1U, 65U);
  drawn.input.energy_verified = *rc::gen::arbitrary<bool>();
  drawn.input.reliability = {*rc::gen::inRange<std::uint64_t>(0, 1'200'001)};
  return drawn;
}

/// The rules of economics 2.4 in real numbers.
std::array<double, kFactorCount> real_factors(const Drawn& drawn) {
  const JobSpec& spec = drawn.spec;
  const auto max_s = static_cast<double>(spec.max_s);
  double slack = std::numeric_limits<double>::infinity();
  if (spec.deadline.ms != 0) {
    slack = std::max(0.0, static_cast<double>(spec.deadline.ms - kNow.ms) / 1000 - max_s);
  }
  const bool pressed = spec.urgency != Urgency::None;
  if (spec.urgency == Urgency::Soon) slack = std::min(slack, max_s);
  if (spec.urgency == Urgency::Now) slack = 0;
  const std::array<double, 3> surcharge = {0.1, 0.25, 0.5};
  std::array<double, kFactorCount> real{};
  real[0] = 1 + surcharge[drawn.input.tier] * (std::isinf(slack) ? 0 : max_s / (max_s + slack));
  const bool flexible = drawn.input.tier == kEconomy && !std::isinf(slack) && slack >= 4 * max_s;
  real[1] = flexible && !pressed ? 1 - 0.15 * std::min(slack, 86'400.0) / 86'400 : 1;
  const bool gang = spec.resources.gpus > 0 && spec.resources.share_milli == 0;
  real[2] = gang ? 1 + 0.02 * std::floor(std::log2(spec.resources.gpus)) + (drawn.input.hosts > 1 ? 0.03 : 0) : 1;
  real[3] = 1 + std::min(0.25, 0.015 * std::sqrt(max_s / 3'600));
  const auto asked = static_cast<double>(spec.resources.gpu_memory_bytes);
  const auto device = static_cast<double>(drawn.input.class_memory_bytes);
  real[4] = 1 + std::min(0.2, 0.2 * std::max(0.0, 2 * asked - device) / device);
  real[5] = static_cast<double>(drawn.input.region_factor.value) / 1e6;
  real[6] = 1 + (spec.where.residency.empty() ? 0 : 0.05) + (spec.where.allow.empty() ? 0 : 0.05);
  real[7] = spec.where.tee_kinds.empty() ? 1 : 1.15;
  real[8] = drawn.input.energy_verified ? 1.03 : 1;
  const double reliability = static_cast<double>(drawn.input.reliability.value) / 1e6;
  real[9] = reliability < 0.8 ? 0.9 + reliability / 8 : 1 + (reliability - 0.8) / 4;
  real[2] = std::min(real[2], 1.25);
  return real;
}

// REQ: MTP-1, MTP-2, MTP-4, MTP-5, MTP-10
RC_GTEST_PROP(Factors, AgreeWithTheRulesInRealNumbers, ()) {
  const Market market;
  const Drawn drawn = draw();
  const Factors factors = market.pricing.factors(drawn.spec, drawn.input);
  const auto real = real_factors(drawn);
  double product = 1;
  for (std::size_t i = 0; i < kFactorCount; ++i) {
    const double tolerance = static_cast<Factor>(i) == Factor::Runtime ? 160 : 2;  // the root has two digits
    RC_ASSERT(std::abs(static_cast<double>(factors.ppm[i]) - real[i] * 1e6) <= tolerance);
    product *= static_cast<double>(factors.ppm[i]) / 1e6;
  }
  RC_ASSERT(std::abs(static_cast<double>(factors.product_ppm) / 1e6 - std::clamp(product, 0.25, 8.0)) <= 1e-4);
  RC_ASSERT(factors.product_ppm >= 250'000U);
  RC_ASSERT(factors.product_ppm <= 8'000'000U);
}

// REQ: MTP-2
RC_GTEST_PROP(Factors, AnEarlierDeadlineNeverCostsLess, ()) {
  const Market market;
  Drawn drawn = draw();
  const auto early = *rc::gen::inRange<std::uint64_t>(0, 90'000'000);
  const auto late = *rc::gen::inRange<std::uint64_t>(early, 90'000'001);
  drawn.spec.deadline = in_seconds(late);
  const Factors relaxed = market.pricing.factors(drawn.spec, drawn.input);
  drawn.spec.deadline = in_seconds(early);
  const Factors pressed = market.pricing.factors(drawn.spec, drawn.input);
  RC_ASSERT(ppm_of(pressed, Factor::Urgency) >= ppm_of(relaxed, Factor::Urgency));
  RC_ASSERT(ppm_of(pressed, Factor::Flexibility) >= ppm_of(relaxed, Factor::Flexibility));
  RC_ASSERT(pressed.product_ppm >= relaxed.product_ppm);
}

RC_GTEST_PROP(Factors, NodeFactorsStayWithinTheirBound, ()) {
  const Market market;
  const Drawn drawn = draw();
  FactorInput neutral = drawn.input;
  neutral.energy_verified = false;
  neutral.reliability = {800'000};
  const std::uint64_t without = market.pricing.factors(drawn.spec, neutral).product_ppm;
  const std::uint64_t with = market.pricing.factors(drawn.spec, drawn.input).product_ppm;
  RC_ASSERT(with * kPpm <= without * market.pricing.node_factor_bound().value + 2 * kPpm);
}

}  // namespace
}  // namespace starminer::protocol
