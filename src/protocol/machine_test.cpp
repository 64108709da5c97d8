#include "protocol/machine.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/codec.h"
#include "protocol/operation_registry.h"
#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::account_of_name;
using chain_test::Block;
using chain_test::Chain;
using chain_test::genesis_of;
using chain_test::kAgpu;
using chain_test::kChainId;
using chain_test::key_of;
using chain_test::transfer;

constexpr std::uint64_t kFee = 100'000;
constexpr std::uint64_t kDeposit = 10'000'000;

RefusalCode code_of(const Result<Receipt, Refusal>& answer) {
  return answer ? static_cast<RefusalCode>(answer->core.code) : answer.error().code;
}

std::set<state::TableId> tables_of(const BlockResult& result) {
  std::set<state::TableId> tables;
  for (const state::Change& change : result.changes) tables.insert(change.table);
  return tables;
}

TEST(Genesis, FundsAccountsAndKeepsTheirDeposits) {
  const Chain chain({"ada", "bob"});
  const Ledger& ledger = chain.machine().ledger();
  EXPECT_EQ(ledger.balance(account_of_name("ada"), Asset::Agpu), chain_test::kStartBalance - kDeposit);
  EXPECT_EQ(ledger.deposit(account_of_name("ada")), kDeposit);
  EXPECT_EQ(ledger.pool(Pool::Treasury, Asset::Agpu), 1'000 * kAgpu);
  EXPECT_EQ(chain.machine().chain().height, 0U);
}

TEST(Genesis, ThatMakesNoSenseIsRefusedWithASentence) {
  const auto error = [](auto change) {
    Genesis genesis = genesis_of(Preset::Main, {"ada"});
    change(genesis);
    Machine machine;
    const auto started = machine.start(genesis);
    return started ? std::string() : started.error();
  };
  EXPECT_EQ(error([](Genesis&) {}), "");
  EXPECT_EQ(error([](Genesis& g) { g.chain_id.assign(64, 'x'); }), "");
  EXPECT_NE(error([](Genesis& g) { g.chain_id = ""; }).find("chain id"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.chain_id.assign(65, 'x'); }).find("chain id"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.proposers.clear(); }).find("proposer"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.proposers[0].vrf_key = {}; }).find("VRF key"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.operators.clear(); }).find("operator"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.accounts[0].agpu = {kDeposit - 1}; }).find("deposit"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.accounts[0].agpu = {kAgpuCap + 1}; }).find("cap"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.accounts[0].amax = {kAmountMax + 1}; }).find("too large"), std::string::npos);
  EXPECT_NE(error([](Genesis& g) { g.treasury = {kAgpuCap}; }).find("treasury"), std::string::npos);
  // REQ: TOK-3
  EXPECT_EQ(error([](Genesis& g) {
              g.accounts[0].agpu = {kAgpuCap - 7};
              g.treasury = {7};
            }),
            "");
  EXPECT_NE(error([](Genesis& g) {
              g.accounts[0].agpu = {kAgpuCap - 7};
              g.treasury = {8};
            }),
            "");
}

struct EnvelopeCase {
  const char* name;
  std::string sender;
  std::function<void(v1::TransactionBody&, TimeMs)> change;
  RefusalCode code;
};

/// Precedence: each row also fails in all that stands below it.
const EnvelopeCase kEnvelopeCases[] = {
    {"expired", "stranger",
     [](auto& body, TimeMs now) {
       body.set_expires_at_ms(now.ms - 1);
       body.set_sequence(99);
     },
     RefusalCode::TransactionExpired},
    {"expired long ago", "stranger", [](auto& body, TimeMs) { body.set_expires_at_ms(0); },
     RefusalCode::TransactionExpired},
    {"too far ahead", "stranger",
     [](auto& body, TimeMs now) {
       body.set_expires_at_ms(now.ms + 86'400'001);
       body.set_sequence(99);
     },
     RefusalCode::ExpiryTooFar},
    {"at the end of time", "ada", [](auto& body, TimeMs) { body.set_expires_at_ms(~std::uint64_t{0}); },
     RefusalCode::ExpiryTooFar},
    {"nobody", "stranger", [](auto& body, TimeMs) { body.set_sequence(99); }, RefusalCode::UnknownAccount},
    {"ahead", "poor", [](auto& body, TimeMs) { body.set_sequence(2); }, RefusalCode::SequenceAhead},
    {"far ahead", "ada", [](auto& body, TimeMs) { body.set_sequence(~std::uint64_t{0}); }, RefusalCode::SequenceAhead},
    {"used", "poor", [](auto& body, TimeMs) { body.set_sequence(0); }, RefusalCode::SequenceUsed},
    {"fee", "poor", [](auto&, TimeMs) {}, RefusalCode::FeeNotCovered},
};

// REQ: AUD-1
TEST(Envelope, ThatIsWrongKeepsATransactionOutAndCostsNothing) {
  Chain chain({"ada", "bob"});
  // "poor" has used one sequence number and has one base unit less than a fee.
  ASSERT_EQ(code_of(chain.send("ada", transfer(account_of_name("poor"), kDeposit + 2 * kFee))), RefusalCode::None);
  ASSERT_EQ(code_of(chain.send("poor", transfer(account_of_name("ada"), 1))), RefusalCode::None);
  for (const EnvelopeCase& c : kEnvelopeCases) {
    SCOPED_TRACE(c.name);
    // An operation of invalid shape and without funds: all that comes after the envelope fails, too.
    v1::TransactionBody body = chain.body(c.sender, transfer(account_of_name("bob"), 0));
    c.change(body, chain.now());
    const auto verified = verify_transaction(sign_transaction(body, key_of(c.sender)), kChainId);
    ASSERT_TRUE(verified.has_value());
    const auto admitted = chain.machine().admit(*verified, chain.now(), 0);
    ASSERT_FALSE(admitted.has_value());
    EXPECT_EQ(refusal_label(admitted.error().code), refusal_label(c.code));
    BlockResult result;
    chain.on_block([&result](const Block& block) { result = block.result; });
    const auto answer = chain.make_block({*verified}).front();
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(refusal_label(answer.error().code), refusal_label(c.code));
    EXPECT_EQ(tables_of(result), (std::set<state::TableId>{state::TableId::Chain, state::TableId::Seeds}));
    EXPECT_TRUE(result.receipts.empty() && result.leaves.empty());
  }
}

TEST(Envelope, ExpiryIsTheLastMomentThatCounts) {
  Chain chain({"ada", "bob"});
  const Bytes at_once = sign_transaction(
      [&] {
        auto body = chain.body("ada", transfer(account_of_name("bob"), 1));
        body.set_expires_at_ms(chain.now().ms);
        return body;
      }(),
      key_of("ada"));
  EXPECT_EQ(code_of(chain.send(at_once)), RefusalCode::None);
  auto latest = chain.body("ada", transfer(account_of_name("bob"), 1));
  latest.set_expires_at_ms(chain.now().ms + 86'400'000);
  EXPECT_EQ(code_of(chain.send(sign_transaction(latest, key_of("ada")))), RefusalCode::None);
}

TEST(Envelope, OperationsOfInvalidShapeNeverEnterABlock) {
  Chain chain({"ada"});
  const std::uint64_t before = chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu);
  const std::vector<std::pair<RefusalCode, Chain::Fill>> cases = {
      {RefusalCode::AmountZero, transfer(account_of_name("bob"), 0)},
      {RefusalCode::AmountTooLarge, transfer(account_of_name("bob"), kAmountMax + 1)},
      {RefusalCode::InvalidField, [](auto& body) { body.mutable_transfer()->set_to("short"); }},
      {RefusalCode::InvalidField, [](auto& body) { body.mutable_contract_accept()->set_contract(std::string(20, 0)); }},
      {RefusalCode::ResultInvalid,
       [](auto& body) {
         auto& message = *body.mutable_contract_complete();
         message.set_contract(std::string(20, 'c'));
         message.set_result_hash(std::string(32, 0));
         message.set_proof_hash(std::string(32, 1));
       }},
  };
  for (const auto& [code, fill] : cases) {
    const auto answer = chain.send("ada", fill);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(refusal_label(answer.error().code), refusal_label(code)) << answer.error().detail;
  }
  EXPECT_EQ(chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu), before);
  EXPECT_EQ(chain.machine().ledger().next_sequence(account_of_name("ada")), 0U);
}

TEST(Envelope, ATransactionRunsOnce) {
  Chain chain({"ada", "bob"});
  const Bytes bytes = chain.signed_bytes("ada", transfer(account_of_name("bob"), 5));
  EXPECT_EQ(code_of(chain.send(bytes)), RefusalCode::None);
  EXPECT_EQ(code_of(chain.send(bytes)), RefusalCode::SequenceUsed);
  chain.reload();
  EXPECT_EQ(code_of(chain.send(bytes)), RefusalCode::SequenceUsed);
  const auto verified = verify_transaction(bytes, kChainId);
  ASSERT_TRUE(verified.has_value());
  const auto twice = chain.make_block({*verified, *verified});
  EXPECT_EQ(code_of(twice[0]), RefusalCode::SequenceUsed);
  EXPECT_EQ(code_of(twice[1]), RefusalCode::SequenceUsed);
  EXPECT_FALSE(verify_transaction(bytes, "test-2").has_value());
}

TEST(Envelope, AdmitCountsThoseThatWaitBeforeIt) {
  Chain chain({"ada", "bob"});
  const auto with_sequence = [&](std::uint64_t sequence) {
    auto body = chain.body("ada", transfer(account_of_name("bob"), 5));
    body.set_sequence(sequence);
    return *verify_transaction(sign_transaction(body, key_of("ada")), kChainId);
  };
  EXPECT_TRUE(chain.machine().admit(with_sequence(2), chain.now(), 2).has_value());
  EXPECT_EQ(chain.machine().admit(with_sequence(3), chain.now(), 2).error().code, RefusalCode::SequenceAhead);
  EXPECT_EQ(chain.machine().admit(with_sequence(1), chain.now(), 2).error().code, RefusalCode::SequenceUsed);
  const auto answers = chain.make_block({with_sequence(1), with_sequence(0), with_sequence(0), with_sequence(1)});
  EXPECT_EQ(code_of(answers[0]), RefusalCode::SequenceAhead);
  EXPECT_EQ(code_of(answers[1]), RefusalCode::None);
  EXPECT_EQ(code_of(answers[2]), RefusalCode::SequenceUsed);
  EXPECT_EQ(code_of(answers[3]), RefusalCode::None);
}

TEST(Receipt, OfARefusedOperationLeavesFeeAndSequenceAndNothingElse) {
  Chain chain({"ada", "bob"});
  const std::uint64_t before = chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu);
  BlockResult result;
  chain.on_block([&result](const Block& block) { result = block.result; });
  const auto receipt = chain.send("ada", transfer(account_of_name("bob"), kAmountMax));
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(code_of(receipt), RefusalCode::BalanceTooSmall);
  EXPECT_NE(receipt->detail.find("missing"), std::string::npos);
  EXPECT_EQ(receipt->core.subject, "");
  EXPECT_EQ(receipt->core.fee.base, kFee);
  EXPECT_EQ(chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu), before - kFee);
  EXPECT_EQ(chain.machine().ledger().next_sequence(account_of_name("ada")), 1U);
  EXPECT_EQ(tables_of(result), (std::set<state::TableId>{state::TableId::Chain, state::TableId::Seeds,
                                                         state::TableId::Accounts, state::TableId::Supply}));
  EXPECT_TRUE(result.events.empty());
  EXPECT_EQ(result.leaves.size(), 1U);
}

// REQ: AUD-1, DEC-2
TEST(Receipt, IsALeafThatIsProvenUnderTheHashOfTheBlock) {
  Chain chain({"ada", "bob"});
  std::vector<Block> blocks;
  chain.on_block([&blocks](const Block& block) { blocks.push_back(block); });
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(chain.send("ada", transfer(account_of_name(i % 2 == 0 ? "bob" : "ada"), 5)).has_value());
  }
  const audit::HistoryTree& history = chain.machine().history();
  const Block& last = blocks.back();
  EXPECT_EQ(last.result.app_hash,
            make_app_hash({last.result.height, last.result.state_root, history.root(), history.size()}));
  for (const Block& block : blocks) {
    const Receipt& receipt = block.result.receipts.at(0);
    const HistoryLeaf& leaf = block.result.leaves.at(0);
    EXPECT_EQ(leaf.index, receipt.history_index);
    ASSERT_EQ(leaf.bytes.at(0), static_cast<std::uint8_t>(LeafType::Receipt));
    const auto core = decode<ReceiptCore>(ByteView(leaf.bytes).subspan(1));
    ASSERT_TRUE(core.has_value());
    EXPECT_EQ(encode(*core), encode(receipt.core));
    EXPECT_EQ(core->transaction, block.transactions.at(0).hash());
    const auto proof = history.inclusion_proof(leaf.index, history.size());
    ASSERT_TRUE(proof.has_value());
    const Hash32 hash = audit::HistoryTree::leaf_hash(leaf.bytes);
    EXPECT_TRUE(audit::HistoryTree::verify_inclusion(history.root(), history.size(), leaf.index, hash, *proof));
    ReceiptCore forged = *core;
    forged.code ^= 1U;
    Bytes forged_leaf{0};
    codec::put(forged, forged_leaf);
    EXPECT_FALSE(audit::HistoryTree::verify_inclusion(history.root(), history.size(), leaf.index,
                                                      audit::HistoryTree::leaf_hash(forged_leaf), *proof));
  }
}

/// A job from submission to payment; returns the blocks.
std::vector<Block> paid_job(Chain& chain) {
  std::vector<Block> blocks;
  chain.on_block([&blocks](const Block& block) { blocks.push_back(block); });
  const auto sends = [&](const char* name, const Chain::Fill& fill) {
    const auto receipt = chain.send(name, fill);
    EXPECT_TRUE(receipt && receipt->core.code == 0) << (receipt ? receipt->detail : receipt.error().detail);
    return receipt->core.subject;
  };
  sends("farm", chain_test::register_provider("farm"));
  sends("farm", [](auto& body) { *body.mutable_node_register() = chain_test::a100_node(); });
  const std::string job =
      sends("ada", [](auto& body) { *body.mutable_job_submit()->mutable_spec() = chain_test::hour_of_a100(); });
  const std::string contract = to_text(chain.machine().market().jobs().get(*JobId::parse(job)).contract.view());
  sends("farm", [&](auto& body) { body.mutable_contract_acknowledge()->set_contract(contract); });
  sends("farm", [&](auto& body) { body.mutable_contract_start()->set_contract(contract); });
  chain.pass({100'000});
  sends("farm", [&](auto& body) {
    auto& message = *body.mutable_contract_complete();
    message.set_contract(contract);
    message.set_run_ms(99'000);
    message.set_result_hash(std::string(32, 'r'));
    message.set_proof_hash(std::string(32, 'p'));
  });
  chain.pass({60'000});
  sends("ada", [&](auto& body) { body.mutable_contract_accept()->set_contract(contract); });
  chain.on_block({});
  return blocks;
}

// REQ: CSC-1, AUD-1
TEST(Settlement, IsALeafThatProvesTheWholeContract) {
  Chain chain({"ada", "farm"});
  const std::vector<Block> blocks = paid_job(chain);
  const HistoryLeaf* leaf = nullptr;
  for (const Block& block : blocks) {
    for (const HistoryLeaf& entry : block.result.leaves) {
      if (entry.type == LeafType::Settlement) leaf = &entry;
    }
  }
  ASSERT_NE(leaf, nullptr);
  const auto settlement = decode<starminer::protocol::Settlement>(ByteView(leaf->bytes).subspan(1));
  ASSERT_TRUE(settlement.has_value());
  const ContractRow& row = settlement->row;
  EXPECT_EQ(encode(row), encode(chain.machine().contracts().table().get(settlement->contract)));
  EXPECT_EQ(row.requester, account_of_name("ada"));
  EXPECT_EQ(row.provider, account_of_name("farm"));
  EXPECT_EQ(row.state, ContractState::Settled);
  EXPECT_EQ(row.metered_ms, 100'000U);
  EXPECT_EQ(row.result_hash.bytes[0], 'r');
  EXPECT_EQ(row.proof_hash.bytes[0], 'p');
  const audit::HistoryTree& history = chain.machine().history();
  const auto proof = history.inclusion_proof(leaf->index, history.size());
  ASSERT_TRUE(proof.has_value());
  EXPECT_TRUE(audit::HistoryTree::verify_inclusion(history.root(), history.size(), leaf->index,
                                                   audit::HistoryTree::leaf_hash(leaf->bytes), *proof));
}

// REQ: DEC-2
TEST(Load, FromTheStoredRowsStandsWhereTheMachineStood) {
  Chain chain({"ada", "farm"});
  paid_job(chain);
  Machine loaded;
  ASSERT_TRUE(chain.disk().load(loaded));
  EXPECT_EQ(loaded.app_hash(), chain.machine().app_hash());
  EXPECT_EQ(loaded.state_root(), chain.machine().state_root());
  EXPECT_EQ(loaded.next_due(), chain.machine().next_due());
  EXPECT_EQ(loaded.chain().block_time, chain.machine().chain().block_time);
}

TEST(Load, OfAnythingElseIsNoticed) {
  Chain chain({"ada", "farm"});
  paid_job(chain);
  const chain_test::Disk& whole = chain.disk();
  const auto loads = [&](auto change) {
    chain_test::Disk disk = whole;
    change(disk);
    Machine machine;
    return disk.load(machine);
  };
  EXPECT_TRUE(loads([](auto&) {}));
  EXPECT_FALSE(loads([](auto& disk) { disk.app_hash.bytes[0] ^= 1; }));
  EXPECT_FALSE(loads([](auto& disk) { disk.leaves.pop_back(); }));
  EXPECT_FALSE(loads([](auto& disk) { disk.leaves.front().bytes[31] ^= 1; }));
  EXPECT_FALSE(loads([](auto& disk) { disk.rows.clear(); }));
  std::vector<std::pair<state::TableId, Bytes>> places;
  for (const auto& [place, row] : whole.rows) places.push_back(place);
  for (const auto& place : places) {
    EXPECT_FALSE(loads([&](auto& disk) { disk.rows.erase(place); })) << "table " << static_cast<int>(place.first);
    EXPECT_FALSE(loads([&](auto& disk) { disk.rows.at(place).back() ^= 1; }));
    EXPECT_FALSE(loads([&](auto& disk) { disk.rows.at(place).push_back(0); }));
  }
}

// REQ: DEC-2
TEST(Replay, OfTheSameBlocksGivesTheSameHashes) {
  Chain chain({"ada", "farm"});
  const std::vector<Block> blocks = paid_job(chain);
  Machine machine;
  ASSERT_TRUE(machine.start(genesis_of(Preset::Main, {"ada", "farm"})).has_value());
  for (const Block& block : blocks) {
    ASSERT_EQ(machine.app_hash(), block.header.previous_app_hash);
    machine.begin_block(block.header, block.step);
    for (const VerifiedTransaction& transaction : block.transactions) {
      const auto again = verify_transaction(transaction.bytes(), kChainId);
      ASSERT_TRUE(again.has_value());
      ASSERT_TRUE(machine.execute(*again).has_value());
    }
    const BlockResult result = machine.finish_block();
    ASSERT_EQ(result.app_hash, block.result.app_hash) << "block " << result.height;
    ASSERT_EQ(result.state_root, block.result.state_root);
    ASSERT_EQ(result.leaves.size(), block.result.leaves.size());
    ASSERT_EQ(result.events.size(), block.result.events.size());
  }
}

TEST(Time, TimersRunInTheFirstBlockThatReachesThem) {
  Chain chain({"ada"});
  EXPECT_EQ(chain.machine().next_due(), chain.now() + DurationMs{60'000});
  chain.pass({59'999});
  EXPECT_EQ(chain.machine().chain().ticks, 0U);
  chain.pass({1});
  EXPECT_EQ(chain.machine().chain().ticks, 1U);
  chain.pass({3'600'000});
  EXPECT_EQ(chain.machine().chain().epochs, 1U);
  EXPECT_EQ(chain.machine().chain().ticks, 61U);
}

TEST(Time, QueryContextIsThatOfTheNextBlock) {
  Chain chain({"ada"});
  chain.pass({90'000});
  const BlockContext context = chain.machine().query_context(chain.now());
  EXPECT_EQ(context.height, chain.machine().chain().height + 1);
  EXPECT_EQ(context.time, chain.now());
  EXPECT_EQ(chain.machine().query_context({0}).time, chain.machine().chain().block_time) << "time never goes back";
}

TEST(OperationRegistry, IsTheSchema) {
  const auto* body = v1::TransactionBody::descriptor();
  const auto* oneof = body->FindOneofByName("operation");
  ASSERT_EQ(operation_registry().size(), static_cast<std::size_t>(oneof->field_count()));
  for (const OperationInfo& info : operation_registry()) {
    const auto* field = body->FindFieldByNumber(info.number);
    ASSERT_NE(field, nullptr) << info.name;
    EXPECT_EQ(field->containing_oneof(), oneof) << info.name;
    EXPECT_EQ(field->message_type()->name(), info.name);
    EXPECT_FALSE(info.what.empty() || info.module.empty());
    EXPECT_EQ(operation_name(info.number), info.name);
  }
  EXPECT_EQ(operation_name(0), "");
  EXPECT_EQ(operation_name(14), "");
}

}  // namespace
}  // namespace starminer::protocol
