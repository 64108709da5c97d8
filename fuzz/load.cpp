// Bytes as a damaged disk: rows for a machine that starts. Each is table (1), length of the key (1), length of the row
// (2, big-endian), key, row. Any of them may be wrong; the machine must say so and never stop by an assertion.
#include "base/codec.h"
#include "fuzz/expect.h"
#include "protocol/machine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  ByteView left(data, size);
  protocol::Machine machine;
  bool loaded = true;
  while (loaded && left.size() >= 4) {
    const auto table = static_cast<protocol::state::TableId>(left[0]);
    const std::size_t key_size = left[1];
    const std::size_t row_size = std::size_t{left[2]} << 8U | left[3];
    left = left.subspan(4);
    if (left.size() < key_size + row_size) break;
    loaded = machine.load_row(table, left.first(key_size), left.subspan(key_size, row_size));
    left = left.subspan(key_size + row_size);
  }
  if (!loaded) return 0;
  // The hash is right, so that all that remains is whether the rows make sense together.
  const auto chain_row = machine.store().find_encoded(protocol::state::TableId::Chain, Bytes{0});
  const auto chain = chain_row ? decode<protocol::ChainRow>(*chain_row) : std::nullopt;
  static_cast<void>(machine.finish_load(
      protocol::make_app_hash({chain ? chain->height : 0, machine.state_root(), machine.history().root(), 0})));
  return 0;
}
