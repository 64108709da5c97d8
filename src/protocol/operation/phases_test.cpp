#include "protocol/operation/phases.h"

#include <type_traits>

#include <gtest/gtest.h>

#include "base/result.h"
#include "protocol/operation/context.h"
#include "protocol/operation/refusal.h"

namespace starminer::protocol {
namespace {

class Counter;

struct Add {
  using Module = Counter;
  struct Evidence {
    int sum = 0;
  };
  int amount = 0;

  static Result<Valid<Add>, Refusal> validate(Add op) {
    if (op.amount <= 0) return fail(Refusal{RefusalCode::AmountZero, ""});
    return Valid<Add>(op);
  }
};

class Counter {
 public:
  [[nodiscard]] Result<Checked<Add>, Refusal> check(const Valid<Add>& op) const {
    if (value_ + op->amount > 10) return fail(Refusal{RefusalCode::AmountTooLarge, ""});
    return Checked<Add>(op, {value_ + op->amount});
  }
  void apply(const Checked<Add>& op) { value_ = op.evidence().sum; }
  [[nodiscard]] int value() const { return value_; }

 private:
  int value_ = 0;
};

// The tokens cannot be made by anybody but the operation and its module.
static_assert(!std::is_default_constructible_v<Valid<Add>> && !std::is_default_constructible_v<Checked<Add>>);
static_assert(!std::is_constructible_v<Valid<Add>, Add>);
static_assert(!std::is_constructible_v<Checked<Add>, Valid<Add>, Add::Evidence>);
// And a later phase does not take the token of an earlier one.
static_assert(!std::is_invocable_v<decltype(&Counter::apply), Counter&, Valid<Add>>);
static_assert(!std::is_invocable_v<decltype(&Counter::check), Counter&, Add>);

TEST(Phases, RunInOrder) {
  Counter counter;
  EXPECT_FALSE(Add::validate({0}));
  const auto valid = Add::validate({6});
  ASSERT_TRUE(valid);
  EXPECT_EQ((**valid).amount, 6);
  const auto checked = counter.check(*valid);
  ASSERT_TRUE(checked);
  EXPECT_EQ(counter.value(), 0);
  counter.apply(*checked);
  EXPECT_EQ(counter.value(), 6);
  const auto refused = counter.check(*valid);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, RefusalCode::AmountTooLarge);
}

TEST(BlockContext, EventsAreOptional) {
  BlockContext context;
  context.emit({.kind = EventKind::Halted});
  std::vector<Event> events;
  context.events = &events;
  context.emit({.kind = EventKind::Transferred, .amount = 5});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events.front().amount, 5U);
}

}  // namespace
}  // namespace starminer::protocol
