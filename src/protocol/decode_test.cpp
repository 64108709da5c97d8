#include "protocol/decode.h"

#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string id_bytes(char fill) { return std::string(20, fill); }
std::string hash_bytes(char fill) { return std::string(32, fill); }

template <class Proto>
Proto valid_message() {
  Proto message;
  if constexpr (requires { message.set_contract(std::string()); }) message.set_contract(id_bytes('c'));
  if constexpr (requires { message.set_result_hash(std::string()); }) message.set_result_hash(hash_bytes('r'));
  if constexpr (requires { message.set_proof_hash(std::string()); }) message.set_proof_hash(hash_bytes('p'));
  if constexpr (requires { message.set_node(std::string()); }) message.set_node(id_bytes('n'));
  if constexpr (requires { message.set_job(std::string()); }) message.set_job(id_bytes('j'));
  if constexpr (requires { message.set_to(std::string()); }) message.set_to(id_bytes('t'));
  if constexpr (requires { message.set_beneficiary(std::string()); }) message.set_beneficiary(id_bytes('b'));
  if constexpr (requires { message.set_manifest_hash(std::string()); }) message.set_manifest_hash(hash_bytes('m'));
  if constexpr (requires { message.mutable_spec(); }) message.mutable_spec()->set_manifest_hash(hash_bytes('m'));
  return message;
}

/// A message of a list that decodes, so that one field of it can be changed.
void complete(Message& item) {
  const auto* reflection = item.GetReflection();
  const auto* descriptor = item.GetDescriptor();
  if (const auto* field = descriptor->FindFieldByName("benchmark_digest")) {
    reflection->SetString(&item, field, hash_bytes('d'));
  }
  if (const auto* field = descriptor->FindFieldByName("contract")) reflection->SetString(&item, field, id_bytes('e'));
}

void set_value(Message& message, const FieldDescriptor* field, const std::string& bytes) {
  const auto* reflection = message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      repeated ? reflection->AddUInt32(&message, field, 1) : reflection->SetUInt32(&message, field, 1);
      break;
    case FieldDescriptor::CPPTYPE_UINT64: reflection->SetUInt64(&message, field, 1); break;
    case FieldDescriptor::CPPTYPE_BOOL: reflection->SetBool(&message, field, true); break;
    case FieldDescriptor::CPPTYPE_ENUM: reflection->SetEnumValue(&message, field, 1); break;
    case FieldDescriptor::CPPTYPE_STRING:
      repeated ? reflection->AddString(&message, field, bytes) : reflection->SetString(&message, field, bytes);
      break;
    default: ADD_FAILURE() << "a field of an unexpected type: " << field->full_name();
  }
}

/// Changes one field after the other, at any depth, and hands the changed whole to `check`.
template <class Check>
void each_field(Message& whole, Message& part, const Check& check) {
  const auto* reflection = part.GetReflection();
  for (int i = 0; i < part.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = part.GetDescriptor()->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message& inner =
          field->is_repeated() ? *reflection->AddMessage(&part, field) : *reflection->MutableMessage(&part, field);
      complete(inner);
      each_field(whole, inner, check);
      if (field->is_repeated()) reflection->RemoveLast(&part, field);
      continue;
    }
    const std::unique_ptr<Message> before(part.New());
    before->CopyFrom(part);
    std::vector<std::string> values = {"x"};
    if (field->type() == FieldDescriptor::TYPE_BYTES) values = {id_bytes('x'), hash_bytes('x')};
    bool decodes = false;
    for (const std::string& value : values) {
      set_value(part, field, value);
      decodes = check(whole, field->full_name()) || decodes;
      part.CopyFrom(*before);
    }
    EXPECT_TRUE(decodes) << field->full_name() << " takes no value";
  }
}

template <class Proto>
Bytes encoded(const Proto& message) {
  const auto op = decode(message);
  return op ? encode(*op) : Bytes{};
}

/// Gives the first field of this name another value: its default, or where bytes must be there, other bytes.
bool change_back(Message& part, const std::string& name) {
  const auto* reflection = part.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(part, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->full_name() == name) {
      if (field->type() == FieldDescriptor::TYPE_BYTES && !field->is_repeated()) {
        reflection->SetString(&part, field, std::string(reflection->GetString(part, field).size(), 'y'));
      } else {
        reflection->ClearField(&part, field);
      }
      return true;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    Message& inner = field->is_repeated() ? *reflection->MutableRepeatedMessage(&part, field, 0)
                                          : *reflection->MutableMessage(&part, field);
    if (change_back(inner, name)) return true;
  }
  return false;
}

/// Every field of a message, at any depth, makes a difference to the operation.
template <class Proto>
void expect_no_field_is_lost() {
  auto message = valid_message<Proto>();
  const auto* descriptor = Proto::descriptor();
  ASSERT_FALSE(encoded(message).empty()) << descriptor->full_name();
  each_field(message, message, [](const Message& changed, const std::string& name) {
    const auto& whole = dynamic_cast<const Proto&>(changed);
    const auto op = decode(whole);
    if (!op) return false;
    Proto other = whole;
    EXPECT_TRUE(change_back(other, name)) << name;
    EXPECT_NE(encoded(other), encode(*op)) << name << " makes no difference";
    return true;
  });
}

TEST(Decode, LosesNoField) {
  expect_no_field_is_lost<v1::Transfer>();
  expect_no_field_is_lost<v1::AccountClose>();
  expect_no_field_is_lost<v1::StakeLock>();
  expect_no_field_is_lost<v1::StakeUnbond>();
  expect_no_field_is_lost<v1::ParameterSet>();
  expect_no_field_is_lost<v1::ProviderRegister>();
  expect_no_field_is_lost<v1::NodeRegister>();
  expect_no_field_is_lost<v1::NodeUpdate>();
  expect_no_field_is_lost<v1::NodeSetStatus>();
  expect_no_field_is_lost<v1::TelemetryReport>();
  expect_no_field_is_lost<v1::JobSubmit>();
  expect_no_field_is_lost<v1::JobSpec>();
  expect_no_field_is_lost<v1::JobCancel>();
  expect_no_field_is_lost<v1::JobRaise>();
  expect_no_field_is_lost<v1::ContractAcknowledge>();
  expect_no_field_is_lost<v1::ContractDecline>();
  expect_no_field_is_lost<v1::ContractStart>();
  expect_no_field_is_lost<v1::ContractProgress>();
  expect_no_field_is_lost<v1::ContractComplete>();
  expect_no_field_is_lost<v1::ContractFail>();
  expect_no_field_is_lost<v1::ContractAccept>();
  expect_no_field_is_lost<v1::ReserveJoin>();
  expect_no_field_is_lost<v1::ReserveLeave>();
}

template <class Proto, class Change>
std::string fault_of(Change change) {
  auto message = valid_message<Proto>();
  change(message);
  const auto op = decode(message);
  if (op) return "none";
  EXPECT_EQ(op.error().code, RefusalCode::InvalidField);
  return op.error().detail;
}

TEST(Decode, NamesTheFieldThatDoesNotFit) {
  EXPECT_EQ(fault_of<v1::Transfer>([](auto& m) { m.set_to("short"); }), "to: 5 bytes given, 20 expected");
  EXPECT_EQ(fault_of<v1::Transfer>([](auto& m) { m.clear_to(); }), "to: 0 bytes given, 20 expected");
  EXPECT_EQ(fault_of<v1::Transfer>([](auto& m) { m.set_asset(static_cast<v1::Asset>(3)); }),
            "asset: 3 is not one of its values");
  EXPECT_NE(fault_of<v1::Transfer>([](auto& m) { m.set_asset(static_cast<v1::Asset>(-1)); }), "none");
  EXPECT_EQ(fault_of<v1::StakeLock>([](auto& m) { m.set_asset(static_cast<v1::Asset>(3)); }),
            "asset: 3 is not one of its values");
  EXPECT_EQ(fault_of<v1::ParameterSet>([](auto& m) { m.set_parameter(65'536); }), "parameter: 65536 is above 65535");
  EXPECT_EQ(fault_of<v1::ProviderRegister>([](auto& m) { m.clear_payout(); }), "none") << "empty: the provider itself";
  EXPECT_EQ(fault_of<v1::ProviderRegister>([](auto& m) { m.set_payout(id_bytes('x') + "x"); }),
            "payout: 21 bytes given, 20 expected");
  EXPECT_EQ(fault_of<v1::NodeRegister>([](auto& m) { m.mutable_offer()->set_site_tier(256); }),
            "offer.site_tier: 256 is above 255");
  EXPECT_EQ(fault_of<v1::NodeRegister>([](auto& m) { m.add_ratings()->set_kind(4); }),
            "ratings.kind: 4 is not one of its values");
  EXPECT_EQ(fault_of<v1::NodeSetStatus>([](auto& m) { m.set_change(static_cast<v1::NodeSetStatus::Change>(3)); }),
            "change: 3 is not one of its values");
  EXPECT_EQ(fault_of<v1::JobSpec>([](auto& m) { m.set_kind(static_cast<v1::JobKind>(4)); }),
            "spec.kind: 4 is not one of its values");
  EXPECT_EQ(fault_of<v1::JobSpec>([](auto& m) { m.mutable_where()->add_tee_kinds(256); }),
            "where.tee_kinds: 256 is above 255");
  EXPECT_EQ(fault_of<v1::JobSpec>([](auto& m) {
              m.clear_manifest_hash();
              m.set_tier(static_cast<v1::TierChoice>(9));
            }),
            "spec.manifest_hash: 0 bytes given, 32 expected")
      << "the first fault is named";
  EXPECT_EQ(fault_of<v1::JobSpec>([](auto& m) { m.set_image("x"); }), "spec.image: 1 bytes given, 32 expected");
  EXPECT_EQ(fault_of<v1::ContractFail>([](auto& m) { m.set_reason(27); }), "reason: 27 is not one of its values");
  EXPECT_EQ(fault_of<v1::ContractFail>([](auto& m) { m.set_reason(26 + 256); }),
            "reason: 282 is not one of its values");
  EXPECT_EQ(fault_of<v1::ContractProgress>([](auto& m) { m.add_entries()->set_run_ms(1); }),
            "entries.contract: 0 bytes given, 20 expected");
  EXPECT_EQ(fault_of<v1::ContractComplete>([](auto& m) { m.add_outputs("x"); }), "outputs: 1 bytes given, 32 expected");
}

}  // namespace
}  // namespace starminer::protocol
