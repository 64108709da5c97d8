// Bytes as JSON that a vendor signed: every value's text is inside of the text, and reads as the same value again.
#include "attestation/json/json.h"
#include "fuzz/expect.h"

namespace {

using starminer::attestation::json::Member;
using starminer::attestation::json::parse;
using starminer::attestation::json::Value;

void check(const Value& value, std::string_view text) {
  starminer::fuzz::expect(
      value.raw.data() >= text.data() && value.raw.data() + value.raw.size() <= text.data() + text.size(),
      "a value's text is inside of the text");
  const auto again = parse(value.raw);
  starminer::fuzz::expect(again && again->kind == value.kind && again->string == value.string &&
                              again->number == value.number && again->boolean == value.boolean &&
                              again->items.size() == value.items.size() &&
                              again->members.size() == value.members.size(),
                          "a value's text reads as the value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = starminer::fuzz::text_of(data, size);
  const auto value = parse(text);
  if (!value) return 0;
  check(*value, text);
  for (const Value& item : value->items) check(item, text);
  for (const Member& member : value->members) {
    check(member.value, text);
    starminer::fuzz::expect(value->find(member.name) == &member.value, "a name is there once");
  }
  return 0;
}
