#include "protocol/operation/refusal.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace starminer::protocol {
namespace {

TEST(RefusalRegistry, NumbersRiseAndAreFoundAgain) {
  std::uint16_t previous = 0;
  for (const RefusalInfo& info : refusal_registry()) {
    const auto number = static_cast<std::uint16_t>(info.code);
    EXPECT_GT(number, previous) << info.name;
    previous = number;
    EXPECT_EQ(find_refusal(number), info.code);
    EXPECT_EQ(refusal_info(info.code).name, info.name);
    EXPECT_EQ(refusal_label(info.code), "E" + std::to_string(number));
  }
  EXPECT_GT(refusal_registry().size(), 50U);
}

TEST(RefusalRegistry, OtherNumbersAreNothing) {
  constexpr std::uint16_t kUnused[] = {0, 1, 999, 1100, 2103, 65'535};
  for (const std::uint16_t number : kUnused) EXPECT_FALSE(find_refusal(number)) << number;
  EXPECT_DEATH(static_cast<void>(refusal_info(RefusalCode::None)), "assertion failed");
}

TEST(RefusalRegistry, NamesAreUniqueWords) {
  std::set<std::string_view> names;
  for (const RefusalInfo& info : refusal_registry()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(std::isupper(static_cast<unsigned char>(info.name.front()))) << info.name;
    EXPECT_TRUE(std::all_of(info.name.begin(), info.name.end(), [](unsigned char c) { return std::isalnum(c); }));
  }
}

// Texts are put together by programs: "what: detail. Advice." Neither part brings its own full stop or line.
TEST(RefusalRegistry, TextsSayWhatHappenedAndWhatToDo) {
  std::set<std::string_view> texts;
  for (const RefusalInfo& info : refusal_registry()) {
    EXPECT_TRUE(texts.insert(info.what).second) << info.name << " has the text of another code";
    for (const std::string_view text : {info.what, info.advice}) {
      ASSERT_GE(text.size(), 10U) << info.name;
      EXPECT_EQ(std::string_view(".!? ").find(text.back()), std::string_view::npos) << info.name << ": " << text;
      EXPECT_NE(text.front(), ' ') << info.name;
      EXPECT_EQ(text.find('\n'), std::string_view::npos) << info.name;
    }
  }
}

// Codes above the envelope either refuse the shape, which costs nothing, or are found after the fee was taken.
TEST(RefusalRegistry, ClassesFollowThePhases) {
  for (const RefusalInfo& info : refusal_registry()) {
    const auto number = static_cast<std::uint16_t>(info.code);
    if (number < 1100) {
      EXPECT_EQ(info.refusal_class, RefusalClass::Malformed) << info.name;
    } else if (number < 2000) {
      EXPECT_NE(info.refusal_class, RefusalClass::Charged) << info.name;
    } else {
      EXPECT_TRUE(info.refusal_class == RefusalClass::Charged || info.refusal_class == RefusalClass::Malformed)
          << info.name;
    }
  }
}

TEST(Refusal, CarriesItsRow) {
  const Refusal refusal{RefusalCode::BalanceTooSmall, "available 3.00 AGPU"};
  EXPECT_EQ(refusal.info().name, "BalanceTooSmall");
  EXPECT_EQ(refusal.info().refusal_class, RefusalClass::Charged);
}

}  // namespace
}  // namespace starminer::protocol
