#include "protocol/transaction.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::kChainId;
using chain_test::key_of;

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

v1::TransactionBody transfer_body() {
  v1::TransactionBody body;
  body.set_chain_id(std::string(kChainId));
  body.set_sequence(3);
  body.set_expires_at_ms(1'760'000'060'000);
  chain_test::transfer(key_of("bob").account(), 5)(body);
  return body;
}

v1::TransactionBody submit_body() {
  v1::TransactionBody body = transfer_body();
  *body.mutable_job_submit()->mutable_spec() = chain_test::hour_of_a100();
  body.mutable_job_submit()->set_client_id("frame-7");
  body.mutable_job_submit()->mutable_spec()->mutable_where()->add_tee_kinds(1);
  body.mutable_job_submit()->mutable_spec()->mutable_where()->add_tee_kinds(2);
  return body;
}

v1::TransactionBody progress_body() {
  v1::TransactionBody body = transfer_body();
  for (const char* name : {"a", "b"}) {
    auto& entry = *body.mutable_contract_progress()->add_entries();
    entry.set_contract(std::string(20, *name));
    entry.set_run_ms(77);
  }
  return body;
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  return out + static_cast<char>(value);
}

/// A length-delimited field.
std::string field(int number, const std::string& value) {
  return varint(static_cast<std::uint64_t>(number) << 3U | 2U) + varint(value.size()) + value;
}
std::string number_field(int number, const std::string& encoded_varint) {
  return varint(static_cast<std::uint64_t>(number) << 3U) + encoded_varint;
}

/// An envelope around body bytes of any form, signed correctly over exactly these bytes.
Bytes signed_raw(const std::string& body, const SigningKey& key = key_of("ada")) {
  const Signature signature = key.sign(kTransactionDomain, as_bytes(body));
  return bytes_of(field(1, body) + field(2, to_text(key.public_key().view())) + field(3, to_text(signature.view())));
}

RefusalCode verdict(const Bytes& bytes) {
  const auto verified = verify_transaction(bytes, kChainId);
  return verified ? RefusalCode::None : verified.error().code;
}

TEST(Transaction, KeepsWhatWasSigned) {
  const SigningKey key = key_of("ada");
  for (const auto& body : {transfer_body(), submit_body(), progress_body()}) {
    const Bytes bytes = sign_transaction(body, key);
    const auto verified = verify_transaction(bytes, kChainId);
    ASSERT_TRUE(verified.has_value()) << verified.error().detail;
    EXPECT_EQ(verified->account(), key.account());
    EXPECT_EQ(verified->hash(), sha256(bytes));
    EXPECT_EQ(verified->bytes(), bytes);
    EXPECT_EQ(verified->body().SerializeAsString(), body.SerializeAsString());
  }
}

TEST(Transaction, TheBytesOfASchemaEncoderByHandAreAccepted) {
  // The same bytes from the field rules of the wire format, without the library: what any SDK would send.
  const std::string transfer = field(1, to_text(key_of("bob").account().view())) + number_field(3, varint(5));
  const std::string body = field(1, std::string(kChainId)) + number_field(2, varint(3)) +
                           number_field(3, varint(1'760'000'060'000)) + field(10, transfer);
  EXPECT_EQ(verdict(signed_raw(body)), RefusalCode::None);
  EXPECT_EQ(signed_raw(body), sign_transaction(transfer_body(), key_of("ada")));
}

struct BodyCase {
  const char* name;
  std::string body;
};

TEST(Transaction, OneMeaningHasOneEncoding) {
  const std::string head = field(1, std::string(kChainId));
  const std::string sequence = number_field(2, varint(3));
  const std::string expiry = number_field(3, varint(1'760'000'060'000));
  const std::string transfer_value = field(1, to_text(key_of("bob").account().view())) + number_field(3, varint(5));
  const std::string transfer = field(10, transfer_value);
  ASSERT_EQ(verdict(signed_raw(head + sequence + expiry + transfer)), RefusalCode::None);
  const std::string unpacked_tee = [] {
    v1::TransactionBody body = submit_body();
    body.mutable_job_submit()->mutable_spec()->mutable_where()->clear_tee_kinds();
    const std::string where = body.job_submit().spec().where().SerializeAsString() + number_field(6, varint(1));
    v1::JobSpec spec = body.job_submit().spec();
    spec.clear_where();
    spec.clear_budget();
    const std::string spec_bytes =
        spec.SerializeAsString() + field(19, where) + number_field(21, varint(10'000'000'000));
    const std::string submit = field(1, "frame-7") + field(2, spec_bytes);
    v1::TransactionBody rest = transfer_body();
    rest.clear_operation();
    return rest.SerializeAsString() + field(30, submit);
  }();
  const std::vector<BodyCase> cases = {
      {"unknown field at the end", head + sequence + expiry + transfer + number_field(999, varint(1))},
      {"unknown field in between", head + number_field(7, varint(1)) + sequence + expiry + transfer},
      {"unknown field inside the operation",
       head + sequence + expiry + field(10, transfer_value + number_field(9, varint(1)))},
      {"explicit default", head + sequence + expiry + field(10, transfer_value + number_field(2, varint(0)))},
      {"explicit default in front", head + number_field(2, varint(0)) + expiry + transfer},
      {"fields out of order", head + expiry + sequence + transfer},
      {"operation before the head", transfer + head + sequence + expiry},
      {"the same field twice", head + sequence + sequence + expiry + transfer},
      {"two operations", head + sequence + expiry + transfer + field(11, field(1, std::string(20, 'x')))},
      {"number longer than needed", head + number_field(2, "\x83" + std::string(1, '\0')) + expiry + transfer},
      {"length longer than needed",
       "\x0a" + std::string("\x86\x00", 2) + std::string(kChainId) + sequence + expiry + transfer},
      {"tag longer than needed",
       std::string("\x8a\x00", 2) + varint(kChainId.size()) + std::string(kChainId) + sequence + expiry + transfer},
      {"a list that should be packed", unpacked_tee},
      {"text that is no UTF-8", field(1, "test-\xff") + sequence + expiry + transfer},
      {"cut off", (head + sequence + expiry + transfer).substr(0, 40)},
      {"a group", head + sequence + expiry + transfer + "\x3b\x3c"},
      {"wrong wire type", head + field(2, "3") + expiry + transfer},
      {"zero tag", head + sequence + expiry + transfer + std::string(1, '\0')},
  };
  for (const BodyCase& c : cases) {
    EXPECT_EQ(refusal_label(verdict(signed_raw(c.body))), refusal_label(RefusalCode::MalformedTransaction)) << c.name;
  }
}

TEST(Transaction, TheEnvelopeHasOneEncodingToo) {
  const SigningKey key = key_of("ada");
  const std::string body = transfer_body().SerializeAsString();
  const std::string signature = to_text(key.sign(kTransactionDomain, as_bytes(body)).view());
  const std::string f1 = field(1, body);
  const std::string f2 = field(2, to_text(key.public_key().view()));
  const std::string f3 = field(3, signature);
  ASSERT_EQ(verdict(bytes_of(f1 + f2 + f3)), RefusalCode::None);
  for (const std::string& bytes :
       {f2 + f1 + f3, f1 + f3 + f2, f1 + f2 + f3 + f3, f1 + f1 + f2 + f3, f1 + f2 + f3 + number_field(4, varint(1)),
        f1 + f2 + f3 + std::string(1, '\0'), f1 + f2 + f3.substr(0, 20), f1 + f2 + f3 + " "}) {
    EXPECT_EQ(verdict(bytes_of(bytes)), RefusalCode::MalformedTransaction);
  }
}

// REQ: DEC-2
TEST(Transaction, EveryFlippedBitIsRefused) {
  for (const auto& body : {transfer_body(), submit_body(), progress_body()}) {
    const Bytes bytes = sign_transaction(body, key_of("ada"));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      Bytes flipped = bytes;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_NE(verdict(flipped), RefusalCode::None) << "bit " << bit << " of " << bytes.size() * 8;
    }
  }
}

TEST(Transaction, EveryTruncationAndEveryExtensionIsRefused) {
  const Bytes bytes = sign_transaction(submit_body(), key_of("ada"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(verdict({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}), RefusalCode::None) << size;
  }
  for (unsigned last = 0; last < 256; ++last) {
    Bytes longer = bytes;
    longer.push_back(static_cast<std::uint8_t>(last));
    EXPECT_NE(verdict(longer), RefusalCode::None) << last;
  }
}

TEST(Transaction, KeysAndSignaturesOfOthersDoNotServe) {
  const std::string body = transfer_body().SerializeAsString();
  const auto envelope = [&](const std::string& key, const std::string& signature) {
    return bytes_of(field(1, body) + field(2, key) + field(3, signature));
  };
  const SigningKey ada = key_of("ada");
  const SigningKey bob = key_of("bob");
  const std::string ada_key = to_text(ada.public_key().view());
  const auto sign = [&](const SigningKey& key, std::string_view domain) {
    return to_text(key.sign(domain, as_bytes(body)).view());
  };
  const std::string good = sign(ada, kTransactionDomain);
  EXPECT_EQ(verdict(envelope(ada_key, good)), RefusalCode::None);
  EXPECT_EQ(verdict(envelope(ada_key, sign(bob, kTransactionDomain))), RefusalCode::WrongSignature);
  EXPECT_EQ(verdict(envelope(to_text(bob.public_key().view()), good)), RefusalCode::WrongSignature);
  EXPECT_EQ(verdict(envelope(ada_key, sign(ada, "starminer/request/1"))), RefusalCode::WrongSignature);
  EXPECT_EQ(verdict(envelope(ada_key.substr(1), good)), RefusalCode::BadPublicKey);
  EXPECT_EQ(verdict(envelope(ada_key, good.substr(1))), RefusalCode::BadSignatureEncoding);
  EXPECT_EQ(verdict(envelope(ada_key, good + "x")), RefusalCode::BadSignatureEncoding);

  // Points of small order, and a y coordinate that is not reduced: any signature of theirs would be too easy.
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_EQ(verdict(envelope(to_text(*from_hex(hex)), good)), RefusalCode::BadPublicKey) << hex;
  }
  // The group order added to the scalar: the same equation, another text.
  constexpr std::uint8_t kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                       0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  std::string malleable = good;
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<std::uint8_t>(malleable[32 + i]) + unsigned{kOrder[i]};
    malleable[32 + i] = static_cast<char>(carry & 0xffU);
    carry >>= 8U;
  }
  EXPECT_EQ(verdict(envelope(ada_key, malleable)), RefusalCode::BadSignatureEncoding);
}

TEST(Transaction, SizeIsLimited) {
  v1::TransactionBody body = submit_body();
  const std::size_t rest = sign_transaction(body, key_of("ada")).size();
  // Near the limit a longer text may add more than one byte, since its length is written, too.
  body.mutable_job_submit()->set_client_id(std::string(kTransactionBytesMax - rest + 64, 'x'));
  Bytes bytes = sign_transaction(body, key_of("ada"));
  ASSERT_GT(bytes.size(), kTransactionBytesMax);
  EXPECT_EQ(verdict(bytes), RefusalCode::TransactionTooLarge);
  while (bytes.size() > kTransactionBytesMax) {
    body.mutable_job_submit()->mutable_client_id()->pop_back();
    bytes = sign_transaction(body, key_of("ada"));
  }
  ASSERT_GT(bytes.size(), kTransactionBytesMax - 8);
  EXPECT_EQ(verdict(bytes), RefusalCode::None) << "the size is the transport's; the field's own limit comes later";
  EXPECT_EQ(verdict(Bytes(1U << 22U, 0xff)), RefusalCode::TransactionTooLarge);
}

// Each row fails in everything that the rows below it fail in, too.
TEST(Transaction, RefusalsComeInTheStatedOrder) {
  const auto envelope = [](std::string body, std::string key, std::string signature) {
    return bytes_of(field(1, body) + field(2, key) + field(3, signature));
  };
  v1::TransactionBody no_operation = transfer_body();
  no_operation.clear_operation();
  v1::TransactionBody nothing_right = no_operation;
  nothing_right.set_chain_id("other-1");
  const std::string bad_key(32, '\0');
  const std::string good_key = to_text(key_of("ada").public_key().view());
  const std::string bad_scalar(64, '\xff');
  const std::string good_body = transfer_body().SerializeAsString();
  std::string other_signature = to_text(key_of("ada").sign("other", as_bytes(good_body)).view());
  const std::string nothing = nothing_right.SerializeAsString();
  EXPECT_EQ(verdict(envelope(nothing + std::string(kTransactionBytesMax, '\xff'), bad_key, bad_scalar)),
            RefusalCode::TransactionTooLarge);
  EXPECT_EQ(verdict(envelope(nothing + "\xff", bad_key, bad_scalar)), RefusalCode::MalformedTransaction);
  EXPECT_EQ(verdict(envelope(nothing, bad_key, bad_scalar)), RefusalCode::WrongChain);
  EXPECT_EQ(verdict(envelope(no_operation.SerializeAsString(), bad_key, bad_scalar)), RefusalCode::UnknownOperation);
  v1::TransactionBody reserved = no_operation;
  reserved.mutable_block_preamble()->set_vrf_output(std::string(32, 'x'));
  EXPECT_EQ(verdict(envelope(reserved.SerializeAsString(), bad_key, bad_scalar)), RefusalCode::ProposerOnly);
  EXPECT_EQ(verdict(envelope(good_body, bad_key, bad_scalar)), RefusalCode::BadPublicKey);
  EXPECT_EQ(verdict(envelope(good_body, good_key, bad_scalar)), RefusalCode::BadSignatureEncoding);
  EXPECT_EQ(verdict(envelope(good_body, good_key, other_signature)), RefusalCode::WrongSignature);
  EXPECT_EQ(verdict({}), RefusalCode::WrongChain) << "no bytes are an empty envelope for no chain";
}

}  // namespace
}  // namespace starminer::protocol
