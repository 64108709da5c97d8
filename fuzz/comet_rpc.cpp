// Bytes as an answer of CometBFT's RPC: whatever came, each transaction has one fate or the answer is refused, and what
// people are shown of it moves no terminal.
#include <algorithm>
#include <string>

#include "engine/cometbft/rpc.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer;
using namespace starminer::engine::cometbft;

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}, kHandoverMax}) {
    const auto handovers = parse_handover(answer, count);
    if (!handovers) continue;
    fuzz::expect(handovers->size() == count, "one for each");
    for (const Handover& one : *handovers) {
      fuzz::expect(is_plain(one.detail) && is_plain(one.codespace), "plain words");
      fuzz::expect((one.fate == Fate::Refused) == (one.code != 0), "a code for a refusal and nothing else");
    }
  }
  if (const auto status = parse_status(answer)) {
    fuzz::expect(!status->network.empty() && is_plain(status->network) && is_plain(status->version), "plain words");
  }
  const std::string url = rpc_url(answer);
  fuzz::expect(url.empty() || url.starts_with("http://"), "an address or none");
  return 0;
}
