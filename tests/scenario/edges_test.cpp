// Arithmetic at its ends (A4): every number of every operation that has one, and of its envelope, at 0, 1, around the
// ends of its types and around what its sender has, against a market in which the operation would otherwise be applied;
// every parameter at its bounds; every amount of a genesis. Whatever is let in must move money as the second count, in
// 128 bits, says, and keep every invariant while time brings the consequences; all else is refused with a code.
#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using protocol::Parameter;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Block;
using protocol::chain_test::Chain;

constexpr std::array<std::uint64_t, 10> kEdges = {0,
                                                  1,
                                                  kBasePerToken,
                                                  ~std::uint32_t{0} - std::uint64_t{1},
                                                  ~std::uint32_t{0},
                                                  kAmountMax - 1,
                                                  kAmountMax,
                                                  kAmountMax + 1,
                                                  ~std::uint64_t{0} - 1,
                                                  ~std::uint64_t{0}};

void set_number(Message& message, const FieldDescriptor* field, std::uint64_t value) {
  const auto* reflection = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    reflection->SetUInt64(&message, field, value);
  } else {
    reflection->SetUInt32(&message, field, static_cast<std::uint32_t>(value));
  }
}

/// Calls `visit` with each of these values in each number of the message, one at a time.
template <class Visit>
void each_edge(Message& message, const std::vector<std::uint64_t>& edges, const Visit& visit) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->is_repeated()) {
        for (int n = 0; n < reflection->FieldSize(message, field); ++n) {
          each_edge(*reflection->MutableRepeatedMessage(&message, field, n), edges, visit);
        }
      } else if (field->containing_oneof() == nullptr || reflection->HasField(message, field)) {
        each_edge(*reflection->MutableMessage(&message, field), edges, visit);
      }
      continue;
    }
    const bool is_number =
        field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 || field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
    if (!is_number || field->is_repeated()) continue;
    const std::unique_ptr<Message> before(message.New());
    before->CopyFrom(message);
    for (const std::uint64_t edge : edges) {
      set_number(message, field, edge);
      visit(field->full_name(), edge);
      message.CopyFrom(*before);
    }
  }
}

/// What became of the cases of a test.
struct Fates {
  std::uint64_t applied = 0;
  std::map<std::string, std::uint64_t> refused;

  void count(const Result<protocol::Receipt, protocol::Refusal>& receipt) {
    const RefusalCode code = receipt ? static_cast<RefusalCode>(receipt->core.code) : receipt.error().code;
    code == RefusalCode::None ? ++applied : ++refused[std::string(protocol::refusal_info(code).name)];
  }
  void print(const char* what) const {
    std::uint64_t sum = 0;
    std::string codes;
    for (const auto& [name, count] : refused) {
      sum += count;
      codes += " " + name + " " + std::to_string(count);
    }
    std::cout << what << ": " << applied << " applied, " << sum << " refused:" << codes << '\n';
  }
};

/// A moment of a market, from which every case starts, with the money counted up to it.
class Case {
 public:
  Case(const Chain& start, const Money& money) : chain_(start.disk(), start.now()), money_(money) {
    chain_.on_block([this](const Block& block) {
      for (const std::string& difference : money_.follow(block, chain_.machine())) ADD_FAILURE() << difference;
    });
  }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;
  [[nodiscard]] Chain& chain() { return chain_; }

 private:
  Chain chain_;
  Money money_;
};

/// A market with a running contract of ada at aurora and a stake of bob, to which every case returns.
struct Stage {
  Market market{genesis()};
  Job job;
  std::string contract;

  static protocol::Genesis genesis() {
    protocol::Genesis genesis =
        protocol::chain_test::genesis_of(protocol::Preset::Main, {"ada", "bob", "aurora", "operator"});
    for (protocol::GenesisAccount& account : genesis.accounts) account.amax = {20 * kBasePerToken};
    return genesis;
  }
  Stage() {
    const Provider aurora = market.provider("aurora").registers(a100().devices(2));
    const auto staked = market.chain().send("bob", protocol::chain_test::lock_stake(4 * kBasePerToken));
    EXPECT_TRUE(staked && staked->core.code == 0);
    market.passes(1h);
    job = market.requester("ada").submits(rendering().max(10min));
    aurora.runs(job);
    market.passes(1min);
    contract = to_text(market.row(job).contract.view());
  }
  [[nodiscard]] std::string node() { return to_text(market.provider("aurora").node().view()); }
};

struct Operation {
  const char* sender;
  Chain::Fill fill;
};

/// Every operation that has a number, such that it would be applied.
std::vector<Operation> operations(Stage& stage) {
  const std::string node = stage.node();
  const std::string contract = stage.contract;
  return {
      {"ada", protocol::chain_test::transfer(account_of_name("bob"), 5)},
      {"ada", protocol::chain_test::transfer(account_of_name("bob"), 5, Asset::Amax)},
      {"ada", protocol::chain_test::transfer(account_of_name("nobody"), 20'000'000)},
      {"ada", protocol::chain_test::lock_stake(2 * kBasePerToken)},
      {"bob", protocol::chain_test::unbond_stake(kBasePerToken)},
      {"aurora", [](auto& body) { *body.mutable_node_register() = protocol::chain_test::a100_node(); }},
      {"aurora",
       [node](auto& body) {
         body.mutable_node_update()->set_node(node);
         *body.mutable_node_update()->mutable_offer() = protocol::chain_test::a100_node().offer();
         *body.mutable_node_update()->mutable_ratings() = protocol::chain_test::a100_node().ratings();
       }},
      {"bob", [](auto& body) { *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100(); }},
      {"bob",
       [](auto& body) {
         *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100();
         body.mutable_job_submit()->mutable_spec()->set_credits(3);
       }},
      {"bob",
       [](auto& body) {
         *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100();
         body.mutable_job_submit()->mutable_spec()->set_price_lock(5);
       }},
      {"bob",
       [](auto& body) {
         auto& spec = *body.mutable_job_submit()->mutable_spec();
         spec = protocol::chain_test::hour_of_a100();
         spec.set_max_price(5 * kBasePerToken);
         spec.set_budget(kAmountMax);
         spec.mutable_resources()->set_gpus(0);
         spec.mutable_resources()->set_cpu_milli(4'000);
       }},
      {"aurora",
       [contract](auto& body) {
         body.mutable_contract_progress()->add_entries()->set_contract(contract);
         body.mutable_contract_progress()->mutable_entries(0)->set_run_ms(60'000);
       }},
      {"aurora",
       [contract](auto& body) {
         auto& message = *body.mutable_contract_complete();
         message.set_contract(contract);
         message.set_run_ms(60'000);
         message.set_result_hash(std::string(32, 'r'));
         message.set_proof_hash(std::string(32, 'p'));
       }},
      {"aurora",
       [contract](auto& body) {
         auto& message = *body.mutable_contract_fail();
         message.set_contract(contract);
         message.set_run_ms(60'000);
         message.set_reason(static_cast<std::uint32_t>(EndReason::DeviceError));
       }},
  };
}

/// The fixed edges, and all that an account has after the fee, one more and one less.
std::vector<std::uint64_t> edges_of(const Chain& chain, const std::string& sender) {
  const protocol::Machine& machine = chain.machine();
  std::vector<std::uint64_t> edges(kEdges.begin(), kEdges.end());
  const AccountId account = account_of_name(sender);
  const std::uint64_t agpu = machine.ledger().balance(account, Asset::Agpu) - machine.params().get(Parameter::TxFee);
  const std::uint64_t credits =
      machine.staking().credits_micro(account, machine.query_context(chain.now()).time) / kPpm;
  for (const std::uint64_t held : {agpu, machine.ledger().balance(account, Asset::Amax),
                                   machine.staking().stake(account, Asset::Amax).bonded, credits}) {
    for (const std::uint64_t edge : {held - 1, held, held + 1}) edges.push_back(edge);
  }
  return edges;
}

// REQ: TOK-3
TEST(Edges, NoNumberOfAnyOperationBreaksAnInvariant) {
  Stage stage;
  const Chain& start = stage.market.chain();
  Fates fates;
  std::set<std::string> fields;
  for (const auto& [sender, fill] : operations(stage)) {
    v1::TransactionBody body = start.body(sender, fill);
    {
      Case unchanged(start, stage.market.money());
      const auto receipt =
          unchanged.chain().send(protocol::sign_transaction(body, protocol::chain_test::key_of(sender)));
      EXPECT_TRUE(receipt && receipt->core.code == 0) << body.ShortDebugString();
    }
    each_edge(body, edges_of(start, sender), [&, name = sender](const std::string& field, std::uint64_t edge) {
      SCOPED_TRACE(field + " = " + std::to_string(edge));
      fields.insert(field);
      Case with(start, stage.market.money());
      fates.count(with.chain().send(protocol::sign_transaction(body, protocol::chain_test::key_of(name))));
      with.chain().pass({20 * 60'000});
    });
  }
  fates.print((std::to_string(fields.size()) + " fields").c_str());
  EXPECT_GT(fates.applied, 200U);
  EXPECT_GT(fates.refused.size(), 15U);
}

/// What governance may set, and what lies around it.
std::vector<std::uint64_t> edges_of(const protocol::Params& params, Parameter parameter) {
  std::vector<std::uint64_t> edges(kEdges.begin(), kEdges.end());
  const protocol::ParameterBounds bounds = params.bounds(parameter);
  for (const std::uint64_t edge : {bounds.min - 1, bounds.min, bounds.min + 1, bounds.max - 1, bounds.max,
                                   bounds.max + 1, params.get(parameter), params.get(parameter) + 1}) {
    edges.push_back(edge);
  }
  return edges;
}

// REQ: DEC-2
TEST(Edges, EveryParameterTakesItsBoundsAndNothingBehindThem) {
  Stage stage;
  const Chain& start = stage.market.chain();
  const protocol::Params& params = start.machine().params();
  Fates fates;
  for (const protocol::ParameterInfo& info : protocol::parameter_registry()) {
    for (const std::uint64_t edge : edges_of(params, info.id)) {
      SCOPED_TRACE(std::string(info.name) + " = " + std::to_string(edge));
      Chain chain(start.disk(), start.now());
      const auto receipt = chain.send("operator", protocol::chain_test::set_parameter(info.id, edge));
      protocol::Params::Values values = params.values();
      values[static_cast<std::size_t>(info.id)] = edge;
      const bool may = info.setter == protocol::ParameterSetter::Governed && params.bounds(info.id).contain(edge) &&
                       edge != params.get(info.id) && protocol::Params::find_conflict(values) == nullptr;
      EXPECT_EQ(receipt && receipt->core.code == 0, may);
      fates.count(receipt);
      if (!may) continue;
      chain.pass(params.duration(Parameter::EpochMs));
      EXPECT_EQ(chain.machine().params().get(info.id), edge);
      // The market lives on under it.
      static_cast<void>(chain.send("bob", [](auto& body) {
        *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100();
        body.mutable_job_submit()->mutable_spec()->set_credits(2);
        body.mutable_job_submit()->mutable_spec()->set_price_lock(3);
      }));
      chain.pass({20 * 60'000});
    }
  }
  fates.print("parameters");
  EXPECT_GT(fates.applied, 100U);
  EXPECT_GT(fates.refused["ParameterOutOfBounds"], 100U);
}

TEST(Edges, NoAmountOfAGenesisBreaksAnInvariant) {
  std::uint64_t started = 0;
  std::uint64_t refused = 0;
  for (const std::uint64_t edge : kEdges) {
    for (int field = 0; field < 4; ++field) {
      SCOPED_TRACE("field " + std::to_string(field) + " = " + std::to_string(edge));
      protocol::Genesis genesis = protocol::chain_test::genesis_of(protocol::Preset::Main, {"ada", "bob", "operator"});
      protocol::GenesisAccount& ada = genesis.accounts.front();
      if (field == 0) ada.agpu = {edge};
      if (field == 1) ada.amax = {edge};
      if (field == 2) ada.usd = {edge};
      if (field == 3) genesis.treasury = {edge};
      protocol::Machine machine;
      const auto result = machine.start(genesis);
      if (!result) {
        ++refused;
        EXPECT_FALSE(result.error().empty());
        continue;
      }
      ++started;
      // All that ada has moves on, to an account that has as much as the supply lets it.
      Chain first(genesis);
      const Money money(genesis);
      for (const Asset asset : {Asset::Agpu, Asset::Amax, Asset::Usd}) {
        const std::uint64_t held = first.machine().ledger().balance(account_of_name("ada"), asset);
        const std::uint64_t fee = first.machine().params().get(Parameter::TxFee);
        Case with(first, money);
        static_cast<void>(with.chain().send(
            "ada",
            protocol::chain_test::transfer(account_of_name("bob"), asset == Asset::Agpu ? held - fee : held, asset)));
      }
    }
  }
  std::cout << "genesis: " << started << " started, " << refused << " refused\n";
  EXPECT_GT(started, 10U);
  EXPECT_GT(refused, 5U);
}

// REQ: CSC-4
TEST(Edges, CostAgreesWithPlainArithmeticOrSaturates) {
  for (const std::uint64_t unit : kEdges) {
    for (const std::uint64_t milli : {std::uint64_t{1}, std::uint64_t{1'000}, std::uint64_t{4'096'000}}) {
      for (const std::uint64_t ms : {std::uint64_t{0}, std::uint64_t{1'000}, std::uint64_t{31'536'000'000}}) {
        // milli x ms stays below 2^57, so the product fits after the unit is split in two.
        const u128 low = u128{unit & 0xffffffffU} * milli * ms;
        const u128 high = u128{unit >> 32U} * milli * ms;
        const bool fits = high < (u128{1} << 90U);
        const u128 exact = ((high << 32U) + low + 3'599'999'999U) / 3'600'000'000U;
        const Agpu cost = protocol::Pricing::cost({unit}, milli, ms, Rounding::Ceil);
        if (fits && exact <= kAmountMax) {
          EXPECT_EQ(cost.base, static_cast<std::uint64_t>(exact));
        } else {
          EXPECT_EQ(cost.base, kAmountMax);
        }
      }
    }
  }
}

}  // namespace
}  // namespace starminer::scenario
