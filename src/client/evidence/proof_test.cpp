#include "client/evidence/proof.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "attestation/zk/snarkjs.h"
#include "attestation/zk/words.h"
#include "client/evidence/receipt.h"

namespace starminer::client::evidence {
namespace {

using attestation::evidence::Step;
using attestation::evidence::StepId;
using attestation::evidence::StepOutcome;
using attestation::evidence::Verdict;
using nlohmann::json;

Bytes vector_file(const std::string& name) {
  std::ifstream file(std::string(STARMINER_VECTORS) + "/zk/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

json receipt_json(const std::string& name) { return json::parse(as_text(vector_file(name))); }

ProofFiles multiplier() {
  const std::string folder = "groth16/multiplier2_bn254/";
  return {vector_file(folder + "verification_key.json"),
          vector_file(folder + "proof.json"),
          vector_file(folder + "public.json"),
          {}};
}

ProofFiles risc0(const json& receipt = receipt_json("risc0/v3.0.receipt.json")) {
  return {vector_file("risc0/verification_key.json"), {}, {}, bytes_of(receipt.dump())};
}

std::string reason(const Judgement& judgement, StepId id) {
  const Step* const step = judgement.steps.find(id);
  return step == nullptr ? "not judged" : step->reason;
}

// REQ: VER-3
TEST(Proof, FormsOfOneProofAreOne) {
  ProofFiles files = multiplier();
  const Judgement judgement = judge_proof(files, {});
  EXPECT_TRUE(judgement.accepted);
  EXPECT_EQ(judgement.fields["signals"], json::array({"33"}));
  const auto key = attestation::zk::parse_key(as_text(files.key));
  const auto proof = attestation::zk::parse_proof(as_text(*files.proof));
  files.key = attestation::zk::encode_key(*key);
  files.proof = attestation::zk::encode_proof(proof->proof);
  EXPECT_EQ(judge_proof(files, {}).fields, judgement.fields);
  EXPECT_TRUE(judge_proof(files, {}).accepted);
  files.key = bytes_of(to_hex(files.key) + "\n");
  attestation::zk::append_word({33, 0, 0, 0}, *files.proof);
  EXPECT_TRUE(judge_proof(files, {}).accepted) << "signals are behind the proof and beside it";
  files.signals.reset();
  files.proof = bytes_of("0x" + to_hex(*files.proof));
  EXPECT_EQ(judge_proof(files, {}).fields, judgement.fields);
  EXPECT_TRUE(judge_proof(files, {}).accepted);
  files.signals = bytes_of(R"(["34"])");
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkStated), "the proof comes with other signals than those given");
}

TEST(Proof, WhatIsOutOfFormSaysSo) {
  ProofFiles files = multiplier();
  files.signals.reset();
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkSignals),
            "no public signals are given: a JSON list of decimal strings");
  files = multiplier();
  files.proof->pop_back();
  files.proof->pop_back();
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkProofForm), "the proof is no JSON object");
  files.proof = Bytes(255);
  EXPECT_NE(reason(judge_proof(files, {}), StepId::ZkProofForm), "");
  files = multiplier();
  files.key = Bytes(100);
  EXPECT_NE(reason(judge_proof(files, {}), StepId::ZkKeyForm), "");
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkEquation), "the key is refused");
  EXPECT_EQ(judge_proof(files, {}).verdict, Verdict::Invalid);
  files = multiplier();
  files.signals = bytes_of("33");
  EXPECT_EQ(judge_proof(files, {}).verdict, Verdict::Invalid);
}

// 0x207b is " {".
TEST(Proof, WordsThatBeginAsJsonDoAreWords) {
  ProofFiles files = multiplier();
  files.proof = Bytes(256);
  (*files.proof)[0] = ' ';
  (*files.proof)[1] = '{';
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkProofForm), "");
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkPoints), "A is not on its curve");
}

TEST(Proof, OtherSystemsAreUnsupported) {
  for (const char* const folder :
       {"plonk/multiplier2_bn254/", "plonk/multiplier2_bls12_381/", "groth16/multiplier2_bls12_381/"}) {
    const std::string path = folder;
    const Judgement judgement = judge_proof({vector_file(path + "verification_key.json"),
                                             vector_file(path + "proof.json"),
                                             vector_file(path + "public.json"),
                                             {}},
                                            {});
    EXPECT_EQ(judgement.verdict, Verdict::Unsupported) << folder;
    EXPECT_FALSE(judgement.accepted);
  }
}

TEST(Proof, TheProgramIsTheDigestOfTheKey) {
  const ProofFiles files = multiplier();
  const auto digest = Hash32::from_hex(judge_proof(files, {}).fields["key"].get<std::string>());
  EXPECT_TRUE(judge_proof(files, {digest}).accepted);
  const Judgement other = judge_proof(files, {Hash32{}});
  EXPECT_EQ(other.verdict, Verdict::Valid);
  EXPECT_FALSE(other.accepted);
  EXPECT_EQ(reason(other, StepId::ZkProgram), "the proof is of another program");
}

// REQ: VER-3
TEST(Receipts, OfKnownReleasesAreAccepted) {
  for (const char* const name :
       {"risc0/v2.2.receipt.json", "risc0/v3.0.receipt.json", "risc0/v5.0.0-rc.1.receipt.json"}) {
    const Judgement judgement = judge_proof(risc0(receipt_json(name)), {});
    EXPECT_TRUE(judgement.accepted) << name << step_rows(judgement.steps).dump(1);
    EXPECT_EQ(judgement.fields["journal"], to_hex(as_bytes("just a simple receipt")));
  }
  const Judgement sp1 = judge_proof(
      {vector_file("sp1/v4.0.0-rc.3.verification_key.json"), {}, {}, vector_file("sp1/v4.0.0-rc.3.receipt.json")}, {});
  EXPECT_TRUE(sp1.accepted) << step_rows(sp1.steps).dump(1);
  EXPECT_EQ(sp1.fields["release"], "SP1 v4.0.0-rc.3");
}

// REQ: VER-3
TEST(Receipts, WhatIsChangedFails) {
  const auto failing = [](const char* member, const char* value, StepId id) {
    json receipt = receipt_json("risc0/v3.0.receipt.json");
    receipt[member] = value;
    const Judgement judgement = judge_proof(risc0(receipt), {});
    EXPECT_FALSE(judgement.accepted) << member;
    return reason(judgement, id);
  };
  const char* const other = "0x0000000000000000000000000000000000000000000000000000000000000001";
  EXPECT_NE(failing("image_id", other, StepId::ZkEquation), "");
  EXPECT_NE(failing("journal", "0x", StepId::ZkEquation), "");
  EXPECT_NE(failing("control_root", other, StepId::ZkSelector), "");
  EXPECT_NE(failing("control_root", other, StepId::ZkRelease), "");
  EXPECT_NE(failing("bn254_control_id", other, StepId::ZkRelease), "");
  EXPECT_EQ(failing("claim_digest", other, StepId::ZkStated), "the receipt states another claim digest");
  EXPECT_EQ(failing("verifying_key_digest", other, StepId::ZkStated),
            "the receipt states another digest of the verifying key");
  EXPECT_EQ(failing("selector", "0x00000000", StepId::ZkStated), "the receipt states another selector");
  EXPECT_NE(failing("seal", "0x", StepId::ZkReceiptForm), "");
}

TEST(Receipts, FilesBesideAReceiptMustBeWhatItComesTo) {
  ProofFiles files = risc0();
  files.proof = vector_file("risc0/v3.0.proof.json");
  files.signals = vector_file("risc0/v3.0.public.json");
  EXPECT_TRUE(judge_proof(files, {}).accepted);
  files.proof = vector_file("risc0/v2.2.proof.json");
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkStated), "the receipt holds another proof than the one given");
  files.proof.reset();
  files.signals = vector_file("risc0/v2.2.public.json");
  EXPECT_EQ(reason(judge_proof(files, {}), StepId::ZkStated), "the receipt comes to other signals than those given");
}

// A release that nobody vouches for may hold together and is not accepted.
TEST(Receipts, UnknownReleasesAreNotAccepted) {
  const Judgement judgement = judge_proof({vector_file("groth16/multiplier2_bn254/verification_key.json"),
                                           {},
                                           {},
                                           vector_file("sp1/v4.0.0-rc.3.receipt.json")},
                                          {});
  EXPECT_EQ(reason(judgement, StepId::ZkRelease), "no release of a zkVM with this key and these roots is known");
  EXPECT_FALSE(judgement.accepted);
}

TEST(Receipts, AreReadStrictly) {
  const json good = receipt_json("risc0/v3.0.receipt.json");
  ASSERT_TRUE(parse_receipt(good.dump()));
  for (const char* const member : {"seal", "journal", "image_id", "control_root", "bn254_control_id"}) {
    json changed = good;
    changed.erase(member);
    EXPECT_FALSE(parse_receipt(changed.dump())) << member;
    changed[member] = good[member].get<std::string>().substr(2);
    EXPECT_FALSE(parse_receipt(changed.dump())) << member << " without 0x";
    changed[member] = 1;
    EXPECT_FALSE(parse_receipt(changed.dump())) << member << " as a number";
  }
  json changed = good;
  changed["image_id"] = "0x11D264ED8DFDEE222B820F0278E4D7F55D4B69A5472253A471C102265A91EA1A";
  EXPECT_FALSE(parse_receipt(changed.dump())) << "capital letters";
  changed = good;
  changed["extra"] = "";
  EXPECT_EQ(parse_receipt(changed.dump()).error(), "the receipt has an unknown member \"extra\"");
  for (const char* const text : {"", "[]", "{}", "{\"seal\":\"0x\"}"}) EXPECT_FALSE(parse_receipt(text)) << text;
}

TEST(ProofParts, AreKnownByTheirMembers) {
  EXPECT_EQ(proof_part_of(multiplier().key), ProofPart::Key);
  EXPECT_EQ(proof_part_of(*multiplier().proof), ProofPart::Proof);
  EXPECT_EQ(proof_part_of(*multiplier().signals), ProofPart::Signals);
  EXPECT_EQ(proof_part_of(*risc0().receipt), ProofPart::Receipt);
  EXPECT_EQ(proof_part_of(bytes_of("SMZKKEY1")), ProofPart::Key);
  for (const char* const text : {"", "{", "{}", "[1]", "[{}]", "{\"tcbInfo\":{}}", "text"}) {
    EXPECT_EQ(proof_part_of(bytes_of(text)), ProofPart::None) << text;
  }
}

}  // namespace
}  // namespace starminer::client::evidence
