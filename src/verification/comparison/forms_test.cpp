// Values with one text: forms, comparators, numeric classes, reports of containers; and lists of tokens.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/comparison/comparator.h"
#include "verification/comparison/container_report.h"
#include "verification/comparison/form.h"
#include "verification/comparison/numeric_class.h"
#include "verification/comparison/test_files.h"
#include "verification/comparison/tokens.h"

namespace starminer::verification {
namespace {

TEST(Form, HasOneText) {
  for (const char* text : {"bytes", "npy", "pnm", "png", "tokens", "proofs", "raw:f32", "raw:bf16:2x3", "raw:i8:0",
                           "activations:300x4096:44"}) {
    const auto form = parse_form(text);
    ASSERT_TRUE(form.has_value()) << text;
    EXPECT_EQ(form_text(*form), text);
  }
  for (const char* text : {"", "Bytes", "bytes ", "raw", "raw:", "raw:f31", "raw:f32:", "raw:f32:2x", "raw:f32:x2",
                           "raw:f32:02", "raw:f32:2x3x", "raw:f32:2 x3", "activations:300:44", "activations:3x4",
                           "activations:3x4:5:6", "raw:f32:1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1"}) {
    EXPECT_FALSE(parse_form(text).has_value()) << text;
  }
  EXPECT_EQ(form_text(*form_of_file(vector_file("line.npy"))), "npy");
  EXPECT_EQ(form_text(*form_of_file(vector_file("grey8.png"))), "png");
  EXPECT_EQ(form_text(*form_of_file(vector_file("colour8.ppm"))), "pnm");
  EXPECT_FALSE(form_of_file(vector_file("activations.bf16")).has_value());
}

TEST(Comparator, HasOneText) {
  const std::string image(64, 'a');
  for (const std::string& text :
       {std::string("exact"), std::string("ulp(0)"), std::string("ulp(18446744073709551615)"),
        std::string("mse_max(2)"), std::string("token-wise"), std::string("toploc(38,1000,800)"),
        std::string("toploc(127,12700,12700)"), "container(" + image + ")"}) {
    const auto comparator = parse_comparator(text);
    ASSERT_TRUE(comparator.has_value()) << text;
    EXPECT_EQ(comparator_text(*comparator), text);
  }
  for (const std::string& text : {std::string(""),
                                  std::string("ulp"),
                                  std::string("ulp()"),
                                  std::string("ulp(-1)"),
                                  std::string("ulp(04)"),
                                  std::string("ulp(4) "),
                                  std::string("ulp(4))"),
                                  std::string("ulp( 4)"),
                                  std::string("ulp(1.5)"),
                                  std::string("ulp(18446744073709551616)"),
                                  std::string("mse_max(x)"),
                                  std::string("toploc(38,1000)"),
                                  std::string("toploc(128,0,0)"),
                                  std::string("toploc(1,12701,0)"),
                                  std::string("toploc(1,0,12701)"),
                                  std::string("toploc(38, 1000, 800)"),
                                  std::string("Exact"),
                                  "container(" + image + "0)",
                                  "container(" + image,
                                  std::string("container(zz)")}) {
    EXPECT_FALSE(parse_comparator(text).has_value()) << text;
  }
  EXPECT_TRUE(needs_one_class(*parse_comparator("exact")));
  EXPECT_TRUE(needs_one_class(*parse_comparator("toploc(1,1,1)")));
  EXPECT_FALSE(needs_one_class(*parse_comparator("ulp(1)")));
  EXPECT_FALSE(needs_one_class(*parse_comparator("mse_max(1)")));
}

TEST(NumericClass, HasOneTextAndOneId) {
  const std::string image(64, 'b');
  const std::string text = "sm_90/cuda-12.4.1+cudnn-9.1/" + image + "/deterministic,tf32=off";
  const auto parsed = parse_class(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(class_text(*parsed), text);
  EXPECT_EQ(parsed->flags, (std::vector<std::string>{"deterministic", "tf32=off"}));
  const auto plain = parse_class("cpu/openblas-0.3/-/-");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(class_text(*plain), "cpu/openblas-0.3/-/-");
  EXPECT_NE(plain->id(), parsed->id());
  EXPECT_NE(parse_class("cpu/openblas-0.3/-/a")->id(), plain->id());
  for (const std::string& wrong :
       {std::string(""), std::string("cpu"), std::string("cpu/x/-"), std::string("cpu/x/-/-/-"),
        std::string("CPU/x/-/-"), std::string("cpu//-/-"), std::string("cpu/-/-/-"), std::string("cpu/x/-/b,a"),
        std::string("cpu/x/-/a,a"), std::string("cpu/x/-/a,"), std::string("cpu/x/-/"), std::string("cpu/x/abc/-"),
        "cpu/x/" + std::string(64, '0') + "/-", "cpu/" + std::string(65, 'x') + "/-/-"}) {
    EXPECT_FALSE(parse_class(wrong).has_value()) << wrong;
  }
}

Bytes bytes_of_text(std::string_view text) { return {text.begin(), text.end()}; }

TEST(ContainerReport, IsSixLines) {
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  const std::string c(64, 'c');
  const std::string names = "image " + a + "\nclaimed " + b + "\nrecomputed " + c + "\n";
  const auto good = parse_container_report(bytes_of_text(names + "verdict differ\ncompared 10\nbeyond 3\n"));
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->image.hex(), a);
  EXPECT_EQ(good->claimed.hex(), b);
  EXPECT_EQ(good->recomputed.hex(), c);
  EXPECT_FALSE(good->agree);
  EXPECT_EQ(good->compared, 10U);
  EXPECT_EQ(good->beyond, 3U);
  EXPECT_TRUE(parse_container_report(bytes_of_text(names + "verdict agree\ncompared 10\nbeyond 0\n"))->agree);
  for (const char* rest : {"verdict agree\ncompared 10\nbeyond 3\n", "verdict differ\ncompared 10\nbeyond 0\n",
                           "verdict differ\ncompared 2\nbeyond 3\n", "verdict differ\ncompared 10\nbeyond 3",
                           "verdict differ\ncompared 10\nbeyond 3\n\n", "verdict maybe\ncompared 10\nbeyond 3\n", ""}) {
    EXPECT_FALSE(parse_container_report(bytes_of_text(names + rest)).has_value()) << rest;
  }
}

TEST(Tokens, OfTextHaveOneSpelling) {
  const auto list = parse_tokens(bytes_of_text("1 20 3\n\n18446744073709551615\n"));
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ(list->sequence(0).size(), 3U);
  EXPECT_EQ(list->sequence(0)[1], 20U);
  EXPECT_TRUE(list->sequence(1).empty());
  EXPECT_EQ(list->sequence(2)[0], ~std::uint64_t{0});
  EXPECT_EQ(parse_tokens({})->size(), 0U);
  for (const char* text :
       {"1", "1 \n", " 1\n", "1  2\n", "01\n", "-1\n", "1\r\n", "1\t2\n", "18446744073709551616\n", "x\n"}) {
    EXPECT_FALSE(parse_tokens(bytes_of_text(text)).has_value()) << text;
  }
}

RC_GTEST_PROP(Tokens, AreTheSameInTextAndArray, (std::vector<std::uint32_t> ids)) {
  std::string text;
  for (const std::uint32_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  const auto of_text = parse_tokens(bytes_of_text(text + "\n"));
  const auto of_array = tokens_of(tensor_of(Element::U32, ids));
  RC_ASSERT(of_text && of_array);
  RC_ASSERT(of_text->ids == of_array->ids);
  RC_ASSERT(of_text->ends == of_array->ends);
}

TEST(Tokens, OfArraysAreIntegersInRows) {
  Tensor rows = tensor_of(Element::I64, std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
  rows.shape = {2, 3};
  const auto list = tokens_of(rows);
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->size(), 2U);
  EXPECT_EQ(list->sequence(1)[0], 4U);
  rows.shape = {1, 2, 3};
  EXPECT_FALSE(tokens_of(rows).has_value());
  EXPECT_FALSE(tokens_of(tensor_of(Element::I8, std::vector<std::int8_t>{-1})).has_value());
  EXPECT_FALSE(tokens_of(tensor_of(Element::F32, std::vector<float>{1})).has_value());
  Tensor empty = tensor_of(Element::U8, Bytes{});
  empty.shape = {std::uint64_t{1} << 30, 0};
  EXPECT_FALSE(tokens_of(empty).has_value());
}

}  // namespace
}  // namespace starminer::verification
