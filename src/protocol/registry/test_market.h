// A market with accounts and an empty registry, and requests that pass: what the tests of this folder start from.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/registry/registry.h"

namespace starminer::protocol::registry_test {

inline constexpr AccountId kProvider{{1}};
inline constexpr AccountId kPayout{{2}};
inline constexpr AccountId kOperator{{3}};
inline constexpr AccountId kStranger{{9}};
inline constexpr NodeId kNobody{{0xee}};
inline constexpr TimeMs kStart{1'700'000'000'000};
inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

inline NodeRegister node_request(std::string hardware_class = "A100", std::uint32_t rating = 1'000) {
  NodeRegister op;
  op.hardware_class = std::move(hardware_class);
  op.hardware = {"NVIDIA A100 80GB", 2, 80 * kGiB, 1, 64, 256 * kGiB, 1'000 * kGiB, 1'000, 2'000};
  op.offer.region = "eu-central";
  op.offer.offer.country = "DE";
  op.offer.offer.site_tier = 3;
  op.offer.offer.sandbox_tier = 1;
  op.offer.offer.last_mile_level = 2;
  op.offer.offer.floor_32nds = 8;
  op.offer.offer.energy = {50, 900'000, 1'150'000, sha256("certificate"), true};
  op.offer.runtimes = {"debian/pytorch-1.13", "debian/blender-3.4"};
  op.offer.images = {sha256("image b"), sha256("image a")};
  op.ratings = {{JobKind::Training, {rating, sha256("report")}}};
  op.name = "rack 1";
  return op;
}

struct Market {
  state::Store store;
  Params params{store};
  Ledger ledger{store, params};
  Reputation reputation{store, params};
  Timers timers{store};
  Registry registry{store, params, ledger, reputation, timers};
  std::vector<Event> events;
  BlockContext context{.height = 1, .epoch = 5, .time = kStart, .halted = {}, .seed = {}, .events = &events};
  std::uint64_t sequence = 0;

  explicit Market(Preset preset = Preset::Main) {
    params.write_genesis(preset);
    for (const AccountId& account : {kProvider, kPayout, kStranger}) {
      EXPECT_TRUE(ledger.mint_at_genesis(account, Asset::Agpu, 1'000 * kBasePerToken));
    }
    registry.write_genesis({kOperator});
  }

  template <class Op>
  RefusalCode submit(const Op& op, const AccountId& account = kProvider, std::string* detail = nullptr) {
    const auto valid = Op::validate(op);
    if (!valid) return note(valid.error(), detail);
    const Sender sender{account, sequence++};
    if constexpr (std::is_same_v<Op, NodeUpdate>) {
      const auto checked = registry.check(*valid, sender, context);
      if (!checked) return note(checked.error(), detail);
      registry.apply(*checked, sender, context);
    } else {
      const auto checked = registry.check(*valid, sender);
      if (!checked) return note(checked.error(), detail);
      if constexpr (std::is_same_v<Op, NodeRegister>) {
        last = registry.apply(*checked, sender, context);
      } else {
        registry.apply(*checked, sender, context);
      }
    }
    EXPECT_TRUE(registry.invariants_hold());
    EXPECT_TRUE(ledger.invariants_hold());
    return RefusalCode::None;
  }
  static RefusalCode note(const Refusal& refusal, std::string* detail) {
    if (detail != nullptr) *detail = refusal.detail;
    return refusal.code;
  }
  void make_provider() { EXPECT_EQ(submit(ProviderRegister{"Ada's farm", kPayout}), RefusalCode::None); }
  NodeId make_node(const NodeRegister& op = node_request()) {
    if (!registry.providers().contains(kProvider)) make_provider();
    EXPECT_EQ(submit(op), RefusalCode::None);
    return last;
  }
  [[nodiscard]] const NodeRow& node(const NodeId& id) const { return registry.nodes().get(id); }
  [[nodiscard]] std::uint64_t locked(const NodeId& id) const {
    return ledger.locked(LockPurpose::NodeIdentity, id.bytes, Asset::Agpu);
  }
  void wait(std::uint64_t ms) { context.time = context.time + DurationMs{ms}; }

  NodeId last;
};

inline NodeUpdate update_of(const NodeId& id) {
  const NodeRegister op = node_request();
  return {id, op.offer, {}};
}

}  // namespace starminer::protocol::registry_test
