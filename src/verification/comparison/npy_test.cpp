#include "verification/comparison/npy.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/comparison/test_files.h"

namespace starminer::verification {
namespace {

Bytes npy(std::string header, const Bytes& data, std::uint8_t version = 1) {
  header += "\n";
  Bytes file = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0};
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  for (std::size_t i = 0; i < length_bytes; ++i) file.push_back(static_cast<std::uint8_t>(header.size() >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

std::string head(std::string_view type, std::string_view shape) {
  return "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': " + std::string(shape) + ", }";
}

std::string reason_of(const Bytes& file) {
  const auto tensor = parse_npy(file);
  return tensor ? "none" : tensor.error();
}

TEST(Npy, ReadsWhatNumpyWrites) {
  const struct {
    const char* name;
    Element element;
    std::vector<std::uint64_t> shape;
  } rows[] = {{"product_forward", Element::F32, {48, 48}},
              {"scalar", Element::F64, {}},
              {"line", Element::I16, {7}},
              {"half", Element::F16, {2, 3}},
              {"big_endian", Element::U32, {2, 3}},
              {"truth", Element::U8, {2}},
              {"empty", Element::U64, {0, 4}},
              {"version2", Element::U8, {5}}};
  for (const auto& row : rows) {
    const Bytes file = vector_file(std::string(row.name) + ".npy");
    const auto tensor = parse_npy(file);
    ASSERT_TRUE(tensor.has_value()) << row.name << ": " << tensor.error();
    EXPECT_EQ(tensor->element, row.element) << row.name;
    EXPECT_EQ(tensor->shape, row.shape) << row.name;
    EXPECT_EQ(tensor->size(), element_count(row.shape)) << row.name;
  }
  const Bytes big = vector_file("big_endian.npy");
  const auto tensor = parse_npy(big);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(load_bits(Element::U32, tensor->data.data(), i), i);
  const Bytes half = vector_file("half.npy");
  const auto halves = parse_npy(half);
  const std::uint64_t bits[] = {0x0000, 0x8000, 0x3e00, 0x7c00, 0xfc00, 0x7e00};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(load_bits(Element::F16, halves->data.data(), i), bits[i]);
  EXPECT_NE(reason_of(vector_file("fortran.npy")).find("ascontiguousarray"), std::string::npos);
}

TEST(Npy, RefusesEveryOtherSpelling) {
  const Bytes six(6);
  ASSERT_EQ(reason_of(npy(head("|u1", "(2, 3)"), six)), "none");
  ASSERT_EQ(reason_of(npy(head("|u1", "(2, 3)"), six, 2)), "none");
  ASSERT_EQ(reason_of(npy(head("|u1", "(6,)") + "      ", six)), "none");
  ASSERT_EQ(reason_of(npy(head("<i8", "()"), Bytes(8))), "none");
  for (const char* shape : {"(6)", "(6, )", "(2, 3,)", "(02, 3)", "(2,3)", "(2, 3, )", "(-6,)", "(6L,)", "[6]", "(,)",
                            "(18446744073709551616,)", "(4294967296, 4294967296)", "(7,)",
                            "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                            "1, 1, 1, 1, 1, 1, 6)"}) {
    EXPECT_NE(reason_of(npy(head("|u1", shape), six)), "none") << shape;
  }
  for (const char* type : {"<u1", "|u2", "|V2", "<c8", "|S6", "u1", "", "<f16", "=u2", "<U1", "|O"}) {
    EXPECT_NE(reason_of(npy(head(type, "(6,)"), six)), "none") << type;
  }
  EXPECT_NE(reason_of(npy("{'fortran_order': False, 'descr': '|u1', 'shape': (6,), }", six)), "none");
  EXPECT_NE(reason_of(npy("{'descr': '|u1', 'fortran_order': false, 'shape': (6,), }", six)), "none");
  EXPECT_NE(reason_of(npy(head("|u1", "(6,)") + " x ", six)), "none");
  EXPECT_NE(reason_of(npy(head("|b1", "(6,)"), Bytes(6, 2))), "none");
  EXPECT_NE(reason_of(npy(head("|u1", "(6,)"), six, 3)), "none");
}

RC_GTEST_PROP(Npy, HoldsTheBytesThatWentIn, (Bytes data)) {
  const auto rows = *rc::gen::inRange<std::size_t>(1, 5);
  data.resize(data.size() / rows * rows);
  const std::string shape = "(" + std::to_string(rows) + ", " + std::to_string(data.size() / rows) + ")";
  const Bytes file = npy(head("|i1", shape), data);
  const auto tensor = parse_npy(file);
  RC_ASSERT(tensor.has_value());
  RC_ASSERT(std::equal(tensor->data.begin(), tensor->data.end(), data.begin(), data.end()));
  const auto cut = *rc::gen::inRange<std::size_t>(0, file.size());
  RC_ASSERT(!parse_npy(ByteView(file).first(cut)).has_value());
  Bytes longer = file;
  longer.push_back(0);
  RC_ASSERT(!parse_npy(longer).has_value());
}

}  // namespace
}  // namespace starminer::verification
