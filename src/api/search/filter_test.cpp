#include "api/search/filter.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::api::search {
namespace {

struct Row {
  std::uint64_t gpus = 0;  // thousandths
  std::uint64_t vram = 0;  // bytes
  bool verified = false;
  std::string name;    // word
  std::string region;  // place
  std::vector<std::string> runtimes;

  Value read(std::size_t field) const {
    switch (field) {
      case 0: return gpus;
      case 1: return vram;
      case 2: return verified;
      case 3: return std::string_view(name);
      case 4: return std::string_view(region);
      default: return &runtimes;
    }
  }
};

const Schema& schema() {
  static const Schema fields = {
      {"gpus", FieldKind::Number, Quantity::Thousandths, "", "devices"},
      {"vram", FieldKind::Number, Quantity::Memory},
      {"verified", FieldKind::Flag},
      {"name", FieldKind::Word},
      {"region", FieldKind::Place, {}, "", "", {"eu-central", "eu-west", "us-east", "local"}},
      {"runtimes", FieldKind::Words, {}, "", "", {}, false},
  };
  return fields;
}

bool passes(const Filter& filter, const Row& row) {
  return filter.passes([&row](std::size_t field) { return row.read(field); });
}

bool passes(std::string_view text, const Row& row) {
  const auto filter = Filter::parse(schema(), text);
  if (!filter) {
    ADD_FAILURE() << text << ": column " << filter.error().column << " " << filter.error().what;
    return false;
  }
  return passes(*filter, row);
}

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

// REQ: REG-1
TEST(Filter, AnswersWhatItSays) {
  const Row row{4'000, 24 * kGib, true, "Rack-1", "eu-central", {"debian/blender-3.4", "debian/pytorch-1.13"}};
  for (const char* text : {
           "",
           "  ",
           "gpus = 4",
           "gpus=4.000",
           "devices>=4",
           "gpus > 3.999",
           "gpus <= 4",
           "gpus < 4.001",
           "vram >= 24",
           "vram = 24GiB",
           "vram = 24 gib",
           "vram > 24 GB",
           "vram < 0.5 TiB",
           "vram != 23",
           "verified",
           "verified = yes",
           "verified != false",
           "not not verified",
           "name = rack-1",
           "name = \"Rack-1\"",
           "name ~ ACK",
           "name !~ x",
           "name in [a, 'rack-1']",
           "name not in [a, b]",
           "region = eu",
           "region = eu-central",
           "region in [us-east, eu]",
           "region != us",
           "region ~ central",
           "runtimes = debian/blender-3.4",
           "runtimes ~ pytorch",
           "runtimes != debian/torch",
           "runtimes in [x, debian/pytorch-1.13]",
           "gpus in [1, 2, 4]",
           "gpus not in [8]",
           "GPUS = 4 AND NOT verified = no",
           "gpus = 1 or gpus = 4",
           "gpus = 4 or gpus = 1 and gpus = 2",
           "(gpus = 1 or gpus = 4) and vram=24",
           "not (gpus = 1 or not verified)",
       }) {
    EXPECT_TRUE(passes(text, row)) << text;
  }
  for (const char* text : {
           "gpus = 3.999",
           "gpus != 4",
           "gpus > 4",
           "gpus < 4",
           "vram = 24 GB",
           "vram >= 25",
           "not verified",
           "verified = no",
           "name = rack",
           "name !~ rack",
           "name in [rack, 1]",
           "region = eu-west",
           "region = us",
           "region != eu",
           "region ~ west",
           "runtimes = debian",
           "runtimes != debian/blender-3.4",
           "runtimes !~ torch",
           "gpus not in [1, 4]",
           "(gpus = 4 or gpus = 1) and gpus = 2",
           "gpus = 1 or gpus = 2",
       }) {
    EXPECT_FALSE(passes(text, row)) << text;
  }
}

TEST(Filter, LiteralsAreExact) {
  Row row;
  row.gpus = 1;
  EXPECT_TRUE(passes("gpus = 0.001", row));
  EXPECT_FALSE(passes("gpus = 0.0010001", row));
  EXPECT_TRUE(passes("gpus < 0.0010001", row));
  row.vram = ~std::uint64_t{0};
  EXPECT_TRUE(passes("vram < 999999999999999 TiB", row));
  EXPECT_TRUE(passes("vram > 16777215 TiB and vram < 16777216 TiB", row));
}

struct Bad {
  const char* text;
  std::size_t column;
  const char* what;
  const char* advice;
};

TEST(Filter, SaysWhereItIsWrongAndWhatWouldDo) {
  const Bad rows[] = {
      {"gpu >= 4", 1, "no field 'gpu'", "did you mean 'gpus'?"},
      {"gpus >= 4 and vrma > 2", 15, "no field 'vrma'", "did you mean 'vram'?"},
      {"colour = red", 1, "no field 'colour'", "fields: gpus, vram, verified, name, region, runtimes"},
      {"region = eu-wets", 10, "no region is called 'eu-wets'", "did you mean 'eu-west'?"},
      {"region in [eu, moon]", 16, "no region is called 'moon'", "there are: eu-central, eu-west, us-east, local"},
      {"gpus", 5, "a comparison is missing", "gpus >= 4"},
      {"name", 5, "a comparison is missing", "name = VALUE"},
      {"gpus >= many", 9, "'many' is no number", "4 or 0.25"},
      {"gpus = 1.", 8, "is no number", ""},
      {"gpus = 0.0123456789", 8, "9 digits after the point", ""},
      {"vram > 3 apples", 10, "'and' or 'or' is missing", ""},
      {"gpus ~ 4", 6, "'gpus' is no text", "use ="},
      {"name > a", 6, "'name' is no number", "in [A, B]"},
      {"verified > no", 10, "'verified' is no number", "use ="},
      {"verified = maybe", 12, "true or false", ""},
      {"(gpus = 4", 10, "')' is missing", ""},
      {"gpus = 4)", 9, "nothing is open", ""},
      {"gpus in 4", 9, "a list in brackets", ""},
      {"gpus in [4", 11, "',' or ']' is missing", ""},
      {"gpus in []", 10, "a value for 'gpus' is missing", ""},
      {"gpus =", 7, "a value for 'gpus' is missing", ""},
      {"name = 'a", 8, "does not end", "close it with '"},
      {"gpus = 4 && vram > 2", 10, "'&' means nothing", "write: and"},
      {"gpus = 4 ; vram > 2", 10, "this character means nothing", ""},
      {"and", 1, "no field 'and'", ""},
      {"= 4", 1, "the name of a field must stand here", ""},
      {"gpus [4]", 6, "'[' means nothing here", "a list follows 'in'"},
  };
  for (const Bad& row : rows) {
    const auto filter = Filter::parse(schema(), row.text);
    ASSERT_FALSE(filter.has_value()) << row.text;
    EXPECT_EQ(filter.error().column, row.column) << row.text << ": " << filter.error().what;
    EXPECT_NE(filter.error().what.find(row.what), std::string::npos) << row.text << ": " << filter.error().what;
    const std::string all = filter.error().what + " " + filter.error().advice;
    EXPECT_NE(all.find(row.advice), std::string::npos) << row.text << ": " << all;
  }
}

TEST(Filter, HasBounds) {
  const auto repeated = [](const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
  };
  const auto tests = [&](std::size_t count) { return "gpus=1" + repeated(" or gpus=1", count - 1); };
  EXPECT_TRUE(Filter::parse(schema(), tests(kFilterTestsMax)));
  EXPECT_FALSE(Filter::parse(schema(), tests(kFilterTestsMax + 1)));
  const auto values = [&](std::size_t count) { return "gpus in [1" + repeated(",1", count - 1) + "]"; };
  EXPECT_TRUE(Filter::parse(schema(), values(kFilterValuesMax)));
  EXPECT_FALSE(Filter::parse(schema(), values(kFilterValuesMax + 1)));
  const auto nested = [&](std::size_t depth) { return repeated("(", depth) + "gpus=1" + repeated(")", depth); };
  EXPECT_TRUE(Filter::parse(schema(), nested(kFilterDepthMax - 1)));
  EXPECT_FALSE(Filter::parse(schema(), nested(kFilterDepthMax)));
  EXPECT_FALSE(Filter::parse(schema(), repeated("not ", 500) + "verified"));
  EXPECT_TRUE(Filter::parse(schema(), std::string(kFilterBytesMax, ' ')));
  EXPECT_FALSE(Filter::parse(schema(), std::string(kFilterBytesMax + 1, ' ')));
}

// ---- Against an evaluator that is obvious: a tree of closures, made beside the text.

struct Said {
  std::string text;
  std::function<bool(const Row&)> holds;
};

std::string spaces() { return *rc::gen::element<std::string>("", " ", "  "); }

template <class T>
Said compared(const std::string& field, T Row::*member, const std::string& literal, T value) {
  struct Sign {
    const char* text;
    std::function<bool(T, T)> holds;
  };
  const std::vector<Sign> signs = {{"=", std::equal_to<T>()}, {"!=", std::not_equal_to<T>()},
                                   {"<", std::less<T>()},     {"<=", std::less_equal<T>()},
                                   {">", std::greater<T>()},  {">=", std::greater_equal<T>()}};
  const Sign sign = signs[*rc::gen::inRange<std::size_t>(0, signs.size())];
  return {field + spaces() + sign.text + spaces() + literal,
          [=](const Row& row) { return sign.holds(row.*member, value); }};
}

Said any_test() {
  switch (*rc::gen::inRange(0, 6)) {
    case 0: {
      const auto milli = *rc::gen::inRange<std::uint64_t>(0, 3'000);
      return compared("gpus", &Row::gpus, fmt::format("{}.{:03}", milli / 1000, milli % 1000), milli);
    }
    case 1: {
      const auto gib = *rc::gen::inRange<std::uint64_t>(0, 4);
      return compared("vram", &Row::vram, fmt::format("{} GiB", gib), gib * kGib);
    }
    case 2: return {"verified", [](const Row& row) { return row.verified; }};
    case 3: {
      const std::string word = *rc::gen::element<std::string>("a", "B", "ab");
      const bool part = *rc::gen::arbitrary<bool>();
      return {"name" + spaces() + (part ? "~" : "=") + spaces() + word, [=](const Row& row) {
                const std::string asked = lower(word), name = lower(row.name);
                return part ? name.find(asked) != std::string::npos : name == asked;
              }};
    }
    case 4: {
      const std::string place = *rc::gen::element<std::string>("eu", "eu-west", "us", "us-east", "local");
      const bool negated = *rc::gen::arbitrary<bool>();
      return {"region " + std::string(negated ? "!=" : "=") + " " + place,
              [=](const Row& row) { return (row.region == place || row.region.starts_with(place + "-")) != negated; }};
    }
    default: {
      const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("x", "y", "z/1"));
      const bool negated = *rc::gen::arbitrary<bool>();
      std::string list = "q";
      for (const std::string& word : words) list += spaces() + "," + spaces() + word;
      return {std::string("runtimes ") + (negated ? "not in [" : "in [") + list + "]", [=](const Row& row) {
                const bool has = std::any_of(words.begin(), words.end(), [&](const std::string& word) {
                  return std::find(row.runtimes.begin(), row.runtimes.end(), word) != row.runtimes.end();
                });
                return has != negated;
              }};
    }
  }
}

Said any_filter(int depth) {
  const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 4);
  if (kind == 0) return any_test();
  const Said a = any_filter(depth - 1);
  if (kind == 1) return {"not (" + a.text + ")", [a](const Row& row) { return !a.holds(row); }};
  const Said b = any_filter(depth - 1);
  if (kind == 2) {
    // The parts of an "and" bind more strongly than an "or" in them.
    return {"(" + a.text + ") and (" + b.text + ")", [a, b](const Row& row) { return a.holds(row) && b.holds(row); }};
  }
  return {a.text + " or " + b.text, [a, b](const Row& row) { return a.holds(row) || b.holds(row); }};
}

Row any_row() {
  Row row;
  row.gpus = *rc::gen::inRange<std::uint64_t>(0, 3'000);
  row.vram = *rc::gen::inRange<std::uint64_t>(0, 4) * kGib + *rc::gen::inRange<std::uint64_t>(0, 2);
  row.verified = *rc::gen::arbitrary<bool>();
  row.name = *rc::gen::element<std::string>("a", "b", "AB", "xab", "");
  row.region = *rc::gen::element<std::string>("eu-central", "eu-west", "us-east", "local");
  row.runtimes = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("x", "y", "z/1", "z"));
  return row;
}

RC_GTEST_PROP(Filter, AgreesWithAnObviousEvaluator, ()) {
  const Said said = any_filter(*rc::gen::inRange(0, 4));
  RC_PRE(said.text.size() <= kFilterBytesMax);
  const auto filter = Filter::parse(schema(), said.text);
  RC_ASSERT(filter.has_value());
  std::size_t passed = 0;
  for (int i = 0; i < 8; ++i) {
    const Row row = any_row();
    passed += passes(*filter, row) ? 1 : 0;
    RC_ASSERT(passes(*filter, row) == said.holds(row));
  }
  RC_TAG(passed == 0 ? "none" : passed == 8 ? "all" : "some");
}

TEST(Filter, NamesTheFieldsItLooksAt) {
  EXPECT_EQ(Filter::parse(schema(), "gpus=1 or not (region=eu and gpus>2)")->fields(), (std::set<std::size_t>{0, 4}));
  EXPECT_TRUE(Filter::parse(schema(), "")->passes_all());
}

}  // namespace
}  // namespace starminer::api::search
