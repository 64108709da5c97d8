#include "provider/offer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starminer/v1/transaction.pb.h"

namespace starminer::provider {
namespace {

using nlohmann::json;

json shown() {
  return {{"region", "eu-central"}, {"country", "DE"},   {"site_tier", 2},
          {"sandbox_tier", 1},      {"floor_32nds", 8U}, {"runtimes", {"debian/python-3.11", "debian/blender-3.4"}}};
}

std::vector<devices::Runtime> runtimes(const std::vector<std::string>& tags) {
  std::vector<devices::Runtime> result;
  for (const std::string& tag : tags)
    result.push_back({.tag = tag, .version = "", .program = "", .read_only_paths = {}});
  return result;
}

const auto kSame = runtimes({"debian/blender-3.4", "debian/python-3.11"});

TEST(Offer, OfAMachineWhoseOwnerStatesNothingStaysAsItIs) {
  EXPECT_EQ(describe_change(shown(), renew_offer({}, kSame, shown())), "");
}

TEST(Offer, ChangesInWhatTheOwnerStates) {
  AgentSettings settings;
  settings.region = "local";
  settings.floor_32nds = 4;
  settings.stated = {"offer.floor"};
  EXPECT_EQ(describe_change(shown(), renew_offer(settings, kSame, shown())), "floor 8/32 -> 4/32");
  settings.stated = {"offer.floor", "offer.region", "offer.country", "offer.site_tier"};
  EXPECT_EQ(describe_change(shown(), renew_offer(settings, kSame, shown())),
            "region eu-central -> local, country DE -> ZZ, site tier 2 -> 0, floor 8/32 -> 4/32");
}

// REQ: REG-5
TEST(Offer, EnergyIsWhatTheOwnerStatesAndStaysOtherwise) {
  json before = shown();
  const std::string hash(64, 'a');
  before["energy"] = {{"g_co2_per_kwh", 50},
                      {"renewable_ppm", 900'000},
                      {"pue_ppm", 1'150'000},
                      {"certificate", hash},
                      {"verified", true}};
  EXPECT_EQ(describe_change(before, renew_offer({}, kSame, before)), "");
  AgentSettings settings;
  settings.renewable_percent = 100;
  settings.stated = {"offer.renewable_percent"};
  const v1::Offer offer = renew_offer(settings, kSame, before);
  EXPECT_EQ(offer.energy().renewable_ppm(), 1'000'000U);
  EXPECT_EQ(offer.energy().pue_ppm(), 1'150'000U);
  EXPECT_EQ(offer.energy().certificate_hash(), std::string(32, '\xaa'));
  EXPECT_EQ(describe_change(before, offer), "energy 50 g, 900000 ppm renewable, PUE 1150000 ppm, certificate " + hash +
                                                " -> 50 g, 1000000 ppm renewable, PUE 1150000 ppm, certificate " +
                                                hash);
  settings.energy_certificate = std::string(64, 'b');
  settings.pue_milli = 1'100;
  EXPECT_EQ(make_offer(settings, {}).energy().certificate_hash(), std::string(32, '\xbb'));
  EXPECT_EQ(make_offer(settings, {}).energy().pue_ppm(), 1'100'000U);
  EXPECT_FALSE(make_offer({}, {}).has_energy());
}

TEST(Offer, FollowsTheRuntimesOfTheMachine) {
  EXPECT_EQ(describe_change(shown(), renew_offer({}, runtimes({"debian/python-3.11"}), shown())),
            "runtimes [debian/blender-3.4, debian/python-3.11] -> [debian/python-3.11]");
}

}  // namespace
}  // namespace starminer::provider
