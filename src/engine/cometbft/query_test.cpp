#include "engine/cometbft/query.h"

#include "base/codec.h"
#include "engine/cometbft/validators.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;

class QueryTest : public Validators {};

TEST_F(QueryTest, RowsComeWithProofsUnderTheAppHash) {
  open(1);
  make_block(0, {payment("ada", 0, 500)});
  abci::Request request;
  auto& query = *request.mutable_query();
  query.set_path("/row");
  query.set_prove(true);
  Bytes key{static_cast<std::uint8_t>(protocol::state::TableId::Accounts)};
  const AccountId bob = account_of_name("bob");
  key.insert(key.end(), bob.bytes.begin(), bob.bytes.end());
  query.set_data(to_text(key));
  const auto proven = [&](const abci::ResponseQuery& answer) {
    const auto proof = decode<protocol::state::MerkleProof>(as_bytes(answer.proof_ops().ops(0).data()));
    const auto commitment = decode<protocol::Commitment>(as_bytes(answer.proof_ops().ops(1).data()));
    if (!proof || !commitment || make_app_hash(*commitment) != app_hash(engine())) return false;
    const auto value =
        answer.value().empty() ? std::nullopt : std::optional(protocol::state::row_value(as_bytes(answer.value())));
    return verify_merkle_proof(commitment->state_root, protocol::state::row_path(as_bytes(answer.key())), value,
                               *proof);
  };
  const abci::ResponseQuery there = ask(engine(), request).query();
  EXPECT_EQ(there.code(), 0U);
  EXPECT_EQ(there.height(), 1);
  EXPECT_EQ(decode<protocol::AccountRow>(as_bytes(there.value()))->balance[0], balance(engine(), "bob"));
  EXPECT_TRUE(proven(there));
  abci::ResponseQuery forged = there;
  forged.mutable_value()->back() ^= 1;
  EXPECT_FALSE(proven(forged));
  key.back() ^= 1U;
  query.set_data(to_text(key));
  const abci::ResponseQuery missing = ask(engine(), request).query();
  EXPECT_TRUE(missing.value().empty());
  EXPECT_TRUE(proven(missing)) << "absence has a proof, too";
}

TEST_F(QueryTest, QueriesOfReceiptsAndBlocksAndWhatIsNoQuery) {
  open(1);
  const Bytes tx = payment("ada", 0);
  make_block(0, {tx});
  const auto ask_for = [&](const std::string& path, const std::string& data, std::int64_t height = 0) {
    abci::Request request;
    request.mutable_query()->set_path(path);
    request.mutable_query()->set_data(data);
    request.mutable_query()->set_height(height);
    return ask(engine(), request).query();
  };
  const auto receipt = decode<protocol::ReceiptCore>(as_bytes(ask_for("/receipt", to_text(sha256(tx).view())).value()));
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(receipt->height, 1U);
  EXPECT_EQ(receipt->code, 0U);
  const std::string one("\0\0\0\0\0\0\0\1", 8);
  const auto block = decode<protocol::LoggedBlock>(as_bytes(ask_for("/block", one).value()));
  ASSERT_TRUE(block.has_value());
  EXPECT_EQ(block->transactions, std::vector<Bytes>{tx});
  const auto commitment = decode<protocol::Commitment>(as_bytes(ask_for("/commitment", "", 1).value()));
  EXPECT_EQ(make_app_hash(*commitment), app_hash(engine()));
  const std::tuple<std::string, std::string, std::int64_t, QueryFault> rows[] = {
      {"", "", 0, QueryFault::UnknownPath},
      {"/store/bank/key", "", 0, QueryFault::UnknownPath},
      {"/row", "", 0, QueryFault::BadKey},
      {"/row", std::string(300, 'x'), 0, QueryFault::BadKey},
      {"/row", "x", 7, QueryFault::OtherHeight},
      {"/receipt", "short", 0, QueryFault::BadKey},
      {"/receipt", std::string(32, 'x'), 0, QueryFault::NotFound},
      {"/block", "short", 0, QueryFault::BadKey},
      {"/block", std::string(8, '\x7f'), 0, QueryFault::NotFound},
  };
  for (const auto& [path, data, height, fault] : rows) {
    const abci::ResponseQuery answer = ask_for(path, data, height);
    EXPECT_EQ(answer.code(), static_cast<std::uint32_t>(fault)) << path;
    EXPECT_FALSE(answer.log().empty());
  }
  EXPECT_EQ(ask_for("\xff\xfe", "").code(), static_cast<std::uint32_t>(QueryFault::UnknownPath)) << "any bytes";
  for (const char* path : {"/p2p/filter/addr/127.0.0.1:26656", "/p2p/filter/id/0123"}) {
    EXPECT_EQ(ask_for(path, "").code(), 0U) << "no peer is refused";
  }
  const abci::ResponseQuery unknown_table = ask_for("/row", "\xff");
  EXPECT_EQ(unknown_table.code(), 0U);
  EXPECT_TRUE(unknown_table.value().empty());
}

}  // namespace
}  // namespace starminer::engine::cometbft
