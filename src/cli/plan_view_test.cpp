#include "cli/plan_view.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/quote.h"

namespace starminer::cli {
namespace {

using client::job_file::JobFile;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

JobFile small_job() {
  JobFile job;
  job.name = "char-transformer";
  job.kind = protocol::JobKind::Training;
  job.runtime = "debian/pytorch-1.13";
  job.resources.classes = {"H100"};
  job.time.max = std::chrono::minutes(10);
  job.time.expected = std::chrono::minutes(2);
  return job;
}

/// A quote as the API gives it.
json a_quote() {
  return json::parse(R"({
    "tier":"standard","tier_reason":"the job must start soon","max_price":"500000000","cap":"40400000",
    "expected":"20200000","tx_fee":"100000","balance":"100000000000","held":"2100000000","starts_now":true,
    "queue_ahead":0,"missing_runtime":false,"refusal":null,"node_signature":null,
    "expected_split":{"pay":"20200000","provider":"18200000","burn":"1000000","surge_burn":"0","stakers":"400000",
                      "treasury":"400000","insurance":"200000","referrer":"0"},
    "classes":[{"class":"H100","base":"375000000","unit_min":"403500000","unit_max":"450000000",
                "product_ppm":1076000,"eligible":2,"free":1,
                "factors":{"urgency":1000000,"flexibility":1000000,"gang":1000000,"runtime":1004700,"memory":1000000,
                           "region":1050000,"residency":1000000,"tee":1000000,"energy":1000000,"quality":1020000},
                "envelope":{"5":{"low":"350000000","high":"400000000"},"15":{"low":"300000000","high":"500000000"},
                            "60":{"low":"93000000","high":"2200000000"}}}],
    "match":{"node":"n1abc","node_name":"quarry","class":"H100","region":"eu-central","score":15000,"unit":"403500000",
             "parts":{"fit":240,"budget":120},"runner_up":{"node":"n1def","score":14000}},
    "exclusions":{"nodes":1213,"eligible":2,"eligible_busy":1,"cheapest_over_cap":"450000000",
      "reasons":[{"constraint":"price","sentence":"price above max_price","first":56,"alone":3},
                 {"constraint":"ram","sentence":"too little memory","first":902,"alone":0}]}})");
}

class PlanTest : public ::testing::Test {
 protected:
  std::string render(const json& quote, const std::string& runtimes = {}, bool explain = false) {
    const terminal::Terminal plain(out_, {});
    return plan_text(plain, {job_, quote, 323'000, 60'000, runtimes, "f501", true, explain});
  }

  JobFile job_ = small_job();
  std::ostringstream out_;
};

// REQ: WRK-4, MTP-9
TEST_F(PlanTest, ShowsTheHostsThatWouldShareTheJob) {
  job_.resources.gpus = 8;
  json quote = a_quote();
  quote["hosts"] = 4;
  quote["gang"] = {"n1b", "n1c", "n1d"};
  const std::string text = render(quote);
  EXPECT_NE(text.find("now, on quarry and 3 other hosts of its site (H100 in eu-central)"), std::string::npos) << text;
  EXPECT_NE(text.find("each for one part: 4 hosts of one site share the job, 2 GPUs each"), std::string::npos) << text;
}

TEST_F(PlanTest, ShowsTierPriceFactorsBoundsCostAndWhoIsPaid) {
  const std::string text = render(a_quote());
  EXPECT_THAT(text, HasSubstr("Standard (auto: the job must start soon)"));
  EXPECT_THAT(text, HasSubstr("0.4035 AGPU per GPU-hour of H100"));
  EXPECT_THAT(text, HasSubstr("= base 0.3750 x runtime 1.0047 x region 1.05 x quality 1.02\n"))
      << "neutral factors are left out";
  EXPECT_THAT(text, HasSubstr("certain bounds 0.3766 - 0.4304 in 5 min")) << "the envelope with the job's factors";
  EXPECT_THAT(text, HasSubstr("0.0202 AGPU expected (2 min), 0.0404 AGPU at most (10 min)"));
  EXPECT_THAT(text, HasSubstr("= provider 0.0182, burned 0.0010, stakers 0.0004, treasury 0.0004, insurance 0.0002\n"));
  EXPECT_THAT(text, HasSubstr("now, on quarry (H100 in eu-central)"));
  EXPECT_THAT(text, HasSubstr("100.000 AGPU, 0.0404 AGPU will be held and 0.0001 AGPU is the fee; other jobs hold"));
}

TEST_F(PlanTest, ReasonsOfExcludedNodesComeMostFrequentFirst) {
  const std::string text = render(a_quote());
  EXPECT_THAT(text, HasSubstr("2 of 1 213 can take it now; best quarry n1abc"));
  EXPECT_THAT(text, HasSubstr("not: 902 too little memory, 56 price above max_price (3 but for this)\n"));
  EXPECT_THAT(text, HasSubstr("max_price 0.4500 AGPU would do"));
}

TEST_F(PlanTest, AnUnknownStartSaysWhatItWaitsFor) {
  json quote = a_quote();
  quote["starts_now"] = false;
  quote["match"] = nullptr;
  quote["queue_ahead"] = 3;
  EXPECT_THAT(render(quote), HasSubstr("unknown: 1 node could take it but is busy; 3 jobs before it in the queue"));
}

TEST_F(PlanTest, APredictedStartIsToldAsHalfAndNineOfTen) {
  json quote = a_quote();
  quote["starts_now"] = false;
  quote["match"] = nullptr;
  quote["queue_ahead"] = 3;
  quote["predicted"] = {{"start_p50_ms", 300'000}, {"start_p90_ms", 1'500'000}, {"end_p50_ms", 1}, {"end_p90_ms", 2}};
  EXPECT_THAT(render(quote), HasSubstr("in 5 min, 9 of 10 such jobs in 25 min (a prediction): 1 node could take it"));
}

// REQ: MTP-6
TEST_F(PlanTest, ThePromiseOfTheStartNamesWhatALateOneCosts) {
  json quote = a_quote();
  EXPECT_THAT(render(quote), Not(HasSubstr("Promise")));
  quote["start_promised_ms"] = 600'000;
  EXPECT_THAT(render(quote), HasSubstr("it starts within 10 min, or you pay no fee"));
  quote["tier"] = "premium";
  quote["start_promised_ms"] = 40'000;
  EXPECT_THAT(render(quote), HasSubstr("it starts within 40 s, or a part of the bill is credited"));
}

TEST_F(PlanTest, AMissingRuntimeIsSaidPlainly) {
  const std::string sentence = "no node has debian/blender-3.4; 2 nodes have debian/pytorch-1.13";
  EXPECT_THAT(render(a_quote(), sentence), HasSubstr(sentence));
}

TEST_F(PlanTest, ExplainShowsEveryFactorWithItsInput) {
  const std::string text = render(a_quote(), "", true);
  for (const char* const factor : {"urgency", "flexibility", "gang", "runtime", "memory", "region", "residency", "tee",
                                   "energy", "quality", "product"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n ") + factor)) << factor;
  }
  EXPECT_THAT(text, HasSubstr("time.max 10 min"));
  EXPECT_THAT(text, HasSubstr("15000 for quarry: budget 120, fit 240"));
  EXPECT_THAT(text, HasSubstr("node key f501"));
}

TEST_F(PlanTest, WhatANodeWritesCannotMoveTheCursor) {
  json quote = a_quote();
  quote["match"]["node_name"] = "\x1b[2Jevil\nline";
  const std::string text = render(quote);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("evil line"));
}

TEST_F(PlanTest, AnEmptyAnswerIsNoCrash) {
  EXPECT_THAT(render(json::object()), HasSubstr("unknown: no class of hardware could take this job"));
  EXPECT_FALSE(render(json("text"), "", true).empty());
}

TEST(QuoteRefusal, CarriesCodeFiguresAndAdvice) {
  json quote = a_quote();
  EXPECT_FALSE(refusal_of(quote));
  quote["refusal"] = {{"code", "E4113"}, {"what", "too dear"}, {"detail", "missing 1.5 AGPU"}, {"advice", "raise it"}};
  const auto refusal = refusal_of(quote);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, config::ExitCode::Refused);
  EXPECT_EQ(refusal->failure.code, "E4113");
  EXPECT_EQ(refusal->failure.why, "missing 1.5 AGPU");
}

}  // namespace
}  // namespace starminer::cli
