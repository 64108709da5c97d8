// Bytes as the manifest of a stranger's job, as a provider reads it.
#include "client/job_file/manifest.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const std::string_view text = fuzz::text_of(data, size);
  const auto manifest = client::job_file::parse_manifest(text);
  if (manifest) {
    fuzz::expect(client::job_file::encode_manifest(*manifest) == text, "one manifest has one text");
  } else {
    fuzz::expect(!manifest.error().text.empty(), "an error says what is wrong");
  }
  return 0;
}
