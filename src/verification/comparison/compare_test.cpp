// REQ: VER-1, VER-4
#include "verification/comparison/compare.h"

#include <functional>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/comparison/test_files.h"
#include "verification/comparison/tokens.h"

namespace starminer::verification {
namespace {

struct Given {
  std::string comparator = "exact";
  Bytes claimed;
  Bytes recomputed;
  std::string claimed_form = "bytes";
  std::string recomputed_form = "bytes";
  std::string claimed_class{};
  std::string recomputed_class{};
  std::string report{};
};

Verdict verdict_of(const Given& given) {
  const auto side = [](const Bytes& file, const std::string& form, const std::string& numeric_class) {
    Side made{file, parse_form(form).value(), {}};
    if (!numeric_class.empty()) made.numeric_class = parse_class(numeric_class).value();
    return made;
  };
  const Sides sides{side(given.claimed, given.claimed_form, given.claimed_class),
                    side(given.recomputed, given.recomputed_form, given.recomputed_class)};
  const auto comparator = parse_comparator(given.comparator).value();
  if (given.report.empty()) return compare(comparator, sides);
  return compare(comparator, sides, as_bytes(given.report));
}

Given files(const std::string& comparator, const std::string& claimed, const std::string& recomputed,
            const std::string& form) {
  return {comparator, vector_file(claimed), vector_file(recomputed), form, form};
}

Bytes text(std::string_view words) { return {words.begin(), words.end()}; }

TEST(Compare, TwoOrdersOfOneSum) {
  const Verdict exact = verdict_of(files("exact", "product_forward.npy", "product_backward.npy", "npy"));
  EXPECT_EQ(exact.reason, Reason::ElementDiffers);
  EXPECT_GT(exact.findings.differing, 1'000U);
  const Verdict measured = verdict_of(files("ulp(0)", "product_forward.npy", "product_backward.npy", "npy"));
  EXPECT_EQ(measured.reason, Reason::DistanceExceeded);
  EXPECT_EQ(measured.findings.differing, exact.findings.differing);
  const std::string enough = "ulp(" + std::to_string(measured.findings.largest) + ")";
  const std::string less = "ulp(" + std::to_string(measured.findings.largest - 1) + ")";
  EXPECT_EQ(verdict_of(files(enough, "product_forward.npy", "product_backward.npy", "npy")).reason,
            Reason::WithinTolerance);
  const Verdict one = verdict_of(files(less, "product_forward.npy", "product_backward.npy", "npy"));
  EXPECT_EQ(one.reason, Reason::DistanceExceeded);
  EXPECT_EQ(one.findings.beyond, 1U);
  EXPECT_TRUE(one.findings.first.has_value());
}

TEST(Compare, PicturesByTheirSamples) {
  const Verdict close = verdict_of(files("mse_max(1)", "colour8.png", "colour8_close.png", "png"));
  EXPECT_EQ(close.reason, Reason::WithinTolerance);
  EXPECT_EQ(close.findings.compared, 29U * 23 * 3);
  EXPECT_EQ(close.findings.squared_error, close.findings.differing);  // each is 1 away
  EXPECT_EQ(close.findings.largest, 1U);
  EXPECT_FALSE(close.findings.first.has_value());
  const Verdict none = verdict_of(files("mse_max(0)", "colour8.png", "colour8_close.png", "png"));
  EXPECT_EQ(none.reason, Reason::ErrorExceeded);
  EXPECT_TRUE(none.findings.first.has_value());
  EXPECT_EQ(verdict_of(files("exact", "colour8.png", "colour8_close.png", "png")).reason, Reason::ElementDiffers);
  Given mixed = files("exact", "colour8.png", "colour8.ppm", "png");
  EXPECT_EQ(verdict_of(mixed).reason, Reason::RecomputedMalformed);
  mixed.recomputed_form = "pnm";
  EXPECT_EQ(verdict_of(mixed).reason, Reason::Identical);
  mixed.claimed_form = mixed.recomputed_form = "bytes";
  EXPECT_EQ(verdict_of(mixed).outcome(), Outcome::Differ);
  EXPECT_EQ(verdict_of(files("mse_max(9)", "colour8.png", "colour16.png", "png")).reason, Reason::TypeDiffers);
  EXPECT_EQ(verdict_of(files("mse_max(9)", "colour8.png", "alpha8.png", "png")).reason, Reason::ShapeDiffers);
}

TEST(Compare, ToplocOfHonestAndOtherActivations) {
  Given given = files("toploc(38,1000,800)", "activations.proofs", "activations.bf16", "bytes");
  given.claimed_form = "proofs";
  given.recomputed_form = "activations:71x96:7";
  EXPECT_EQ(verdict_of(given).reason, Reason::Identical);
  given.recomputed = vector_file("activations_other.bf16");
  const Verdict near = verdict_of(given);
  EXPECT_EQ(near.reason, Reason::WithinTolerance);
  EXPECT_GT(near.findings.mean, 0U);
  given.comparator =
      "toploc(127," + std::to_string(near.findings.mean) + "," + std::to_string(near.findings.median) + ")";
  EXPECT_EQ(verdict_of(given).reason, Reason::WithinTolerance);
  given.comparator = "toploc(127," + std::to_string(near.findings.mean - 1) + ",12700)";
  EXPECT_EQ(verdict_of(given).reason, Reason::MeanExceeded);
  given.comparator = "toploc(127,12700," + std::to_string(near.findings.median - 1) + ")";
  EXPECT_EQ(verdict_of(given).reason, Reason::MedianExceeded);
  given.comparator = "toploc(38,1000,800)";
  given.recomputed = vector_file("activations_wrong.bf16");
  const Verdict far = verdict_of(given);
  EXPECT_EQ(far.outcome(), Outcome::Differ);
  EXPECT_EQ(far.findings.beyond, 3U);
  EXPECT_EQ(far.findings.first->group, 0U);
  given.claimed = Bytes(given.claimed.begin(), given.claimed.end() - 258);
  EXPECT_EQ(verdict_of(given).reason, Reason::LengthDiffers);
}

// Every reason, by the artifacts that give it.
TEST(Compare, EveryReasonHasItsCase) {
  const std::string one = "cpu/a/-/-";
  const std::string other = "cpu/b/-/-";
  const std::string image(64, 'a');
  const Bytes abc = text("abc");
  const std::string hash = sha256(abc).hex();
  const auto report = [&](const std::string& names, const std::string& rest) {
    return "image " + image + "\nclaimed " + names + "\nrecomputed " + hash + "\n" + rest;
  };
  const std::string equal = "verdict agree\ncompared 3\nbeyond 0\n";
  const std::string container = "container(" + image + ")";
  const Bytes nan = bytes_of<std::uint32_t>({0x7fc0'0000});
  const Bytes zero = bytes_of<std::uint32_t>({0});
  const struct {
    Reason reason;
    Given given;
  } rows[] = {
      {Reason::Identical, {"exact", abc, abc}},
      {Reason::Identical, {"ulp(0)", {}, {}, "raw:f32", "raw:f32"}},
      {Reason::Identical, {"token-wise", text("1 2\n"), bytes_of<std::uint16_t>({1, 2}), "tokens", "raw:u16"}},
      {Reason::Identical, {"exact", text("1 2\n"), text("1 2\n"), "tokens", "tokens"}},
      {Reason::WithinTolerance, {"ulp(0)", zero, bytes_of<std::uint32_t>({0x8000'0000}), "raw:f32", "raw:f32"}},
      {Reason::BytesDiffer, {"exact", abc, text("abd")}},
      {Reason::ElementDiffers, {"exact", zero, bytes_of<std::uint32_t>({0x8000'0000}), "raw:f32", "raw:f32"}},
      {Reason::DistanceExceeded, {"ulp(1)", zero, bytes_of<std::uint32_t>({2}), "raw:f32", "raw:f32"}},
      {Reason::NanDiffers, {"ulp(1)", zero, nan, "raw:f32", "raw:f32"}},
      {Reason::ErrorExceeded, {"mse_max(1)", {0, 0}, {1, 2}, "raw:u8", "raw:u8"}},
      {Reason::TokenDiffers, {"token-wise", text("1 2\n3\n"), text("1 9\n"), "tokens", "tokens"}},
      {Reason::LengthDiffers, {"token-wise", text("1 2\n"), text("1\n"), "tokens", "tokens"}},
      {Reason::LengthDiffers, {"token-wise", text("1\n\n"), text("1\n"), "tokens", "tokens"}},
      {Reason::LengthDiffers, {"exact", abc, text("ab")}},
      {Reason::LengthDiffers, {"exact", {}, text("ab")}},
      {Reason::TypeDiffers, {"ulp(1)", zero, zero, "raw:f32", "raw:u32"}},
      {Reason::ShapeDiffers, {"ulp(1)", zero, zero, "raw:f32:1", "raw:f32:1x1"}},
      {Reason::DisplayDiffers, {"exact", text("P5 1 1 99 a"), text("P5 1 1 255 a"), "pnm", "pnm"}},
      {Reason::ReportedEqual, {container, abc, abc, "bytes", "bytes", "", "", report(hash, equal)}},
      {Reason::ReportedDifferent,
       {container, abc, abc, "bytes", "bytes", "", "", report(hash, "verdict differ\ncompared 3\nbeyond 1\n")}},
      {Reason::ClaimedMalformed, {"ulp(1)", abc, zero, "raw:f32", "raw:f32"}},
      {Reason::ClaimedMalformed, {"token-wise", text("x"), text("1\n"), "tokens", "tokens"}},
      {Reason::RecomputedMalformed, {"ulp(1)", abc, abc, "raw:f32", "raw:f32"}},
      {Reason::ComparatorUnfit, {"ulp(1)", abc, abc}},
      {Reason::ComparatorUnfit, {"token-wise", abc, abc}},
      {Reason::ComparatorUnfit, {"toploc(1,1,1)", abc, abc}},
      {Reason::ComparatorUnfit, {"exact", abc, abc, "bytes", "tokens"}},
      {Reason::ComparatorUnfit, {"exact", abc, abc, "proofs", "proofs"}},
      {Reason::ComparatorUnfit, {"mse_max(1)", zero, zero, "raw:f32", "raw:f32"}},
      {Reason::ComparatorUnfit, {"mse_max(1)", zero, zero, "raw:u32", "raw:u32"}},
      {Reason::ComparatorUnfit, {container, abc, abc, "npy", "npy", "", "", report(hash, equal)}},
      {Reason::ClassDiffers, {"exact", abc, text("abd"), "bytes", "bytes", one, other}},
      {Reason::ClassDiffers, {"token-wise", text("1\n"), text("2\n"), "tokens", "tokens", one, other}},
      {Reason::ReportMissing, {container, abc, abc}},
      {Reason::ReportUnfit, {container, abc, abc, "bytes", "bytes", "", "", "nonsense"}},
      {Reason::ReportUnfit, {container, abc, abc, "bytes", "bytes", "", "", report(image, equal)}},
      {Reason::ReportUnfit,
       {"container(" + std::string(64, 'b') + ")", abc, abc, "bytes", "bytes", "", "", report(hash, equal)}},
      // Classes excuse nothing where both are one, where one is not named, or where numbers are not the matter.
      {Reason::BytesDiffer, {"exact", abc, text("abd"), "bytes", "bytes", one, one}},
      {Reason::BytesDiffer, {"exact", abc, text("abd"), "bytes", "bytes", one, ""}},
      {Reason::Identical, {"exact", abc, abc, "bytes", "bytes", one, other}},
      {Reason::ShapeDiffers, {"exact", zero, zero, "raw:f32:1", "raw:f32:1x1", one, other}},
      {Reason::DistanceExceeded, {"ulp(1)", zero, bytes_of<std::uint32_t>({2}), "raw:f32", "raw:f32", one, other}},
  };
  for (const auto& row : rows) {
    const Verdict verdict = verdict_of(row.given);
    EXPECT_EQ(row_of(verdict.reason).name, row_of(row.reason).name)
        << row.given.comparator << " " << row.given.claimed_form << " " << verdict.detail;
  }
}

TEST(Compare, CountsOfTokens) {
  const Verdict verdict =
      verdict_of({"token-wise", text("1 2 3\n4 5\n6\n"), text("1 2 3\n4 9 8 7\n"), "tokens", "tokens"});
  EXPECT_EQ(verdict.reason, Reason::TokenDiffers);
  EXPECT_EQ(verdict.findings.compared, 7U);
  EXPECT_EQ(verdict.findings.differing, 3U);
  EXPECT_EQ(*verdict.findings.first, (Difference{1, 1, 5, 9}));
}

RC_GTEST_PROP(Compare, TokensAreTheSameOrNot, (std::vector<std::vector<std::uint8_t>> lists)) {
  std::vector<std::vector<std::uint8_t>> others = lists;
  if (!others.empty() && *rc::gen::inRange(0, 2) == 0) {
    auto& list = others[*rc::gen::inRange<std::size_t>(0, others.size())];
    list = *rc::gen::arbitrary<std::vector<std::uint8_t>>();
  }
  const auto written = [](const std::vector<std::vector<std::uint8_t>>& all) {
    std::string out;
    for (const auto& list : all) {
      for (std::size_t i = 0; i < list.size(); ++i) out += (i == 0 ? "" : " ") + std::to_string(list[i]);
      out += "\n";
    }
    return text(out);
  };
  const Verdict verdict = verdict_of({"token-wise", written(lists), written(others), "tokens", "tokens"});
  RC_ASSERT((verdict.outcome() == Outcome::Agree) == (lists == others));
  if (lists == others) return;
  const Difference first = *verdict.findings.first;
  for (std::size_t s = 0; s < first.group; ++s) RC_ASSERT(lists[s] == others[s]);
  for (std::size_t i = 0; i < first.index; ++i) RC_ASSERT(lists[first.group][i] == others[first.group][i]);
}

TEST(Compare, TheDigestIsOfEverything) {
  const std::string one = "cpu/a/-/-";
  const Bytes claimed = bytes_of<std::uint32_t>({1, 2, 3});
  const Bytes recomputed = bytes_of<std::uint32_t>({1, 2, 5});
  const Given given{"ulp(1)", claimed, recomputed, "raw:f32", "raw:f32", one, one};
  const Hash32 digest = verdict_of(given).digest;
  EXPECT_EQ(verdict_of(given).digest, digest);
  // Computed from docs/formats/verdict.md by a script that shares no code with this.
  EXPECT_EQ(digest.hex(), "32bf7fceea304790c0c2a304357d2704cfd7c4ecbe6fb73142c371928aea4e85");
  const std::function<void(Given&)> changes[] = {
      [](Given& g) { g.comparator = "ulp(0)"; },
      [](Given& g) { g.claimed[0] ^= 1; },
      [](Given& g) { g.recomputed[0] ^= 1; },
      [](Given& g) { g.claimed_form = "raw:f32:3"; },
      [](Given& g) { g.recomputed_form = "raw:f32:3"; },
      [](Given& g) { g.claimed_class = "cpu/c/-/-"; },
      [](Given& g) { g.recomputed_class = ""; },
      [](Given& g) { std::swap(g.claimed, g.recomputed); },
  };
  std::vector<Hash32> seen = {digest};
  for (const auto& change : changes) {
    Given changed = given;
    change(changed);
    seen.push_back(verdict_of(changed).digest);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), seen.back()), 1);
  }
}

TEST(Compare, DefaultFormsByComparatorAndFirstBytes) {
  const auto form = [](const char* comparator, const Bytes& file, bool is_claimed = true) {
    const auto found = default_form(parse_comparator(comparator).value(), file, is_claimed);
    return found ? form_text(*found) : "none";
  };
  const Bytes npy = vector_file("line.npy");
  EXPECT_EQ(form("exact", npy), "bytes");
  EXPECT_EQ(form("ulp(1)", npy), "npy");
  EXPECT_EQ(form("ulp(1)", text("1 2\n")), "none");
  EXPECT_EQ(form("mse_max(1)", vector_file("grey8.png")), "png");
  EXPECT_EQ(form("token-wise", npy), "npy");
  EXPECT_EQ(form("token-wise", text("1 2\n")), "tokens");
  EXPECT_EQ(form("toploc(1,1,1)", npy), "proofs");
  EXPECT_EQ(form("toploc(1,1,1)", npy, false), "none");
}

}  // namespace
}  // namespace starminer::verification
