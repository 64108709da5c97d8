#include "protocol/timers/timers.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

Subject subject_of(std::uint8_t fill) {
  Subject subject{};
  subject.fill(fill);
  return subject;
}

TEST(Timers, FireInOrderOfTimeKindAndSubject) {
  state::Store store;
  Timers timers(store);
  EXPECT_FALSE(timers.next_due());
  EXPECT_FALSE(timers.pop_due({1'000}));
  timers.schedule({20}, TimerKind::Tick, {});
  timers.schedule({10}, TimerKind::AckDue, subject_of(2));
  timers.schedule({10}, TimerKind::AckDue, subject_of(1));
  timers.schedule({10}, TimerKind::Epoch, {});
  EXPECT_EQ(timers.next_due(), TimeMs{10});
  EXPECT_FALSE(timers.pop_due({9}));
  EXPECT_EQ(timers.pop_due({10}), (TimerKey{{10}, TimerKind::Epoch, {}}));
  EXPECT_EQ(timers.pop_due({10}), (TimerKey{{10}, TimerKind::AckDue, subject_of(1)}));
  EXPECT_EQ(timers.pop_due({10}), (TimerKey{{10}, TimerKind::AckDue, subject_of(2)}));
  EXPECT_FALSE(timers.pop_due({19}));
  EXPECT_EQ(timers.pop_due({1'000}), (TimerKey{{20}, TimerKind::Tick, {}}));
  EXPECT_FALSE(timers.next_due());
}

TEST(Timers, ArmingTwiceAndCancellingNothingAreHarmless) {
  state::Store store;
  Timers timers(store);
  timers.schedule({5}, TimerKind::RunEnd, subject_of(1));
  timers.schedule({5}, TimerKind::RunEnd, subject_of(1));
  timers.cancel({6}, TimerKind::RunEnd, subject_of(1));
  timers.cancel({5}, TimerKind::StartDue, subject_of(1));
  EXPECT_TRUE(timers.is_armed({{5}, TimerKind::RunEnd, subject_of(1)}));
  EXPECT_TRUE(timers.pop_due({5}));
  EXPECT_FALSE(timers.pop_due({5}));
}

RC_GTEST_PROP(Timers, AgreeWithASetAlsoAfterRollback, ()) {
  state::Store store;
  Timers timers(store);
  std::set<TimerKey> model, saved;
  std::size_t checkpoint = 0;
  bool has_checkpoint = false;
  const auto steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    const TimerKey key{{*rc::gen::inRange<std::uint64_t>(0, 6)},
                       static_cast<TimerKind>(*rc::gen::inRange<std::uint8_t>(0, enum_count(TimerKind{}))),
                       subject_of(*rc::gen::inRange<std::uint8_t>(0, 3))};
    switch (*rc::gen::weightedElement<int>({{5, 0}, {2, 1}, {3, 2}, {1, 3}, {1, 4}})) {
      case 0:
        timers.schedule(key.due, key.kind, key.subject);
        model.insert(key);
        break;
      case 1:
        timers.cancel(key.due, key.kind, key.subject);
        model.erase(key);
        break;
      case 2: {
        const auto popped = timers.pop_due(key.due);
        const bool due = !model.empty() && model.begin()->due <= key.due;
        RC_ASSERT(popped == (due ? std::optional(*model.begin()) : std::nullopt));
        if (due) model.erase(model.begin());
        break;
      }
      case 3:
        checkpoint = store.checkpoint();
        has_checkpoint = true;
        saved = model;
        break;
      default:
        if (!has_checkpoint) break;
        store.rollback(checkpoint);
        model = saved;
        has_checkpoint = false;
        break;
    }
    RC_ASSERT(timers.table().size() == model.size());
    RC_ASSERT(timers.is_armed(key) == model.contains(key));
    RC_ASSERT(timers.next_due() == (model.empty() ? std::nullopt : std::optional(model.begin()->due)));
  }
}

}  // namespace
}  // namespace starminer::protocol
