// What a contract pays to check evidence, against the one signature that every such check contains, made with keys and
// messages of the same curve by OpenSSL directly.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "attestation/dcap/policy.h"
#include "attestation/dcap/verify.h"
#include "attestation/json/json.h"
#include "attestation/nvidia/verify.h"
#include "attestation/sev_snp/verify.h"
#include "attestation/x509/pem.h"
#include "attestation/zk/risc0.h"
#include "attestation/zk/snarkjs.h"
#include "base/check.h"
#include "ratio.h"

namespace starminer::bench {
namespace {

constexpr std::int64_t kIterations = 60;

Bytes file_of(const std::string& name) {
  std::ifstream file(std::string(STARMINER_VECTORS) + "/" + name, std::ios::binary);
  STARMINER_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Bytes vector_file(const std::string& name) { return file_of("attestation/" + name); }

std::vector<Bytes> certificates(const std::string& name) {
  const Bytes text = vector_file(name);
  auto list = attestation::x509::certificates_of_pem(as_text(text));
  STARMINER_CHECK(list.has_value());
  return std::move(*list);
}

/// Milliseconds of each call, handed over as so many nanoseconds (see `Comparison::unit`).
Body timed(std::function<bool()> call) {
  return [call = std::move(call)](benchmark::State& state) {
    for (auto unused : state) {
      const double start = thread_seconds();
      const bool holds = call();
      state.SetIterationTime((thread_seconds() - start) * 1e-6);
      if (!holds) state.SkipWithError("genuine evidence is refused");
    }
  };
}

/// A signature check by OpenSSL alone, its key ready.
std::function<bool()> bare_signature(const char* curve, const EVP_MD* digest, std::size_t message_bytes) {
  const std::shared_ptr<EVP_PKEY> key(EVP_EC_gen(curve), EVP_PKEY_free);
  const auto message = std::make_shared<Bytes>(message_bytes, std::uint8_t{0x5a});
  const auto signature = std::make_shared<Bytes>(256);
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::size_t size = signature->size();
  STARMINER_CHECK(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get()) == 1);
  STARMINER_CHECK(EVP_DigestSign(context.get(), signature->data(), &size, message->data(), message->size()) == 1);
  signature->resize(size);
  return [=] {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> check(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(check.get(), nullptr, digest, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(check.get(), signature->data(), signature->size(), message->data(), message->size()) == 1;
  };
}

void compare_snp() {
  namespace snp = attestation::sev_snp;
  static const Bytes report = vector_file("sev-snp/milan_v3_azure.report.bin");
  static const Bytes endorsement = vector_file("sev-snp/milan_v3_azure.vcek.der");
  static const std::vector<Bytes> chain = certificates("roots/amd_milan_ask_ark.pem");
  static const std::vector<Bytes> anchors = {chain[1]};
  const auto verify = [] {
    const attestation::x509::UnixTime time{1'750'000'000};
    return snp::verify(report, {endorsement, chain, anchors}, time).steps.accepted();
  };
  compare({"verify_snp_over_signature",
           "one EVP_DigestVerify on P-384 with SHA-384",
           "a real report with VCEK, ASK and ARK, from bytes to verdict",
           {timed(verify), 1, kIterations},
           {timed(bare_signature("P-384", EVP_sha384(), snp::kSignedBytes)), 1, kIterations},
           true,
           "verify_snp_ms",
           "ms"});
}

void compare_tdx() {
  namespace dcap = attestation::dcap;
  static const Bytes quote = vector_file("tdx/v4_spr_google.quote.bin");
  static const dcap::Collateral collateral = [] {
    dcap::Collateral made;
    const Bytes tcb_info = vector_file("tdx/tcbinfo_50806f000000_2023-06.json");
    const Bytes qe_identity = vector_file("tdx/qeidentity_2023-06.json");
    made.tcb_info = dcap::parse_service_form(as_text(tcb_info), "tcbInfo").value();
    made.qe_identity = dcap::parse_service_form(as_text(qe_identity), "enclaveIdentity").value();
    made.tcb_signer = made.qe_signer = certificates("roots/intel_tcb_signing_chain.pem");
    made.pck_crl = vector_file("tdx/pck_platform_crl_2023-06.der");
    made.root_crl = vector_file("tdx/root_crl_2023-04.der");
    return made;
  }();
  static const std::vector<Bytes> anchors = {vector_file("roots/intel_sgx_root_ca.der")};
  const auto verify = [] {
    const auto time = attestation::x509::parse_time("2023-07-01T00:00:00Z");
    const auto verification = dcap::verify({quote, {}, anchors}, collateral, *time);
    return verification.steps.cryptography() == attestation::evidence::Verdict::Valid && verification.platform;
  };
  constexpr std::size_t kSignedBytes = 632;
  compare({"verify_tdx_over_signature",
           "one EVP_DigestVerify on P-256 with SHA-256",
           "a real quote with chain, TCB info, QE identity and both revocation lists, from bytes to verdict and status",
           {timed(verify), 1, kIterations},
           {timed(bare_signature("P-256", EVP_sha256(), kSignedBytes)), 1, kIterations},
           true,
           "verify_tdx_ms",
           "ms"});
}

void compare_gpu() {
  namespace nvidia = attestation::nvidia;
  static const Bytes report = vector_file("nvidia/hopper_590.report.bin");
  static const nvidia::ChainCheck chain = nvidia::check_chain(
      certificates("nvidia/hopper_590.chain.pem"), certificates("roots/nvidia_device_identity_ca.pem"), std::nullopt);
  static const nvidia::Nonce nonce = [] {
    nvidia::Nonce made{};
    const Bytes bytes = from_hex("e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576").value();
    std::copy(bytes.begin(), bytes.end(), made.begin());
    return made;
  }();
  const auto verify = [] { return nvidia::check_report(report, *chain.chain, nonce).steps.accepted(); };
  constexpr std::size_t kSignedBytes = 4178;
  compare({"verify_gpu_cached_over_signature",
           "one EVP_DigestVerify on P-384 with SHA-384",
           "a real report of a Hopper device whose chain is checked already, from bytes to verdict",
           {timed(verify), 1, kIterations},
           {timed(bare_signature("P-384", EVP_sha384(), kSignedBytes)), 1, kIterations},
           true,
           "verify_gpu_cached_ms",
           "ms"});
}

/// The bytes behind a member of a receipt.
Bytes bytes_of(const attestation::json::Value& receipt, const char* name) {
  return from_hex(std::string_view(receipt.text_of(name).value()).substr(2)).value();
}

void compare_groth16() {
  namespace zk = attestation::zk;
  static const Bytes key_file = file_of("zk/risc0/verification_key.json");
  static const Bytes receipt_file = file_of("zk/risc0/v3.0.receipt.json");
  static const zk::PreparedKey key(zk::check_key(zk::parse_key(as_text(key_file)).value()).key.value());
  static const auto document = attestation::json::parse(as_text(receipt_file));
  static const zk::Risc0Receipt receipt = {bytes_of(*document, "seal"), bytes_of(*document, "journal"),
                                           Hash32::from_view(bytes_of(*document, "image_id")).value()};
  static const zk::Risc0Release release = {Hash32::from_view(bytes_of(*document, "control_root")).value(),
                                           Hash32::from_view(bytes_of(*document, "bn254_control_id")).value()};
  const auto verify = [] { return zk::verify(key, receipt, release).accepted(); };
  constexpr std::size_t kSealBytes = 260;
  compare({"verify_groth16_over_signature",
           "one EVP_DigestVerify on P-256 with SHA-256",
           "a real receipt of RISC Zero with five public signals under a prepared key, from bytes to verdict",
           {timed(verify), 1, kIterations},
           {timed(bare_signature("P-256", EVP_sha256(), kSealBytes)), 1, kIterations},
           true,
           "verify_groth16_ms",
           "ms"});
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) {
  using namespace starminer::bench;  // NOLINT(google-build-using-namespace): the program's own names
  compare_snp();
  compare_tdx();
  compare_gpu();
  compare_groth16();
  return run_comparisons(argc, argv);
}
