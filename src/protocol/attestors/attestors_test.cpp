#include "protocol/attestors/attestors.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/operation/limits.h"
#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using registry_test::kNobody;
using registry_test::kProvider;
using registry_test::kStart;
using registry_test::kStranger;
using registry_test::Market;
using registry_test::node_request;
using registry_test::update_of;

constexpr AccountId kGovernor{{0x60}};
constexpr std::array<AccountId, 3> kThree = {AccountId{{0x61}}, AccountId{{0x62}}, AccountId{{0x63}}};
constexpr DurationMs kYear{31'536'000'000};
constexpr DurationMs kHour{3'600'000};

struct Attested : Market {
  Governance governance{store, params};
  Attestors attestors{store, params, governance, registry, timers};
  NodeId id;

  Attested() {
    governance.write_genesis(kGovernor);
    id = make_node();
    for (const AccountId& account : kThree) EXPECT_EQ(set(account, true), RefusalCode::None);
  }
  template <class Op>
  RefusalCode send(const Op& op, const AccountId& account, std::string* detail = nullptr) {
    const auto valid = Op::validate(op);
    if (!valid) return note(valid.error(), detail);
    const Sender sender{account, 0};
    const auto checked = attestors.check(*valid, sender);
    if (!checked) return note(checked.error(), detail);
    attestors.apply(*checked, sender, context);
    EXPECT_TRUE(attestors.invariants_hold());
    EXPECT_TRUE(registry.invariants_hold());
    return RefusalCode::None;
  }
  RefusalCode set(const AccountId& account, bool present) { return send(AttestorSet{account, present}, kGovernor); }
  [[nodiscard]] Hash32 claim(Aspect aspect = Aspect::Energy) const {
    return Registry::claim_of(id, node(id), aspect).value();
  }
  RefusalCode attest(const AccountId& account, DurationMs valid = kYear, Aspect aspect = Aspect::Energy) {
    return send(NodeAttest{id, aspect, valid.ms == 0 ? Hash32{} : claim(aspect), valid}, account);
  }
  [[nodiscard]] bool verified() const { return node(id).offer.energy.verified; }
  void wait_and_serve(DurationMs time) {
    wait(time.ms);
    while (const auto timer = timers.pop_due(context.time)) {
      if (timer->kind == TimerKind::AttestationEnd) attestors.on_attestation_end(NodeId{timer->subject}, context);
      if (timer->kind == TimerKind::AttestorSweep) attestors.on_attestor_sweep(AccountId{timer->subject}, context);
    }
    EXPECT_TRUE(attestors.invariants_hold());
  }
};

// REQ: REG-5
TEST(Attestors, TwoOfThreeMakeAClaimVerifiedUntilOneOfThemExpires) {
  Attested market;
  EXPECT_FALSE(market.verified());
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_FALSE(market.verified()) << "one word is not enough";
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_FALSE(market.verified()) << "nor is the same word twice";
  EXPECT_EQ(market.attest(kThree[2], kHour), RefusalCode::None);
  EXPECT_TRUE(market.verified());
  market.wait_and_serve({kHour.ms - 1});
  EXPECT_TRUE(market.verified());
  market.wait_and_serve({1});
  EXPECT_FALSE(market.verified()) << "it expired";
  EXPECT_EQ(market.attest(kThree[1]), RefusalCode::None);
  EXPECT_TRUE(market.verified()) << "the first word still holds";
}

// REQ: REG-5, REG-3
TEST(Attestors, AnUnverifiedSiteTierCountsAsZero) {
  Attested market;
  const Offer& offer = market.node(market.id).offer;
  EXPECT_EQ(offer.site_tier, 3);
  EXPECT_EQ(offer.proven_site_tier(), 0);
  EXPECT_EQ(market.attest(kThree[0], kYear, Aspect::SiteTier), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1], kYear, Aspect::SiteTier), RefusalCode::None);
  EXPECT_EQ(market.node(market.id).offer.proven_site_tier(), 3);
  EXPECT_FALSE(market.verified()) << "a word on the site says nothing of its energy";
}

// REQ: REG-5
TEST(Attestors, ARegionIsConfirmedWithItsCountry) {
  Attested market;
  const RegionRow dear{"dear", Ppm{1'200'000}};
  const RegionRow cheap{"cheap", Ppm{900'000}};
  EXPECT_EQ(market.node(market.id).offer.price_factor(dear), Ppm{kPpm}) << "nobody has confirmed it";
  EXPECT_EQ(market.node(market.id).offer.price_factor(cheap), Ppm{900'000});
  EXPECT_EQ(market.attest(kThree[0], kYear, Aspect::Region), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1], kYear, Aspect::Region), RefusalCode::None);
  EXPECT_TRUE(market.node(market.id).offer.region_verified);
  EXPECT_EQ(market.node(market.id).offer.price_factor(dear), Ppm{1'200'000});
  NodeUpdate op = update_of(market.id);
  op.offer.offer.floor_32nds = 9;
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_TRUE(market.node(market.id).offer.region_verified) << "it stands where it stood";
  op.offer.offer.country = "AT";
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_FALSE(market.node(market.id).offer.region_verified);
}

// REQ: REG-5
TEST(Attestors, AChangedClaimIsNotWhatWasAttested) {
  Attested market;
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1]), RefusalCode::None);
  const Hash32 before = market.claim();
  NodeUpdate op = update_of(market.id);
  op.offer.offer.floor_32nds = 9;
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_TRUE(market.verified()) << "another part of the offer changed";
  op.offer.offer.energy.renewable_ppm = 1'000'000;
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_FALSE(market.verified());
  EXPECT_EQ(market.send(NodeAttest{market.id, Aspect::Energy, before, kYear}, kThree[2]), RefusalCode::ClaimMismatch);
  EXPECT_EQ(market.attest(kThree[2]), RefusalCode::None);
  EXPECT_FALSE(market.verified()) << "the two others said something else";
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_TRUE(market.verified());
}

TEST(Attestors, AWordMayBeTakenBack) {
  Attested market;
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1]), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1], {}), RefusalCode::None);
  EXPECT_FALSE(market.verified());
  EXPECT_EQ(market.attest(kThree[1], {}), RefusalCode::NothingAttested);
}

// REQ: REG-5
TEST(Attestors, WhatARemovedAttestorSaidCountsNoMore) {
  Attested market;
  EXPECT_EQ(market.attest(kThree[0]), RefusalCode::None);
  EXPECT_EQ(market.attest(kThree[1]), RefusalCode::None);
  EXPECT_EQ(market.set(kThree[1], false), RefusalCode::None);
  EXPECT_FALSE(market.verified());
  EXPECT_EQ(market.attest(kThree[1]), RefusalCode::NotAttestor);
  EXPECT_EQ(market.set(kThree[1], true), RefusalCode::None);
  EXPECT_FALSE(market.verified()) << "named again it has to say so again";
}

// REQ: REG-5
TEST(Attestors, ARemovedAttestorsManyNodesAreLookedAtInSlices) {
  Attested market;
  ASSERT_TRUE(market.params.set(Parameter::NodeLock, 0));
  ASSERT_TRUE(market.params.set(Parameter::AttestorsNeeded, 1));
  std::vector<NodeId> nodes = {market.id};
  while (nodes.size() < kAttestorSweepNodes + 10) nodes.push_back(market.make_node());
  for (const NodeId& node : nodes) {
    market.id = node;
    ASSERT_EQ(market.attest(kThree[0]), RefusalCode::None);
  }
  ASSERT_EQ(market.set(kThree[0], false), RefusalCode::None);
  const auto still = [&] {
    return std::count_if(nodes.begin(), nodes.end(),
                         [&](const NodeId& node) { return market.node(node).offer.energy.verified; });
  };
  EXPECT_EQ(still(), 10) << "at most so many in one block";
  market.wait_and_serve({1});
  EXPECT_EQ(still(), 0);
}

TEST(Attestors, Refusals) {
  const auto expect = [](RefusalCode code, const std::string& detail,
                         const std::function<void(Attested&, NodeAttest&, AccountId&)>& plant) {
    Attested market;
    NodeAttest op{market.id, Aspect::Energy, market.claim(), kYear};
    AccountId account = kThree[0];
    plant(market, op, account);
    std::string given;
    EXPECT_EQ(market.send(op, account, &given), code);
    EXPECT_TRUE(given.starts_with(detail)) << given;
  };
  expect(RefusalCode::InvalidField, "aspect is 3; allowed 0 to 2",
         [](auto&, auto& op, auto&) { op.aspect = static_cast<Aspect>(3); });
  expect(RefusalCode::NotAttestor, "account ", [](auto&, auto& op, auto& account) {
    account = kStranger;
    op.node = kNobody;
  });
  expect(RefusalCode::UnknownNode, "node ", [](auto&, auto& op, auto&) { op.node = kNobody; });
  expect(RefusalCode::NothingAttested, "energy of ", [](auto&, auto& op, auto&) { op.valid = {}; });
  expect(RefusalCode::WrongNodeStatus, "the node has left", [](auto& market, auto& op, auto&) {
    ASSERT_EQ(market.submit(NodeSetStatus{market.id, NodeChange::Leave}), RefusalCode::None);
    op.valid = {kYear.ms + 1};
  });
  expect(RefusalCode::AttestationTooLong, "31536000001 ms given, 31536000000 allowed", [](auto&, auto& op, auto&) {
    op.valid = {kYear.ms + 1};
    op.claim = {};
  });
  expect(RefusalCode::ClaimMismatch, "the node's energy is ", [](auto&, auto& op, auto&) { op.claim = {}; });
  expect(RefusalCode::ClaimMismatch, "the node states no energy that could be attested",
         [](auto& market, auto&, auto&) {
           NodeUpdate change = update_of(market.id);
           change.offer.offer.energy.certificate = {};
           ASSERT_EQ(market.submit(change), RefusalCode::None);
         });
}

TEST(Attestors, OnlyGovernanceNamesThemAndNotWithoutEnd) {
  Attested market;
  EXPECT_EQ(market.send(AttestorSet{kStranger, true}, kProvider), RefusalCode::NotGovernance);
  EXPECT_EQ(market.send(AttestorSet{{}, true}, kGovernor), RefusalCode::InvalidField);
  EXPECT_EQ(market.set(kThree[0], true), RefusalCode::AttestorUnchanged);
  EXPECT_EQ(market.set(kStranger, false), RefusalCode::AttestorUnchanged);
  for (std::uint8_t i = 0; market.attestors.attestors().size() < kAttestorsMax; ++i) {
    ASSERT_EQ(market.set(AccountId{{0x70, i}}, true), RefusalCode::None);
  }
  EXPECT_EQ(market.set(kStranger, true), RefusalCode::TooManyAttestors);
  EXPECT_EQ(market.set(kThree[0], false), RefusalCode::None);
  EXPECT_EQ(market.set(kStranger, true), RefusalCode::None);
}

// A node is verified exactly while two words for its present claim stand, whatever happened before.
RC_GTEST_PROP(Attestors, VerifiedMeansTwoStandingWordsForThePresentClaim, ()) {
  Attested market;
  std::map<AccountId, std::pair<Hash32, TimeMs>> words;
  const auto steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const AccountId account = kThree[*rc::gen::inRange<std::size_t>(0, 3)];
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
      case 1:
      case 2: {
        const DurationMs valid{*rc::gen::inRange<std::uint64_t>(1, 20) * kHour.ms};
        if (market.attest(account, valid) != RefusalCode::None) break;
        words[account] = {market.claim(), market.context.time + valid};
        break;
      }
      case 3: {
        NodeUpdate op = update_of(market.id);
        op.offer.offer.energy.g_co2_per_kwh = *rc::gen::inRange(0U, 2U);
        RC_ASSERT(market.submit(op) == RefusalCode::None);
        // What was said of another claim counts no more, though the owner should state it again.
        std::erase_if(words, [&](const auto& word) { return word.second.first != market.claim(); });
        market.attestors.on_attestation_end(market.id, market.context);
        break;
      }
      case 4: {
        const bool present = market.attestors.attestors().contains(account);
        RC_ASSERT(market.set(account, !present) == RefusalCode::None);
        if (present) words.erase(account);
        break;
      }
      default: market.wait_and_serve({*rc::gen::inRange<std::uint64_t>(1, 10) * kHour.ms});
    }
    std::erase_if(words, [&](const auto& word) { return word.second.second <= market.context.time; });
    RC_ASSERT(market.verified() == (words.size() >= 2));
  }
}

}  // namespace
}  // namespace starminer::protocol
