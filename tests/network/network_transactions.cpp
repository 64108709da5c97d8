// Random signed transactions of a few accounts, for a test that sends them to real processes.
//   network_transactions addresses SEED ACCOUNTS                              one address a line
//   network_transactions sign SEED ACCOUNTS ACCOUNT FROM COUNT CHAIN EXPIRES_MS   "hash base64" a line
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/test_chain.h"

namespace {

using namespace starminer;
using namespace starminer::protocol::chain_test;

std::string name_of(const std::string& seed, std::uint64_t i) { return seed + "/" + std::to_string(i); }

struct Asked {
  std::string seed;
  std::uint64_t accounts = 0;
  std::uint64_t account = 0;  // its transactions
  std::uint64_t from = 0;     // their first sequence
  std::uint64_t count = 0;
  std::string chain;
  std::uint64_t expires_ms = 0;
};

/// Mostly payments, and something of every lane that an account alone can do.
Chain::Fill draw_operation(std::mt19937_64& chance, const Asked& asked, std::uint64_t sequence) {
  if (sequence == 0) return register_provider("provider " + std::to_string(asked.account));
  switch (chance() % 8) {
    case 0: return [](v1::TransactionBody& body) { *body.mutable_node_register() = a100_node(); };
    case 1: return [](v1::TransactionBody& body) { *body.mutable_job_submit()->mutable_spec() = hour_of_a100(); };
    case 2: return lock_stake(1 + chance() % 1'000);
    default: return transfer(account_of_name(name_of(asked.seed, chance() % asked.accounts)), 1 + chance() % 1'000);
  }
}

void sign(const Asked& asked) {
  const std::string name = name_of(asked.seed, asked.account);
  const std::string text = fmt::format("{}/{}", name, asked.from);
  std::seed_seq start(text.begin(), text.end());
  std::mt19937_64 chance(start);
  for (std::uint64_t sequence = asked.from; sequence < asked.from + asked.count; ++sequence) {
    v1::TransactionBody body;
    body.set_chain_id(asked.chain);
    body.set_sequence(sequence);
    body.set_expires_at_ms(asked.expires_ms);
    draw_operation(chance, asked, sequence)(body);
    const Bytes bytes = protocol::sign_transaction(body, key_of(name));
    fmt::print("{} {}\n", sha256(ByteView(bytes)).hex(), to_base64(bytes));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "addresses") {
    for (std::uint64_t i = 0; i < std::stoull(arguments[2]); ++i) {
      fmt::print("{}\n", account_of_name(name_of(arguments[1], i)).text());
    }
    return 0;
  }
  if (arguments.size() == 8 && arguments[0] == "sign") {
    sign({arguments[1], std::stoull(arguments[2]), std::stoull(arguments[3]), std::stoull(arguments[4]),
          std::stoull(arguments[5]), arguments[6], std::stoull(arguments[7])});
    return 0;
  }
  fmt::print(stderr,
             "usage: network_transactions addresses SEED ACCOUNTS | sign SEED ACCOUNTS ACCOUNT FROM COUNT CHAIN "
             "EXPIRES_MS\n");
  return 2;
}
