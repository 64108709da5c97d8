// The corpus of the model check: what scenario::Driver does for a range of seeds, played again on a second machine, and
// after each transaction the rows that it changed, as JSON lines on standard output. One line a block:
//   {"genesis": {...}, "changes": [...]}                                        a new chain
//   {"height": h, "time": ms, "begin": [...], "sent": [{"tx": hex, "code": n, "refused"|"subject": ..., "changes"}],
//    "leaves": [hex], "history_root": hex, "state_root": hex}
// A change is [table, key, row] in hexadecimal; the row is null where it was erased. The machine decides nothing here.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"
#include "scenario/driver.h"

namespace starminer::scenario {
namespace {

using protocol::Machine;
using protocol::state::Change;
using protocol::state::TableId;
using Place = std::pair<TableId, Bytes>;

std::string hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

/// Plays the blocks of a driver on a machine of its own and prints what each step changed.
class Player {
 public:
  explicit Player(const protocol::Genesis& genesis) {
    const auto started = machine_.start(genesis);
    STARMINER_CHECK(started.has_value());
    std::vector<Place> touched;
    for (const Change& change : started->changes) touched.push_back(place_of(change));
    fmt::print(
        "{{\"genesis\": {{\"chain_id\": \"{}\", \"preset\": {}, \"time\": {}, \"treasury\": {}, \"operators\": [",
        genesis.chain_id, static_cast<int>(genesis.preset), genesis.time.ms, genesis.treasury.base);
    for (std::size_t i = 0; i < genesis.operators.size(); ++i) {
      fmt::print("{}\"{}\"", i == 0 ? "" : ", ", hex(genesis.operators[i].view()));
    }
    fmt::print("], \"accounts\": [");
    for (std::size_t i = 0; i < genesis.accounts.size(); ++i) {
      const auto& account = genesis.accounts[i];
      fmt::print("{}[\"{}\", {}, {}, {}]", i == 0 ? "" : ", ", hex(account.account.view()), account.agpu.base,
                 account.amax.base, account.usd.base);
    }
    fmt::print("], \"governance\": \"{}\", \"parameters\": {{",
               genesis.governance ? hex(genesis.governance->view()) : std::string());
    for (std::size_t i = 0; i < genesis.parameters.size(); ++i) {
      const auto& [parameter, value] = genesis.parameters[i];
      fmt::print("{}\"{}\": {}", i == 0 ? "" : ", ", protocol::parameter_info(parameter).name, value);
    }
    fmt::print("}}}}, \"changes\": {}}}\n", changes_of(touched));
  }

  void play(const protocol::chain_test::Block& block, const std::vector<Bytes>& sent) {
    std::vector<Place> touched;
    for (const Change& change : block.result.changes) touched.push_back(place_of(change));
    machine_.begin_block(block.header, block.step);
    fmt::print("{{\"height\": {}, \"time\": {}, \"begin\": {}, \"sent\": [", block.header.height, block.header.time.ms,
               changes_of(touched));
    for (std::size_t i = 0; i < sent.size(); ++i) {
      fmt::print("{}{{\"tx\": \"{}\", {}}}", i == 0 ? "" : ", ", hex(sent[i]), fate_of(sent[i], touched));
    }
    const protocol::BlockResult result = machine_.finish_block();
    STARMINER_CHECK(result.app_hash == block.result.app_hash);
    fmt::print("], \"leaves\": [");
    for (std::size_t i = 0; i < result.leaves.size(); ++i) {
      fmt::print("{}\"{}\"", i == 0 ? "" : ", ", hex(result.leaves[i].bytes));
    }
    fmt::print("], \"history_root\": \"{}\", \"state_root\": \"{}\"}}\n", result.history_root.hex(),
               result.state_root.hex());
  }

 private:
  static Place place_of(const Change& change) { return {change.table, Bytes(change.key.begin(), change.key.end())}; }

  std::string fate_of(const Bytes& bytes, const std::vector<Place>& touched) {
    const auto verified = protocol::verify_transaction(bytes, protocol::chain_test::kChainId);
    if (!verified) return refused(verified.error());
    const auto receipt = machine_.execute(*verified);
    if (!receipt) return refused(receipt.error());
    return fmt::format("\"code\": {}, \"fee\": {}, \"subject\": \"{}\", \"changes\": {}", receipt->core.code,
                       receipt->core.fee.base, receipt->core.subject, changes_of(touched));
  }

  static std::string refused(const protocol::Refusal& refusal) {
    return fmt::format("\"refused\": {}", static_cast<int>(refusal.code));
  }

  /// The rows among these that differ from what was printed last.
  std::string changes_of(const std::vector<Place>& touched) {
    std::string text = "[";
    for (const Place& place : touched) {
      auto row = machine_.store().find_encoded(place.first, place.second);
      std::optional<Bytes>& printed = printed_[place];
      if (row == printed) continue;
      text += fmt::format("{}[{}, \"{}\", {}]", text.size() == 1 ? "" : ", ", static_cast<int>(place.first),
                          hex(place.second), row ? fmt::format("\"{}\"", hex(*row)) : std::string("null"));
      printed = std::move(row);
    }
    return text + "]";
  }

  Machine machine_;
  std::map<Place, std::optional<Bytes>> printed_;
};

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace
}  // namespace starminer::scenario

// model_dump [first seed] [seeds] [transactions of each]
int main(int argc, char** argv) {
  using namespace starminer::scenario;
  const std::uint64_t first = argument(argc, argv, 1, 1);
  const std::uint64_t seeds = argument(argc, argv, 2, 20);
  const std::uint64_t transactions = argument(argc, argv, 3, 500);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Player player(Driver::genesis(seed));
    Driver driver(seed, {}, [&player](const auto& block, const auto& sent) { player.play(block, sent); });
    driver.run(transactions);
  }
  return std::cout.good() ? 0 : 1;
}
