// Reserve pools: refusals in their order, what a commitment holds back, charges, and all of it against a book of sums.
#include "protocol/reserve/reserve.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using registry_test::kProvider;
using registry_test::kStranger;
using registry_test::node_request;
using registry_test::update_of;

constexpr std::uint64_t kToken = kBasePerToken;
constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kEpochMs = 3'600'000;
constexpr JobId kJob{{7}};
constexpr ContractId kContract{{8}};

struct World : registry_test::Market {
  Reserve reserve{store, params, ledger, registry};

  [[nodiscard]] bool sound() const {
    return reserve.invariants_hold() && registry.invariants_hold() && ledger.invariants_hold();
  }
  RefusalCode join(const NodeId& id, std::uint64_t amount, std::uint64_t window_ms = 2 * kDayMs,
                   const AccountId& sender = kProvider) {
    const auto valid = ReserveJoin::validate({id, {amount}, {window_ms}});
    if (!valid) return valid.error().code;
    const auto checked = reserve.check(*valid, {sender, 0});
    if (!checked) return checked.error().code;
    reserve.apply(*checked, {sender, 0}, context);
    EXPECT_TRUE(sound());
    return RefusalCode::None;
  }
  RefusalCode leave(const NodeId& id, const AccountId& sender = kProvider) {
    const auto valid = ReserveLeave::validate({id});
    if (!valid) return valid.error().code;
    const auto checked = reserve.check(*valid, {sender, 0}, context);
    if (!checked) return checked.error().code;
    reserve.apply(*checked, {sender, 0}, context);
    EXPECT_TRUE(sound());
    return RefusalCode::None;
  }
  std::optional<DeclineCharge> decline(const NodeId& id, std::uint64_t price) {
    const auto charge = reserve.charge({id, kJob, kContract, kStranger, context.time, {price}}, context);
    EXPECT_TRUE(sound());
    return charge;
  }
  [[nodiscard]] std::uint64_t staked(const NodeId& id) const {
    return ledger.locked(LockPurpose::Reserve, id.bytes, Asset::Agpu);
  }
  [[nodiscard]] std::uint64_t balance(const AccountId& account) const { return ledger.balance(account, Asset::Agpu); }
};

/// A node of one device.
NodeRegister small_node() {
  NodeRegister op = node_request();
  op.hardware.devices = 1;
  return op;
}

TEST(Reserve, RefusesInOrder) {
  World world;
  const NodeId id = world.make_node(small_node());
  EXPECT_EQ(world.join({}, 0, 0, kStranger), RefusalCode::InvalidField);
  EXPECT_EQ(world.join(id, 0, 0, kStranger), RefusalCode::InvalidField) << "no window";
  EXPECT_EQ(world.join(id, kAmountMax + 1, 1, kStranger), RefusalCode::AmountTooLarge);
  EXPECT_EQ(world.join(NodeId{{9}}, 0, 1, kStranger), RefusalCode::UnknownNode);
  EXPECT_EQ(world.join(id, 0, 1, kStranger), RefusalCode::NotNodeOwner);
  ASSERT_EQ(world.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::None);
  EXPECT_EQ(world.join(id, 0, 1), RefusalCode::WrongNodeStatus);
  ASSERT_EQ(world.submit(NodeSetStatus{id, NodeChange::Resume}), RefusalCode::None);
  EXPECT_EQ(world.join(id, 0, kDayMs - 1), RefusalCode::WindowOutOfBounds);
  EXPECT_EQ(world.join(id, 0, 90 * kDayMs + 1), RefusalCode::WindowOutOfBounds);
  EXPECT_EQ(world.join(id, 50 * kToken - 1, kDayMs), RefusalCode::ReserveStakeTooSmall);
  EXPECT_EQ(world.join(id, 1'000 * kToken, kDayMs), RefusalCode::BalanceTooSmall);
  EXPECT_EQ(world.leave({}, kStranger), RefusalCode::InvalidField);
  EXPECT_EQ(world.leave(NodeId{{9}}, kStranger), RefusalCode::UnknownNode);
  EXPECT_EQ(world.leave(id, kStranger), RefusalCode::NotNodeOwner);
  EXPECT_EQ(world.leave(id), RefusalCode::NotInReserve);
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::None);
  EXPECT_EQ(world.join(id, 50 * kToken, kDayMs), RefusalCode::None);
  EXPECT_EQ(world.leave(id), RefusalCode::WindowStands);
}

// REQ: RSV-1. A node stands by with its stake for its window, and gets it back after that.
TEST(Reserve, KeepsAStakeForItsWindow) {
  World world;
  const NodeId id = world.make_node();  // two devices
  const std::uint64_t before = world.balance(kProvider);
  EXPECT_EQ(world.join(id, 100 * kToken, 3 * kDayMs), RefusalCode::None);
  EXPECT_EQ(world.staked(id), 100 * kToken);
  EXPECT_EQ(world.balance(kProvider), before - 100 * kToken);
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::StandsBy);
  const ReserveKey pool{world.node(id).hardware_class, world.node(id).offer.region};
  ASSERT_NE(world.reserve.nodes_of(pool), nullptr);
  EXPECT_EQ(world.reserve.nodes_of(pool)->count(id), 1U);

  world.wait(kDayMs);
  EXPECT_EQ(world.join(id, 5 * kToken, kDayMs), RefusalCode::None) << "more stake";
  EXPECT_EQ(world.staked(id), 105 * kToken);
  EXPECT_EQ(world.reserve.find(id)->until.ms, registry_test::kStart.ms + 3 * kDayMs) << "a later end stays";
  EXPECT_EQ(world.join(id, 0, 4 * kDayMs), RefusalCode::None) << "more time";
  EXPECT_EQ(world.reserve.find(id)->until.ms, world.context.time.ms + 4 * kDayMs);

  world.wait(4 * kDayMs - 1);
  EXPECT_EQ(world.leave(id), RefusalCode::WindowStands);
  world.wait(1);
  EXPECT_EQ(world.leave(id), RefusalCode::None);
  EXPECT_EQ(world.balance(kProvider), before);
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::None);
  EXPECT_EQ(world.reserve.nodes_of(pool), nullptr);
  EXPECT_EQ(world.reserve.pools().size(), 1U) << "what the pool did stays known";
}

// REQ: RSV-1. What a node committed to stays there to be drawn.
TEST(Reserve, HoldsANodeToItsOffer) {
  World world;
  const NodeId id = world.make_node(small_node());
  ASSERT_EQ(world.join(id, 50 * kToken), RefusalCode::None);
  EXPECT_EQ(world.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::NodeInReserve);
  EXPECT_EQ(world.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::NodeInReserve);
  const auto update = [&](auto change) {
    NodeUpdate op = update_of(id);
    change(op);
    return world.submit(op);
  };
  EXPECT_EQ(update([](NodeUpdate& op) { op.offer.region = "us-east"; }), RefusalCode::NodeInReserve);
  EXPECT_EQ(update([](NodeUpdate& op) { op.offer.offer.country = "FR"; }), RefusalCode::NodeInReserve);
  EXPECT_EQ(update([](NodeUpdate& op) { ++op.offer.offer.floor_32nds; }), RefusalCode::NodeInReserve);
  EXPECT_EQ(update([](NodeUpdate& op) { op.offer.runtimes.pop_back(); }), RefusalCode::NodeInReserve);
  EXPECT_EQ(update([](NodeUpdate& op) {
              op.ratings = {{JobKind::Rendering, {1'000, sha256("report")}}};
            }),
            RefusalCode::NodeInReserve)
      << "training is served no more";
  EXPECT_EQ(update([](NodeUpdate& op) {
              --op.offer.offer.floor_32nds;
              op.offer.runtimes.emplace_back("debian/new");
              op.offer.images.clear();
            }),
            RefusalCode::None)
      << "more, for less";
  world.wait(2 * kDayMs);
  EXPECT_EQ(world.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::NodeInReserve) << "the reserve first";
  ASSERT_EQ(world.leave(id), RefusalCode::None);
  EXPECT_EQ(world.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
}

// REQ: RSV-1. min(0.5 % of the stake, 10 % of the price), half burned, half to the requester.
TEST(Reserve, ChargesForDecliningAJob) {
  World world;
  const NodeId id = world.make_node(small_node());
  ASSERT_EQ(world.join(id, 100 * kToken), RefusalCode::None);
  const std::uint64_t burned = world.ledger.supply(Asset::Agpu).burned;
  const std::uint64_t theirs = world.balance(kStranger);
  const auto by_price = world.decline(id, 2 * kToken);
  ASSERT_TRUE(by_price);
  EXPECT_EQ(by_price->compensated.base, kToken / 10);
  EXPECT_EQ(by_price->burned.base, kToken / 10);
  const auto by_stake = world.decline(id, 1'000 * kToken);
  ASSERT_TRUE(by_stake);
  EXPECT_EQ(by_stake->compensated.base + by_stake->burned.base, (100 * kToken - kToken / 5) / 200);
  const auto odd = world.decline(id, 5);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->compensated.base, 0U);
  EXPECT_EQ(odd->burned.base, 1U) << "rounded up, and the odd unit burns";
  EXPECT_FALSE(world.decline(id, 2 * kToken)) << "three in an epoch";
  const std::uint64_t sum = by_price->compensated.base + by_stake->compensated.base;
  EXPECT_EQ(world.balance(kStranger), theirs + sum);
  EXPECT_EQ(world.ledger.supply(Asset::Agpu).burned, burned + sum + 1);
  EXPECT_EQ(world.reserve.find(id)->charged.base, 2 * sum + 1);
  EXPECT_EQ(world.events.back().kind, EventKind::ReserveCharged);
  EXPECT_EQ(world.events.back().amount, 1U);
  ++world.context.epoch;
  EXPECT_TRUE(world.decline(id, 2 * kToken)) << "of another epoch";
}

TEST(Reserve, ChargesNothingForMatchesBeforeItStoodBy) {
  World world;
  const NodeId id = world.make_node(small_node());
  EXPECT_FALSE(world.decline(id, kToken));
  const TimeMs matched = world.context.time;
  world.wait(1);
  ASSERT_EQ(world.join(id, 50 * kToken), RefusalCode::None);
  EXPECT_FALSE(world.reserve.charge({id, kJob, kContract, kStranger, matched, {kToken}}, world.context));
  EXPECT_TRUE(world.decline(id, kToken));
}

// A node that declined its stake away is preferred no more, stays committed and is charged on, until more is staked.
TEST(Reserve, LapsesBelowTheStakeItAgreedTo) {
  World world;
  const NodeId id = world.make_node(small_node());
  ASSERT_EQ(world.join(id, 50 * kToken), RefusalCode::None);
  ASSERT_TRUE(world.decline(id, kToken));
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::Lapsed);
  EXPECT_EQ(world.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::NodeInReserve);
  EXPECT_EQ(world.leave(id), RefusalCode::WindowStands);
  EXPECT_TRUE(world.decline(id, kToken));
  EXPECT_EQ(world.join(id, kToken / 100), RefusalCode::ReserveStakeTooSmall);
  EXPECT_EQ(world.join(id, kToken), RefusalCode::None);
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::StandsBy);
  // Governance asks for more later: what was agreed stays enough.
  ASSERT_TRUE(world.params.set(Parameter::ReserveStakePerGpu, 100 * kToken));
  ++world.context.epoch;
  EXPECT_TRUE(world.decline(id, 1));
  EXPECT_EQ(world.node(id).reserve, ReserveStanding::StandsBy);
}

TEST(Reserve, FindsRowsThatDisagree) {
  const auto sound_after = [](auto change) {
    World world;
    const NodeId id = world.make_node(small_node());
    EXPECT_EQ(world.join(id, 60 * kToken), RefusalCode::None);
    change(world, id);
    return world.reserve.invariants_hold();
  };
  EXPECT_TRUE(sound_after([](World&, const NodeId&) {}));
  EXPECT_FALSE(sound_after([](World& world, const NodeId& id) {
    world.ledger.add_to_lock({LockPurpose::Reserve, id.bytes, Asset::Agpu}, 1);
  }));
  EXPECT_FALSE(sound_after(
      [](World& world, const NodeId& id) { world.registry.set_reserve(id, ReserveStanding::Lapsed, world.context); }));
  EXPECT_FALSE(sound_after([](World& world, const NodeId& /*id*/) {
    const NodeId other = world.make_node(small_node());
    world.registry.set_reserve(other, ReserveStanding::StandsBy, world.context);
  }));
}

/// The same told with sums, nothing else.
struct Book {
  struct Node {
    std::uint64_t stake = 0;
    std::uint64_t until = 0;
    std::uint64_t charged_in_epoch = 0;
    std::uint64_t epoch = 0;
  };
  std::map<NodeId, Node> nodes;
  std::uint64_t balance = 0;
  std::uint64_t stranger = 0;
  std::uint64_t burned = 0;

  bool join(const NodeId& id, std::uint64_t amount, std::uint64_t window, std::uint64_t now) {
    const std::uint64_t there = nodes.contains(id) ? nodes[id].stake : 0;
    if (there + amount < 50 * kToken || amount > balance) return false;
    balance -= amount;
    Node& node = nodes[id];
    node.stake += amount;
    node.until = std::max(node.until, now + window);
    return true;
  }
  bool leave(const NodeId& id, std::uint64_t now) {
    if (!nodes.contains(id) || now < nodes[id].until) return false;
    balance += nodes[id].stake;
    nodes.erase(id);
    return true;
  }
  std::uint64_t decline(const NodeId& id, std::uint64_t price, std::uint64_t epoch) {
    if (!nodes.contains(id)) return 0;
    Node& node = nodes[id];
    if (node.epoch != epoch) node.charged_in_epoch = 0;
    if (node.charged_in_epoch == 3) return 0;
    const std::uint64_t charge = std::min((node.stake + 199) / 200, (price + 9) / 10);
    if (charge == 0) return 0;
    node.epoch = epoch;
    ++node.charged_in_epoch;
    node.stake -= charge;
    stranger += charge / 2;
    burned += charge - charge / 2;
    return charge;
  }
};

// REQ: RSV-1, TOK-3
RC_GTEST_PROP(Reserve, AgreesWithABookOfSums, ()) {
  World world;
  std::vector<NodeId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(world.make_node(small_node()));
  Book book;
  book.balance = world.balance(kProvider);
  book.stranger = world.balance(kStranger);
  book.burned = world.ledger.supply(Asset::Agpu).burned;
  int accepted = 0;
  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    const NodeId id = *rc::gen::elementOf(ids);
    const std::uint64_t now = world.context.time.ms;
    const std::size_t before = world.store.checkpoint();
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
      case 1: {
        const auto amount = *rc::gen::oneOf(rc::gen::just<std::uint64_t>(50 * kToken), rc::gen::just<std::uint64_t>(0),
                                            rc::gen::inRange<std::uint64_t>(0, 90 * kToken));
        const auto window = *rc::gen::inRange<std::uint64_t>(kDayMs, 3 * kDayMs);
        const bool done = book.join(id, amount, window, now);
        RC_ASSERT((world.join(id, amount, window) == RefusalCode::None) == done);
        accepted += done ? 1 : 0;
        break;
      }
      case 2: {
        const bool done = book.leave(id, now);
        RC_ASSERT((world.leave(id) == RefusalCode::None) == done);
        accepted += done ? 1 : 0;
        break;
      }
      case 3: {
        const auto price = *rc::gen::inRange<std::uint64_t>(0, 20 * kToken);
        const std::uint64_t charge = book.decline(id, price, world.context.epoch);
        const auto paid = world.decline(id, price);
        RC_ASSERT((paid ? paid->compensated.base + paid->burned.base : 0) == charge);
        accepted += charge != 0 ? 1 : 0;
        break;
      }
      case 4: {
        const auto passed = *rc::gen::inRange<std::uint64_t>(0, 2 * kDayMs);
        world.wait(passed);
        world.context.epoch += passed / kEpochMs;
        break;
      }
      default:
        static_cast<void>(world.join(id, 60 * kToken));
        static_cast<void>(world.decline(id, kToken));
        world.store.rollback(before);
        RC_ASSERT(world.sound());
        break;
    }
    RC_ASSERT(world.balance(kProvider) == book.balance);
    RC_ASSERT(world.balance(kStranger) == book.stranger);
    RC_ASSERT(world.ledger.supply(Asset::Agpu).burned == book.burned);
    RC_ASSERT(world.reserve.nodes().size() == book.nodes.size());
    for (const auto& [known, node] : book.nodes) {
      RC_ASSERT(world.staked(known) == node.stake);
      const bool stands_by = node.stake >= 50 * kToken;
      RC_ASSERT(world.node(known).reserve == (stands_by ? ReserveStanding::StandsBy : ReserveStanding::Lapsed));
    }
    RC_ASSERT(world.sound());
  }
  RC_CLASSIFY(accepted > steps / 5, "a fifth accepted");
}

}  // namespace
}  // namespace starminer::protocol
