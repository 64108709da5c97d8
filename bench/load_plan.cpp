#include "load_plan.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/hash.h"
#include "protocol/transaction.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::bench {
namespace {

constexpr std::uint64_t kExpiryMs = 3'600'000;
constexpr std::size_t kReceivers = 256;
constexpr std::size_t kLengthBytes = 4;

std::uint64_t expiry() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + kExpiryMs;
}

void append_length(std::string& body, std::size_t length) {
  for (std::size_t i = kLengthBytes; i-- > 0;) body.push_back(static_cast<char>(length >> (8 * i)));
}

Lane make_lane(const PlanOptions& options, std::size_t number, bool framed, std::uint64_t expires_at_ms) {
  const std::size_t first = options.first_account + number * options.batch;
  std::vector<SigningKey> keys;
  for (std::size_t i = 0; i < options.batch; ++i) keys.push_back(bench_key(first + i));
  std::vector<AccountId> receivers;
  for (std::size_t i = 0; i < std::clamp<std::size_t>(accounts_of(options), 2, kReceivers); ++i) {
    receivers.push_back(bench_key(options.first_account + i).account());
  }
  std::mt19937_64 random(number);
  Lane lane;
  for (std::size_t request = 0; request < options.requests; ++request) {
    std::string body;
    for (const SigningKey& key : keys) {
      v1::TransactionBody transaction;
      transaction.set_chain_id(options.chain_id);
      transaction.set_sequence(request);
      transaction.set_expires_at_ms(expires_at_ms);
      std::size_t to = random() % receivers.size();
      if (receivers[to] == key.account()) to = (to + 1) % receivers.size();
      transaction.mutable_transfer()->set_to(to_text(receivers[to].view()));
      transaction.mutable_transfer()->set_amount(1 + random() % 1'000);
      const Bytes bytes = protocol::sign_transaction(transaction, key);
      if (framed) append_length(body, bytes.size());
      body += as_text(bytes);
    }
    lane.bodies.push_back(std::move(body));
  }
  return lane;
}

}  // namespace

SigningKey bench_key(std::size_t account) {
  return SigningKey::from_seed(sha256("starminer bench account " + std::to_string(account)).bytes);
}

std::size_t accounts_of(const PlanOptions& options) { return options.lanes * options.batch; }

std::vector<Lane> make_plan(const PlanOptions& options, bool framed) {
  std::vector<Lane> lanes(options.lanes);
  const std::uint64_t expires_at_ms = expiry();
  const std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (std::size_t i = worker; i < lanes.size(); i += workers) {
        lanes[i] = make_lane(options, i, framed, expires_at_ms);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return lanes;
}

}  // namespace starminer::bench
