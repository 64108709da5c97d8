#include "cli/spec_message.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/decode.h"
#include "starminer/v1/job.pb.h"

namespace starminer::cli {
namespace {

template <class AnyBytes>
AnyBytes filled(std::uint8_t byte) {
  AnyBytes value;
  value.bytes.fill(byte);
  return value;
}

/// A specification in which no field has its default, so that a forgotten one shows.
protocol::JobSpec full_spec() {
  protocol::JobSpec spec;
  spec.kind = protocol::JobKind::Rendering;
  spec.runtime = "debian/blender-3.4";
  spec.image = filled<Hash32>(1);
  spec.manifest_hash = filled<Hash32>(2);
  spec.inputs = {filled<Hash32>(3), filled<Hash32>(4)};
  spec.input_bytes = 5;
  spec.resources = {{"CPU", "H100"}, 2, 250, 6, 7, 8, 9, 1};
  spec.placement = protocol::Placement::OneSite;
  spec.expected_s = 10;
  spec.max_s = 60;
  spec.deadline = {11};
  spec.start_within = {12};
  spec.latency_ms = 13;
  spec.urgency = protocol::Urgency::Soon;
  spec.dedicated = true;
  spec.tier = protocol::TierChoice::Premium;
  spec.allow_downgrade = true;
  spec.wait = true;
  spec.where = {{"eu-central"}, {"eu-central", "local"}, "DE", 1, 2, {1, 2}, 14, {filled<AccountId>(15)}};
  spec.max_price = {16};
  spec.budget = {17};
  spec.preemptible = true;
  spec.credits = 77;
  spec.price_lock = 7;
  return spec;
}

// REQ: WRK-3
TEST(SpecMessage, EveryFieldArrives) {
  const protocol::JobSpec spec = full_spec();
  const auto decoded = protocol::decode(make_message(spec));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(encode(*decoded), encode(spec));
}

TEST(SpecMessage, AnEmptyImageIsNoImage) {
  protocol::JobSpec spec = full_spec();
  spec.image = {};
  const auto decoded = protocol::decode(make_message(spec));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->image.is_zero());
}

}  // namespace
}  // namespace starminer::cli
