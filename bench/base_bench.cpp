// Encoding of rows against copying their bytes; acceptance of a signed transaction against the bare check of its
// signature.
#include <array>
#include <cstring>
#include <string>

#include <sodium.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/signature.h"
#include "protocol/registry/rows.h"
#include "protocol/transaction.h"
#include "ratio.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::bench {
namespace {

using protocol::NodeRow;

constexpr std::string_view kChainId = "bench-1";

NodeRow node_row() {
  NodeRow row;
  row.provider = SigningKey::from_seed(sha256("provider").bytes).account();
  row.name = "rack-17";
  row.hardware = {"NVIDIA A100-SXM4-80GB", 8, 80ULL << 30U, 3, 128, 1ULL << 40U, 8ULL << 40U, 10'000, 10'000};
  row.offer.country = "DE";
  row.offer.runtime_names = {"debian/base", "debian/blender-3.4", "debian/pytorch-1.13"};
  for (const std::string& name : row.offer.runtime_names) row.offer.runtimes.push_back(protocol::tag_of(name));
  for (protocol::Rating& rating : row.ratings) rating = {1'000, sha256("report")};
  row.status = protocol::NodeStatus::Active;
  return row;
}

void encode_row(benchmark::State& state) {
  const NodeRow row = node_row();
  for (auto unused : state) benchmark::DoNotOptimize(encode(row));
}

void decode_row(benchmark::State& state) {
  const Bytes bytes = encode(node_row());
  for (auto unused : state) {
    const auto row = decode<NodeRow>(bytes);
    if (!row) state.SkipWithError("the row does not decode");
    benchmark::DoNotOptimize(row);
  }
}

void copy_row(benchmark::State& state) {
  const Bytes bytes = encode(node_row());
  for (auto unused : state) {
    Bytes copy(bytes.size());
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    benchmark::DoNotOptimize(copy);
  }
}

Bytes signed_transfer() {
  const SigningKey key = SigningKey::from_seed(sha256("ada").bytes);
  v1::TransactionBody body;
  body.set_chain_id(std::string(kChainId));
  body.set_sequence(7);
  body.set_expires_at_ms(1'760'000'000'000);
  body.mutable_transfer()->set_to(to_text(SigningKey::from_seed(sha256("bob").bytes).account().view()));
  body.mutable_transfer()->set_amount(1'000);
  return protocol::sign_transaction(body, key);
}

void verify_transfer(benchmark::State& state) {
  const Bytes bytes = signed_transfer();
  for (auto unused : state) {
    const auto verified = protocol::verify_transaction(bytes, kChainId);
    if (!verified) state.SkipWithError("the transaction is refused");
    benchmark::DoNotOptimize(verified);
  }
}

void verify_bare(benchmark::State& state) {
  const Bytes message = signed_transfer();
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> key{};
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  crypto_sign_keypair(key.data(), secret.data());
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret.data());
  for (auto unused : state) {
    if (crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) != 0) {
      state.SkipWithError("libsodium refuses its own signature");
    }
  }
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using namespace starminer::bench;  // NOLINT(google-build-using-namespace): the program's own names
  STARMINER_CHECK(sodium_init() >= 0);
  const std::string row =
      "a node's row with three runtimes, " + std::to_string(starminer::encode(node_row()).size()) + " bytes encoded";
  const std::string copying = "memory for the encoded bytes and memcpy of them";
  compare({"encode_over_memcpy", copying, row, {encode_row}, {copy_row}});
  compare({"decode_over_memcpy", copying, row, {decode_row}, {copy_row}});
  compare({"verify_over_libsodium",
           "crypto_sign_verify_detached over as many bytes",
           "a signed transfer: canonical decoding, chain id, hash, account and signature",
           {verify_transfer},
           {verify_bare},
           false,
           "transactions_verified_per_s"});
  return run_comparisons(argc, argv);
}
