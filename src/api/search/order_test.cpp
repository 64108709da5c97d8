#include "api/search/order.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::api::search {
namespace {

struct Row {
  std::uint64_t price = 0;
  bool verified = false;
  std::string name;
  std::string id;

  Value read(std::size_t field) const {
    if (field == 0) return price;
    if (field == 1) return verified;
    return std::string_view(name);
  }
};

const Schema& schema() {
  static const Schema fields = {{"price", FieldKind::Number, Quantity::Tokens},
                                {"verified", FieldKind::Flag},
                                {"name", FieldKind::Word},
                                {"runtimes", FieldKind::Words, {}, "", "", {}, false}};
  return fields;
}

std::string key_of(const Order& order, const Row& row) {
  return order.key([&row](std::size_t field) { return row.read(field); }, row.id);
}

Row any_row() {
  Row row;
  row.price = *rc::gen::element<std::uint64_t>(0, 1, 255, 256, 1ULL << 40U, ~0ULL);
  row.verified = *rc::gen::arbitrary<bool>();
  row.name = *rc::gen::element<std::string>("", "a", "ab", "b", std::string("a\0b", 3), "a\xff");
  row.id = std::string(1, *rc::gen::inRange<char>(0, 127)) + "-";
  return row;
}

// REQ: REG-1
RC_GTEST_PROP(Order, KeysCompareLikeTheRows, ()) {
  struct Item {
    int field;
    bool descending;
  };
  std::vector<Item> items;
  std::string text;
  const char* names[] = {"price", "verified", "name"};
  for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
    items.push_back({*rc::gen::inRange(0, 3), *rc::gen::arbitrary<bool>()});
    text += std::string(text.empty() ? "" : " , ") + (items.back().descending ? "-" : "") + names[items.back().field];
  }
  const auto order = Order::parse(schema(), text);
  RC_ASSERT(order.has_value());
  const Row a = any_row(), b = any_row();
  int expected = 0;
  for (const Item& item : items) {
    if (expected != 0) break;
    if (item.field == 0) expected = a.price < b.price ? -1 : a.price > b.price ? 1 : 0;
    if (item.field == 1) expected = static_cast<int>(a.verified) - static_cast<int>(b.verified);
    if (item.field == 2) expected = a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    if (item.descending) expected = -expected;
  }
  if (expected == 0) expected = a.id.compare(b.id);
  const int found = key_of(*order, a).compare(key_of(*order, b));
  RC_ASSERT((found < 0) == (expected < 0));
  RC_ASSERT((found > 0) == (expected > 0));
  RC_ASSERT(order->parse_cursor(order->format_cursor(key_of(*order, a))) == key_of(*order, a));
}

TEST(Order, SaysWhatIsWrong) {
  const auto error = [](std::string_view text) { return Order::parse(schema(), text).error(); };
  EXPECT_NE(error("prise").advice.find("did you mean 'price'?"), std::string::npos);
  EXPECT_EQ(error("price, -nam").column, 9U);
  EXPECT_EQ(error("price,,name").column, 7U);
  EXPECT_EQ(error("price,").column, 7U);
  EXPECT_NE(error("runtimes").what.find("cannot be sorted by 'runtimes'"), std::string::npos);
  EXPECT_NE(error("price,name,price,name,price").what.find("more than 4"), std::string::npos);
  EXPECT_TRUE(Order::parse(schema(), " ")->is_default());
}

TEST(Order, ACursorBelongsToOneOrder) {
  const auto by_price = Order::parse(schema(), "price");
  const auto by_name = Order::parse(schema(), "name");
  const std::string cursor = by_price->format_cursor(key_of(*by_price, {7, false, "a", "x"}));
  EXPECT_TRUE(by_price->parse_cursor(cursor));
  EXPECT_FALSE(by_name->parse_cursor(cursor));
  EXPECT_FALSE(by_price->parse_cursor(cursor + "0"));
  EXPECT_FALSE(by_price->parse_cursor("s"));
  EXPECT_FALSE(by_price->parse_cursor(""));
}

}  // namespace
}  // namespace starminer::api::search
