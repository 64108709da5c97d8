// Arithmetic at its ends: every number of every operation at 0, 1 and around the ends of its types, against a market in
// which the operation would otherwise be applied. Whatever is let in must keep every invariant while time brings the
// consequences.
#include <array>
#include <iostream>
#include <memory>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
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

/// Calls `visit` with each edge in each number of the message, one at a time.
template <class Visit>
void each_edge(Message& message, const Visit& visit) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->is_repeated()) {
        for (int n = 0; n < reflection->FieldSize(message, field); ++n) {
          each_edge(*reflection->MutableRepeatedMessage(&message, field, n), visit);
        }
      } else if (field->containing_oneof() == nullptr || reflection->HasField(message, field)) {
        each_edge(*reflection->MutableMessage(&message, field), visit);
      }
      continue;
    }
    const bool is_number =
        field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 || field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
    if (!is_number || field->is_repeated()) continue;
    const std::unique_ptr<Message> before(message.New());
    before->CopyFrom(message);
    for (const std::uint64_t edge : kEdges) {
      set_number(message, field, edge);
      visit(field->full_name(), edge);
      message.CopyFrom(*before);
    }
  }
}

/// A market with a running contract of ada at aurora, to which every case returns.
struct Stage {
  Market market;
  Job job;
  std::string contract;

  Stage() {
    const Provider aurora = market.provider("aurora").registers(a100().devices(2));
    job = market.requester("ada").submits(rendering().max(10min));
    aurora.runs(job);
    market.passes(1min);
    contract = to_text(market.row(job).contract.view());
  }
};

TEST(Edges, NoNumberOfAnyOperationBreaksAnInvariant) {
  Stage stage;
  const Chain& start = stage.market.chain();
  const auto node = [&] { return to_text(stage.market.provider("aurora").node().view()); };
  const std::pair<const char*, Chain::Fill> operations[] = {
      {"ada", protocol::chain_test::transfer(protocol::chain_test::account_of_name("bob"), 5)},
      {"aurora", [](auto& body) { *body.mutable_node_register() = protocol::chain_test::a100_node(); }},
      {"aurora",
       [&](auto& body) {
         body.mutable_node_update()->set_node(node());
         *body.mutable_node_update()->mutable_offer() = protocol::chain_test::a100_node().offer();
         *body.mutable_node_update()->mutable_ratings() = protocol::chain_test::a100_node().ratings();
       }},
      {"bob", [](auto& body) { *body.mutable_job_submit()->mutable_spec() = protocol::chain_test::hour_of_a100(); }},
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
       [&](auto& body) {
         body.mutable_contract_progress()->add_entries()->set_contract(stage.contract);
         body.mutable_contract_progress()->mutable_entries(0)->set_run_ms(60'000);
       }},
      {"aurora",
       [&](auto& body) {
         auto& message = *body.mutable_contract_complete();
         message.set_contract(stage.contract);
         message.set_run_ms(60'000);
         message.set_result_hash(std::string(32, 'r'));
         message.set_proof_hash(std::string(32, 'p'));
       }},
      {"aurora",
       [&](auto& body) {
         auto& message = *body.mutable_contract_fail();
         message.set_contract(stage.contract);
         message.set_run_ms(60'000);
         message.set_reason(static_cast<std::uint32_t>(EndReason::DeviceError));
       }},
  };
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  for (const auto& [sender, fill] : operations) {
    v1::TransactionBody body = start.body(sender, fill);
    each_edge(body, [&, name = sender](const std::string& field, std::uint64_t edge) {
      SCOPED_TRACE(field + " = " + std::to_string(edge));
      Chain chain(start.disk(), start.now());
      const auto receipt = chain.send(protocol::sign_transaction(body, protocol::chain_test::key_of(name)));
      receipt && receipt->core.code == 0 ? ++applied : ++refused;
      chain.pass({20 * 60'000});
    });
  }
  std::cout << applied << " applied, " << refused << " refused\n";
  EXPECT_GT(applied, 100U);
  EXPECT_GT(refused, 100U);
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
