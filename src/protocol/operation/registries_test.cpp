// Limits and events as lists: what documentation is written from.
#include <set>

#include <gtest/gtest.h>

#include "protocol/operation/event_registry.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

void expect_text(std::string_view text, std::string_view of) {
  ASSERT_GE(text.size(), 5U) << of;
  EXPECT_EQ(std::string_view(".!? ").find(text.back()), std::string_view::npos) << of << ": " << text;
  EXPECT_EQ(text.find('|'), std::string_view::npos) << of;
}

TEST(LimitRegistry, NamesAreUniqueAndTextsWhole) {
  std::set<std::string_view> names;
  for (const LimitInfo& info : limit_registry()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_GT(info.value, 0U) << info.name;
    EXPECT_FALSE(info.unit.empty()) << info.name;
    expect_text(info.what, info.name);
    // A limit keeps something out before a fee is taken, or bounds the protocol's own work, or a table that is full.
    const std::set<RefusalCode> charged = {RefusalCode::None, RefusalCode::ResultInvalid,
                                           RefusalCode::TooManyAttestors};
    if (charged.count(info.refusal) == 0) {
      EXPECT_EQ(refusal_info(info.refusal).refusal_class, RefusalClass::Malformed) << info.name;
    }
  }
  EXPECT_TRUE(names.contains("JobGpusMax"));
}

TEST(LimitRegistry, GivesTheConstants) {
  for (const LimitInfo& info : limit_registry()) {
    if (info.name == "TransactionBytesMax") {
      EXPECT_EQ(info.value, kTransactionBytesMax);
    }
    if (info.name == "DiskBytesMax") {
      EXPECT_EQ(info.value, kDiskBytesMax);
    }
  }
  EXPECT_LE(kShareMilliMin, kShareMilliMax);
  EXPECT_EQ(kShareMilliMax % kShareMilliStep, 0U);
  EXPECT_LT(kJobSecondsMin, kJobSecondsMax);
  EXPECT_LT(kPueMinPpm, kPueMaxPpm);
}

TEST(EventRegistry, EveryKindStandsAtItsNumber) {
  std::set<std::string_view> names;
  std::size_t number = 0;
  for (const EventInfo& info : event_registry()) {
    EXPECT_EQ(static_cast<std::size_t>(info.kind), number++) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    expect_text(info.what, info.name);
  }
  EXPECT_EQ(event_registry().back().kind, EventKind::Halted);
}

}  // namespace
}  // namespace starminer::protocol
