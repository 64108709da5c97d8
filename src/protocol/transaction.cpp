#include "protocol/transaction.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {
namespace {

std::string serialize(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// True if `bytes` are the one canonical encoding of a message of this type. Unknown fields, explicit defaults and
// fields out of order all change the bytes on the way back.
bool parse_canonical(google::protobuf::Message& message, std::string_view bytes) {
  // The library prints a line for text that is no UTF-8; strangers must not be able to fill a log.
  const google::protobuf::LogSilencer silence;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(static_cast<int>(kMessageNestingMax));
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) return false;
  message.DiscardUnknownFields();
  return serialize(message) == bytes;
}

Refusal malformed(std::string detail) { return {RefusalCode::MalformedTransaction, std::move(detail)}; }

}  // namespace

Result<VerifiedTransaction, Refusal> verify_transaction(ByteView bytes, std::string_view chain_id) {
  if (bytes.size() > kTransactionBytesMax) {
    return fail(Refusal{RefusalCode::TransactionTooLarge,
                        fmt::format("{} bytes, at most {} allowed", bytes.size(), kTransactionBytesMax)});
  }
  v1::SignedTransaction envelope;
  if (!parse_canonical(envelope, as_text(bytes))) return fail(malformed("the envelope does not decode"));
  auto body = std::make_shared<v1::TransactionBody>();
  if (!parse_canonical(*body, envelope.body())) return fail(malformed("the body does not decode"));
  if (body->chain_id() != chain_id) {
    return fail(Refusal{RefusalCode::WrongChain, fmt::format("this chain is {}", chain_id)});
  }
  if (body->operation_case() == v1::TransactionBody::OPERATION_NOT_SET) {
    return fail(Refusal{RefusalCode::UnknownOperation, "the operation is missing"});
  }
  if (body->operation_case() == v1::TransactionBody::kBlockPreamble) {
    return fail(Refusal{RefusalCode::ProposerOnly, "BlockPreamble"});
  }
  const auto key = PublicKey::from_view(as_bytes(envelope.public_key()));
  if (!key) return fail(Refusal{RefusalCode::BadPublicKey, "a key has 32 bytes"});
  const auto signature = Signature::from_view(as_bytes(envelope.signature()));
  if (!signature) return fail(Refusal{RefusalCode::BadSignatureEncoding, "a signature has 64 bytes"});
  switch (verify(*key, kTransactionDomain, as_bytes(envelope.body()), *signature)) {
    case SignatureFault::None: break;
    case SignatureFault::BadKey: return fail(Refusal{RefusalCode::BadPublicKey, ""});
    case SignatureFault::BadEncoding: return fail(Refusal{RefusalCode::BadSignatureEncoding, ""});
    case SignatureFault::Mismatch: return fail(Refusal{RefusalCode::WrongSignature, ""});
  }
  VerifiedTransaction transaction;
  transaction.hash_ = sha256(bytes);
  transaction.account_ = account_of(*key);
  transaction.body_ = std::move(body);
  transaction.bytes_ = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
  return transaction;
}

Bytes sign_transaction(const v1::TransactionBody& body, const SigningKey& key) {
  v1::SignedTransaction envelope;
  envelope.set_body(serialize(body));
  envelope.set_public_key(key.public_key().bytes.data(), key.public_key().bytes.size());
  const Signature signature = key.sign(kTransactionDomain, as_bytes(envelope.body()));
  envelope.set_signature(signature.bytes.data(), signature.bytes.size());
  const std::string bytes = serialize(envelope);
  return {bytes.begin(), bytes.end()};
}

}  // namespace starminer::protocol
