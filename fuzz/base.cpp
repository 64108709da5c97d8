// Bytes as the texts that people and programs type: addresses, base64, hexadecimal, amounts. What parses, formats back.
#include "base/amount.h"
#include "base/ids.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer;

template <class T>
void id_round_trip(std::string_view text) {
  if (const auto id = T::parse(text)) fuzz::expect(id->text() == text, "one id has one text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  id_round_trip<AccountId>(text);
  id_round_trip<JobId>(text);
  id_round_trip<ContractId>(text);
  id_round_trip<NodeId>(text);
  if (const auto bytes = from_base64(text)) fuzz::expect(to_base64(*bytes) == text, "one value has one base64");
  if (const auto bytes = from_hex(text)) fuzz::expect(to_hex(*bytes) == text, "one value has one hexadecimal text");
  if (const auto hash = Hash32::from_hex(text)) fuzz::expect(hash->hex() == text, "one hash has one text");
  if (const auto base = parse_tokens(text)) {
    fuzz::expect(parse_tokens(format_tokens(*base)) == base, "an amount survives its text");
  }
  fuzz::expect(from_base64(to_base64(ByteView(data, size))) == Bytes(data, data + size), "base64 keeps bytes");
  return 0;
}
