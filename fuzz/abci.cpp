// Bytes as the stream of an ABCI connection: read in one piece and byte by byte they are the same messages up to the
// same fault, and every message that parses comes back from its own frame. Each is also answered by an engine without
// blocks, as far as a request may be answered at any time: no bytes of a peer end the process.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/stubs/logging.h>

#include "engine/cometbft/engine.h"
#include "engine/cometbft/frame.h"
#include "engine/cometbft/preamble.h"
#include "fuzz/expect.h"

namespace {

using namespace starminer;
using namespace starminer::engine::cometbft;

constexpr std::size_t kPayloadMost = 64U << 10U;

struct Seen {
  std::vector<Bytes> messages;
  std::optional<FrameFault> fault;
  bool within_frame = false;
};

Seen read_all(ByteView stream, std::size_t step) {
  Seen seen;
  FrameReader reader(kPayloadMost);
  while (!stream.empty() && !seen.fault) {
    const auto room = reader.prepare();
    fuzz::expect(!room.empty(), "there is room");
    const std::size_t count = std::min({step, stream.size(), room.size()});
    std::copy_n(stream.begin(), count, room.begin());
    reader.commit(count);
    stream = stream.subspan(count);
    for (;;) {
      const auto message = reader.next();
      if (!message) seen.fault = message.error();
      if (!message || !*message) break;
      fuzz::expect(!(*message)->empty() && (*message)->size() <= kPayloadMost, "messages keep to the limit");
      seen.messages.emplace_back((*message)->begin(), (*message)->end());
    }
  }
  seen.within_frame = reader.within_frame();
  return seen;
}

Engine& engine() {
  static const std::unique_ptr<Engine> only = [] {
    protocol::Genesis genesis;
    genesis.chain_id = "fuzz-1";
    genesis.preset = protocol::Preset::Dev;
    genesis.time = {1'760'000'000'000};
    genesis.operators = {AccountId{}};
    const auto key = attestation::vrf::SecretKey::from_seed(sha256("fuzz").bytes);
    genesis.proposers = {{AccountId{}, key.public_key()}};
    const auto folder = std::filesystem::temp_directory_path() / ("fuzz-abci-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
    auto store = storage::ChainStore::open(folder);
    fuzz::expect(store.has_value(), "the store opens");
    auto opened = Engine::open(std::move(*store), genesis, protocol::Proposer(AccountId{}, key), {"fuzz", {}, 8});
    fuzz::expect(opened.has_value(), "the engine opens");
    return std::move(*opened);
  }();
  return *only;
}

void answer(const abci::Request& request) {
  switch (request.value_case()) {
    case abci::Request::kCheckTx:
      fuzz::expect(engine().check({&request.check_tx()}).front().code() != 0, "nobody has an account here");
      break;
    case abci::Request::kProcessProposal: {
      const auto response = engine().answer(request);
      fuzz::expect(response.has_value(), "a proposal is judged, never a fault");
      fuzz::expect(response->process_proposal().status() != abci::ResponseProcessProposal::UNKNOWN, "with a verdict");
      break;
    }
    case abci::Request::kFinalizeBlock: {
      // CometBFT's hash of a block covers its transactions: one that comes again is the same.
      abci::Request block = request;
      block.mutable_finalize_block()->set_hash(to_text(sha256(request.SerializeAsString()).view()));
      const auto response = engine().answer(block);
      if (!response) break;
      fuzz::expect(response->finalize_block().tx_results_size() == request.finalize_block().txs_size(),
                   "a result for each");
      fuzz::expect(response->finalize_block().app_hash().size() == Hash32{}.bytes.size(), "and a hash");
      break;
    }
    case abci::Request::kQuery:
      fuzz::expect(engine().answer(request)->has_query(), "a query is answered, never a fault");
      break;
    case abci::Request::kCommit: break;  // a chain that grew would make inputs depend on those before
    case abci::Request::kEcho:
    case abci::Request::kFlush:
    case abci::Request::VALUE_NOT_SET: break;
    default: static_cast<void>(engine().answer(request));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const google::protobuf::LogSilencer silence;
  const ByteView stream(data, size);
  const Seen whole = read_all(stream, std::max<std::size_t>(size, 1));
  const Seen bytes = read_all(stream, 1);
  fuzz::expect(whole.messages == bytes.messages && whole.fault == bytes.fault, "pieces are seen as the whole");
  // What a stranger can put into a request of CometBFT, it must be possible to decode: else it ends the node.
  abci::Request query;
  query.mutable_query()->set_path(std::string(as_text(stream)));
  query.mutable_query()->set_data(std::string(as_text(stream)));
  const std::string sent = query.SerializeAsString();
  fuzz::expect(query.ParseFromString(sent), "any bytes are a path");
  answer(query);
  for (const Bytes& message : whole.messages) {
    static_cast<void>(unwrap_preamble("fuzz-1", message));
    abci::Request request;
    if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) continue;
    if (static_cast<std::uint32_t>(request.value_case()) != first_field(message)) continue;
    Bytes frame;
    append_frame(request, frame);
    const Seen again = read_all(frame, frame.size());
    fuzz::expect(again.messages.size() == 1 && !again.fault && !again.within_frame, "a frame holds its message");
    answer(request);
  }
  return 0;
}
