#include "client/evidence/proof.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "attestation/json/json.h"
#include "attestation/zk/snarkjs.h"
#include "attestation/zk/words.h"
#include "client/evidence/files.h"
#include "client/evidence/receipt.h"

namespace starminer::client::evidence {
namespace {

namespace zk = attestation::zk;
using attestation::evidence::StepId;
using attestation::evidence::Steps;
using nlohmann::json;

constexpr std::string_view kSystem = "groth16-bn254";

/// Words may begin as JSON does, but they do not go on in ASCII.
bool is_text(ByteView file) {
  const std::string_view text = as_text(file);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[') &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n'; });
}

/// A proof with the signals that came with it, or what is wrong with it.
Result<zk::StatedProof, std::string> read_proof(ByteView file) {
  if (is_text(file)) return zk::parse_proof(as_text(file));
  const Bytes bytes = words_of(file);
  const ByteView view = bytes;
  const auto proof = zk::decode_proof(view.first(std::min(view.size(), zk::kProofBytes)));
  auto signals = proof ? zk::decode_signals(view.subspan(zk::kProofBytes)) : std::nullopt;
  if (!signals) {
    return fail("a proof in words has 256 bytes, and its signals may follow, 32 bytes each and at most " +
                std::to_string(zk::kSignalsMax));
  }
  if (signals->empty()) signals.reset();
  return zk::StatedProof{*proof, std::move(signals)};
}

Result<zk::KeyNumbers, std::string> read_key(ByteView file) {
  if (is_text(file)) return zk::parse_key(as_text(file));
  const auto key = zk::decode_key(words_of(file));
  if (!key) {
    return fail("a key in words begins with " + std::string(zk::kKeyMagic) +
                " and has alpha, beta, gamma, delta and the points of the constant and of at most " +
                std::to_string(zk::kSignalsMax) + " signals");
  }
  return *key;
}

/// The system that the files say they are of, where it is another one than ours.
std::string other_system(const ProofFiles& files) {
  for (const Bytes* file : {&files.key, files.proof ? &*files.proof : nullptr}) {
    if (file == nullptr || !is_text(*file)) continue;
    const std::string system = zk::system_of(as_text(*file));
    if (!system.empty() && system != kSystem) return system;
  }
  return {};
}

/// A receipt comes to a proof of signals; what else the files state of it must be the same.
struct Opened {
  std::vector<zk::Number> signals;
  Bytes proof;
  std::string fault;
};

/// One proof on its way to a judgement.
class Judging {
 public:
  Judging(const ProofFiles& files, const ProofDemands& demands) : files_(&files), demands_(&demands) {}

  Judgement judge() {
    prepare_key();
    if (files_->receipt) {
      judge_receipt(*files_->receipt);
    } else {
      judge_bare();
    }
    judge_program();
    Judgement judgement = judgement_of(std::string(kSystem), std::move(steps_));
    judgement.fields = std::move(fields_);
    return judgement;
  }

 private:
  void prepare_key() {
    const auto numbers = read_key(files_->key);
    if (!numbers) {
      steps_.fail(StepId::ZkKeyForm, numbers.error());
      return;
    }
    const auto check = zk::check_key(*numbers);
    steps_.append(check.steps);
    if (!check.key) return;
    key_.emplace(*check.key);
    fields_["key"] = check.key->digest().hex();
  }

  struct Bare {
    std::optional<zk::ProofNumbers> proof;
    std::optional<std::vector<zk::Number>> signals;
  };

  /// Proof and signals as the files have them.
  Bare read_bare() {
    Bare bare;
    if (files_->proof) {
      auto proof = read_proof(*files_->proof);
      steps_.judge(StepId::ZkProofForm, proof ? std::string() : proof.error());
      if (proof) {
        bare.proof = proof->proof;
        bare.signals = std::move(proof->signals);
      }
    }
    if (!files_->signals) return bare;
    auto signals = zk::parse_signals(as_text(*files_->signals));
    if (!signals) {
      steps_.fail(StepId::ZkSignals, signals.error());
    } else if (bare.signals) {
      steps_.check(StepId::ZkStated, *bare.signals == *signals, "the proof comes with other signals than those given");
    } else {
      bare.signals = std::move(*signals);
    }
    return bare;
  }

  void judge_bare() {
    const Bare bare = read_bare();
    if (bare.signals) {
      show(*bare.signals);
    } else if (!files_->signals && bare.proof) {
      steps_.fail(StepId::ZkSignals, "no public signals are given: a JSON list of decimal strings");
    }
    if (!key_) {
      steps_.skip(StepId::ZkEquation, "the key is refused");
      return;
    }
    program_ = key_->key().digest();
    if (bare.proof && bare.signals) steps_.append(zk::verify(*key_, *bare.proof, *bare.signals));
  }

  void judge_receipt(const Bytes& text) {
    const auto file = parse_receipt(as_text(text));
    if (!file) {
      steps_.fail(StepId::ZkReceiptForm, file.error());
      return;
    }
    if (!key_) {
      steps_.skip(StepId::ZkEquation, "the key is refused");
      return;
    }
    Opened opened = std::visit([this](const auto& one) { return judge_receipt(one); }, *file);
    show(opened.signals);
    compare_stated(opened);
  }

  Opened judge_receipt(const Risc0File& file) {
    const auto& receipt = file.receipt;
    const Hash32 key_digest = zk::risc0_key_digest(key_->key().numbers());
    const Hash32 claim = zk::risc0_claim(receipt.image_id, receipt.journal);
    program_ = receipt.image_id;
    fields_.update(
        {{"image_id", receipt.image_id.hex()}, {"journal", to_hex(receipt.journal)}, {"claim", claim.hex()}});
    steps_.append(zk::verify(*key_, receipt, file.release));
    judge_release(name_of_release(file.release, key_digest));
    const auto& stated = file.stated;
    const bool same_selector = !stated.selector || as_text(receipt.seal).starts_with(as_text(*stated.selector));
    return {zk::risc0_signals(file.release, claim), receipt.seal,
            stated.claim.value_or(claim) != claim           ? "the receipt states another claim digest"
            : stated.key.value_or(key_digest) != key_digest ? "the receipt states another digest of the verifying key"
            : same_selector                                 ? ""
                                                            : "the receipt states another selector"};
  }

  Opened judge_receipt(const Sp1File& file) {
    const auto& receipt = file.receipt;
    const KnownSp1Release* known = find_sp1_release(key_->key().digest());
    zk::Sp1Release release;
    if (known != nullptr) {
      release = known->release;
    } else {
      // Nobody vouches for it; that it holds together is still worth saying.
      std::copy_n(receipt.proof.begin(), std::min(release.prefix.size(), receipt.proof.size()), release.prefix.begin());
      if (file.recursion_root) {
        release.form = zk::Sp1Form::WithRoot;
        release.recursion_root = *file.recursion_root;
      }
    }
    program_ = receipt.program_key;
    fields_.update({{"program_key", receipt.program_key.hex()}, {"public_values", to_hex(receipt.public_values)}});
    steps_.append(zk::verify(*key_, receipt, release));
    judge_release(known == nullptr ? std::string_view() : known->name);
    return {zk::sp1_signals(receipt, release.form), receipt.proof, ""};
  }

  void judge_release(std::string_view name) {
    if (!name.empty()) fields_["release"] = name;
    steps_.check(StepId::ZkRelease, !name.empty(), "no release of a zkVM with this key and these roots is known");
  }

  /// What the receipt, and files of proof and signals beside it, state twice.
  void compare_stated(const Opened& opened) {
    const Bare bare = read_bare();
    std::string fault = opened.fault;
    if (bare.signals && *bare.signals != opened.signals) fault = "the receipt comes to other signals than those given";
    if (bare.proof) {
      const Bytes words = zk::encode_proof(*bare.proof);
      if (!as_text(opened.proof).ends_with(as_text(words)))
        fault = "the receipt holds another proof than the one given";
    }
    steps_.judge(StepId::ZkStated, std::move(fault));
  }

  void judge_program() {
    if (!demands_->program) {
      steps_.skip(StepId::ZkProgram, "no program is expected");
    } else {
      steps_.check(StepId::ZkProgram, program_ == demands_->program, "the proof is of another program");
    }
  }

  void show(const std::vector<zk::Number>& signals) {
    json list = json::array();
    for (const zk::Number& signal : signals) list.push_back(zk::format_decimal(signal));
    fields_["signals"] = std::move(list);
  }

  const ProofFiles* files_;
  const ProofDemands* demands_;
  std::optional<zk::PreparedKey> key_;
  std::optional<Hash32> program_;
  Steps steps_;
  json fields_ = json::object();
};

ProofPart part_of_object(const attestation::json::Value& object) {
  if (object.find("seal") != nullptr || object.find("proof_bytes") != nullptr) return ProofPart::Receipt;
  if (object.find("protocol") == nullptr) return ProofPart::None;
  return object.find("nPublic") != nullptr ? ProofPart::Key : ProofPart::Proof;
}

}  // namespace

Bytes words_of(ByteView file) {
  std::string_view text = as_text(file);
  if (text.starts_with("0x")) return binary_of(file.subspan(2));
  return binary_of(file);
}

ProofPart proof_part_of(ByteView file) {
  if (!is_text(file)) {
    const Bytes words = words_of(file);
    return as_text(words).starts_with(zk::kKeyMagic) ? ProofPart::Key : ProofPart::None;
  }
  const auto document = attestation::json::parse(as_text(file));
  if (!document) return ProofPart::None;
  if (document->kind == attestation::json::Kind::Object) return part_of_object(*document);
  const bool texts = std::all_of(document->items.begin(), document->items.end(),
                                 [](const auto& item) { return item.kind == attestation::json::Kind::String; });
  return texts ? ProofPart::Signals : ProofPart::None;
}

Judgement judge_proof(const ProofFiles& files, const ProofDemands& demands) {
  if (std::string system = other_system(files); !system.empty()) return unsupported(std::move(system));
  return Judging(files, demands).judge();
}

}  // namespace starminer::client::evidence
