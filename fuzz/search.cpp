// Bytes as a filter, and as an order: whatever is accepted answers for any row; whatever is not says where.
#include "api/search/filter.h"
#include "api/search/order.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::api::search;
  static const Schema schema = {
      {"free", FieldKind::Number, Quantity::Thousandths, "", "gpus"},
      {"vram", FieldKind::Number, Quantity::Memory},
      {"age", FieldKind::Number, Quantity::Duration},
      {"renewable", FieldKind::Number, Quantity::Percent},
      {"verified", FieldKind::Flag},
      {"region", FieldKind::Place, {}, "", "", {"eu-central", "us-east"}},
      {"name", FieldKind::Word},
      {"runtimes", FieldKind::Words, {}, "", "", {}, false},
  };
  static const std::vector<std::string> runtimes = {"debian/base", "debian/torch"};
  const auto read = [](std::size_t field) -> Value {
    if (field < 4) return std::uint64_t{24} << 30U;
    if (field == 4) return true;
    if (field == 7) return &runtimes;
    return field == 5 ? std::string_view("eu-central") : std::string_view("rack-1");
  };
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto filter = Filter::parse(schema, text)) {
    const bool passes = filter->passes(read);
    const auto negated = Filter::parse(schema, filter->passes_all() ? "" : "not (" + std::string(text) + ")");
    fuzz::expect(!negated || filter->passes_all() || negated->passes(read) != passes, "not turns the answer round");
    for (const std::size_t field : filter->fields())
      fuzz::expect(field < schema.size(), "it looks at fields that exist");
  } else {
    fuzz::expect(filter.error().column >= 1 && filter.error().column <= size + 1, "the column is in the text");
    fuzz::expect(!filter.error().what.empty(), "an error says what is wrong");
  }
  if (const auto order = Order::parse(schema, text)) {
    const std::string key = order->key(read, "id");
    fuzz::expect(order->parse_cursor(order->format_cursor(key)) == key, "a key survives its cursor");
    static_cast<void>(order->parse_cursor(text));
  } else {
    fuzz::expect(order.error().column >= 1 && order.error().column <= size + 1, "the column is in the text");
  }
  return 0;
}
