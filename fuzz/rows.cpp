// Bytes as an encoded row: the first byte chooses the type. What decodes encodes back to the same bytes.
#include <algorithm>
#include <array>

#include "base/codec.h"
#include "fuzz/expect.h"
#include "protocol/machine.h"

namespace {

using namespace starminer;

template <class Row>
void round_trip(ByteView bytes) {
  const auto row = decode<Row>(bytes);
  if (!row) return;
  const Bytes again = encode(*row);
  fuzz::expect(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()), "one value has one encoding");
}

using Check = void (*)(ByteView);
constexpr std::array kChecks = {
    Check{&round_trip<protocol::AccountRow>},     Check{&round_trip<protocol::LockKey>},
    Check{&round_trip<protocol::NodeRow>},        Check{&round_trip<protocol::CapacityRow>},
    Check{&round_trip<protocol::ProviderRow>},    Check{&round_trip<protocol::JobRow>},
    Check{&round_trip<protocol::AssignmentRow>},  Check{&round_trip<protocol::ContractRow>},
    Check{&round_trip<protocol::Settlement>},     Check{&round_trip<protocol::ReceiptCore>},
    Check{&round_trip<protocol::TierRow>},        Check{&round_trip<protocol::PriceRow>},
    Check{&round_trip<protocol::TimerKey>},       Check{&round_trip<protocol::ReputationRow>},
    Check{&round_trip<protocol::ClassRow>},       Check{&round_trip<protocol::ChainRow>},
    Check{&round_trip<protocol::SeedRow>},        Check{&round_trip<protocol::ProposerRow>},
    Check{&round_trip<protocol::StakeKey>},       Check{&round_trip<protocol::StakeRow>},
    Check{&round_trip<protocol::UnbondingRow>},   Check{&round_trip<protocol::ParameterChangeRow>},
    Check{&round_trip<protocol::PricePointRow>},  Check{&round_trip<protocol::BandRow>},
    Check{&round_trip<protocol::BlockPreamble>},  Check{&round_trip<protocol::LoggedBlock>},
    Check{&round_trip<protocol::ReserveNodeRow>}, Check{&round_trip<protocol::ReservePoolRow>},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kChecks[data[0] % kChecks.size()](ByteView(data + 1, size - 1));
  return 0;
}
