// Bytes as a bundle or a consistency proof of a stranger, as an auditor reads it.
#include "client/audit/bundle.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const std::string_view text = fuzz::text_of(data, size);
  const auto bundle = client::audit::verify_bundle(text, std::nullopt);
  if (bundle) {
    fuzz::expect(!bundle->items.empty() && bundle->items.front().what == "chain", "a bundle names its chain");
    fuzz::expect(make_app_hash(bundle->commitment) == bundle->app_hash, "its app hash is that of its commitment");
  } else {
    fuzz::expect(!bundle.error().why.empty(), "an error says what is wrong");
  }
  const auto growth = client::audit::verify_consistency(text, std::nullopt, std::nullopt);
  fuzz::expect(!(bundle && growth), "a text has one format");
  return 0;
}
