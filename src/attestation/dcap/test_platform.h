// A platform of our own making, with its vendor: quotes of forms of which no real one is at hand, and collateral that
// says what a test needs.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <openssl/x509v3.h>

#include "attestation/dcap/policy.h"
#include "attestation/dcap/verify.h"
#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::attestation::dcap {

inline constexpr x509::UnixTime kTestTime{1'750'000'000};  // 2025-06-15T15:06:40Z

struct TestQuoteForm {
  std::uint16_t version = 4;
  bool tdx = true;
  /// Of version 5: a domain of TDX 1.5.
  bool tdx15 = false;
  /// Another than the PCK certificate with its chain, and how many bytes it has.
  std::uint16_t certification_type = kPckCertificateChain;
  std::size_t certification_bytes = 0;
  /// What is done to the report of the quoting enclave and to the body before they are signed.
  void (*change_qe)(Bytes&) = nullptr;
  void (*change_body)(Bytes&) = nullptr;
};

class TestPlatform {
 public:
  TestPlatform() {
    const auto make = [](x509::TestCertificate wanted, const char* serial) {
      wanted.serial = serial;
      return x509::make_test_certificate(wanted);
    };
    pck_ = make({"Intel SGX PCK Certificate",
                 kAuthority,
                 pck_key_,
                 authority_key_,
                 false,
                 {{"1.2.840.113741.1.13.1", pck_extension()}}},
                kPckSerial);
    authority_ = make({kAuthority, kRoot, authority_key_, root_key_, true}, kAuthoritySerial);
    root_ = make({kRoot, kRoot, root_key_, root_key_, true}, "09");
    signer_ = make({"Intel SGX TCB Signing", kRoot, signer_key_, root_key_, false}, kSignerSerial);
    x509::TestCertificate renewed{kAuthority, kRoot, authority_key_, root_key_, true};
    renewed.not_after = "20250615000000Z";  // before the time of the tests
    renewed_authority_ = make(renewed, kRenewedSerial);
    anchors_ = {root_};
  }

  [[nodiscard]] const std::vector<Bytes>& anchors() const { return anchors_; }
  [[nodiscard]] std::vector<Bytes> pck_chain() const { return {pck_, authority_, root_}; }

  /// An honest quote that carries its chain.
  [[nodiscard]] Bytes quote(const TestQuoteForm& form) const {
    Bytes bytes(48);
    bytes[0] = static_cast<std::uint8_t>(form.version);
    bytes[2] = 2;
    bytes[4] = form.tdx ? 0x81 : 0;
    const Bytes vendor = from_hex("939a7233f79c4ca9940a0db3957f0607").value();
    std::copy(vendor.begin(), vendor.end(), bytes.begin() + 12);
    const std::size_t size = !form.tdx ? 384 : form.tdx15 ? 648 : 584;
    if (form.version == 5) {
      append(bytes, !form.tdx ? 1 : form.tdx15 ? 3 : 2, 2);
      append(bytes, size, 4);
    }
    Bytes body(size);
    if (form.tdx) {
      body[0] = 5;           // svn of the module
      body[1] = 1;           // its version
      body[120 + 3] = 0x10;  // SEPT_VE_DISABLE
      body[136] = 0xaa;      // MRTD
      body[520] = 0x77;      // report data
    } else {
      body[64] = 0xaa;  // MRENCLAVE
      body[320] = 0x77;
    }
    if (form.change_body != nullptr) form.change_body(body);
    bytes.insert(bytes.end(), body.begin(), body.end());
    const Bytes data = signature_data(form, bytes);
    append(bytes, data.size(), 4);
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
  }

  struct Words {
    bool tdx = true;
    std::string tcb_status = "UpToDate";
    std::string module_status = "UpToDate";
    std::string qe_status = "UpToDate";
    std::string fmspc = "00606A000000";
    /// Serial numbers on the lists of the PCK authority and of the root.
    std::vector<std::string> pck_revoked{};
    std::vector<std::string> root_revoked{};
  };

  static constexpr const char* kPckSerial = "07";
  static constexpr const char* kAuthoritySerial = "08";
  static constexpr const char* kSignerSerial = "0a";
  static constexpr const char* kRenewedSerial = "0b";

  /// Collateral that says so, issued on 2025-06-01 for 30 days.
  [[nodiscard]] Collateral collateral(const Words& words) const {
    Collateral collateral;
    collateral.tcb_info = sign(tcb_info(words));
    collateral.qe_identity = sign(qe_identity(words));
    collateral.tcb_signer = collateral.qe_signer = {signer_, root_};
    collateral.pck_crl = x509::make_test_list({kAuthority, authority_key_, words.pck_revoked});
    collateral.root_crl = x509::make_test_list({kRoot, root_key_, words.root_revoked});
    return collateral;
  }
  [[nodiscard]] Collateral collateral() const { return collateral(Words{}); }

  [[nodiscard]] SignedText sign(const std::string& text) const {
    return {text, x509::sign_raw(signer_key_, as_bytes(text), 32)};
  }
  /// The PCK authority again, under another certificate, which has run out.
  [[nodiscard]] std::vector<Bytes> renewed_authority() const { return {renewed_authority_, root_}; }
  /// A list of revoked certificates by the other authority of PCKs, and that.
  [[nodiscard]] std::pair<Bytes, std::vector<Bytes>> list_of_another_authority() const {
    constexpr const char* kOther = "Intel SGX PCK Processor CA";
    const Bytes other = x509::make_test_certificate({kOther, kRoot, signer_key_, root_key_, true});
    return {x509::make_test_list({kOther, signer_key_}), {other, root_}};
  }
  /// Signed by a key that has a certificate of the same root but another purpose.
  [[nodiscard]] SignedText sign_by_pck(const std::string& text) const {
    return {text, x509::sign_raw(pck_key_, as_bytes(text), 32)};
  }

 private:
  static constexpr const char* kAuthority = "Intel SGX PCK Platform CA";
  static constexpr const char* kRoot = "Intel SGX Root CA";

  static void append(Bytes& bytes, std::size_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  }

  static Bytes wrap(std::uint8_t tag, const Bytes& content) {
    Bytes bytes = {tag};
    if (content.size() >= 0x80) bytes.push_back(content.size() > 0xff ? 0x82 : 0x81);
    if (content.size() > 0xff) bytes.push_back(static_cast<std::uint8_t>(content.size() >> 8));
    bytes.push_back(static_cast<std::uint8_t>(content.size()));
    bytes.insert(bytes.end(), content.begin(), content.end());
    return bytes;
  }

  static Bytes row(const Bytes& below, const Bytes& value) {
    Bytes oid = from_hex("2a864886f84d010d01").value();
    oid.insert(oid.end(), below.begin(), below.end());
    Bytes pair = wrap(0x06, oid);
    pair.insert(pair.end(), value.begin(), value.end());
    return wrap(0x30, pair);
  }

  static Bytes pck_extension() {
    Bytes tcb;
    for (std::uint8_t i = 1; i <= 17; ++i) {
      const Bytes one = row({2, i}, wrap(0x02, {5}));
      tcb.insert(tcb.end(), one.begin(), one.end());
    }
    Bytes all = row({1}, wrap(0x04, Bytes(16, 0x99)));
    for (const Bytes& part : {row({2}, wrap(0x30, tcb)), row({3}, wrap(0x04, {0, 0})),
                              row({4}, wrap(0x04, {0x00, 0x60, 0x6a, 0x00, 0x00, 0x00}))}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return wrap(0x30, all);
  }

  [[nodiscard]] Bytes signature_data(const TestQuoteForm& form, const Bytes& signed_part) const {
    Bytes data = x509::sign_raw(attestation_key_, signed_part, 32);
    const Bytes point = point_of(attestation_key_);
    data.insert(data.end(), point.begin(), point.end());
    Bytes qe(384);
    qe[128] = 0xee;  // MRSIGNER
    qe[256] = form.tdx ? 2 : 1;
    qe[258] = 6;
    Bytes bound = point;
    const Bytes auth(32, 0x11);
    bound.insert(bound.end(), auth.begin(), auth.end());
    const Hash32 hash = sha256(bound);
    std::copy(hash.bytes.begin(), hash.bytes.end(), qe.begin() + 320);
    if (form.change_qe != nullptr) form.change_qe(qe);
    Bytes certified = qe;
    const Bytes signature = x509::sign_raw(pck_key_, qe, 32);
    certified.insert(certified.end(), signature.begin(), signature.end());
    append(certified, auth.size(), 2);
    certified.insert(certified.end(), auth.begin(), auth.end());
    std::string pem;
    for (const Bytes& der : pck_chain()) pem += x509::pem_of_certificate(der);
    if (form.certification_type != kPckCertificateChain) pem.assign(form.certification_bytes, 'p');
    append(certified, form.certification_type, 2);
    append(certified, pem.size(), 4);
    certified.insert(certified.end(), pem.begin(), pem.end());
    if (form.version >= 4) {
      append(data, 6, 2);
      append(data, certified.size(), 4);
    }
    data.insert(data.end(), certified.begin(), certified.end());
    return data;
  }

  static Bytes point_of(const x509::TestKey& key) {
    Bytes point(65);
    std::size_t size = 0;
    STARMINER_CHECK(EVP_PKEY_get_octet_string_param(key.get(), "pub", point.data(), point.size(), &size) == 1);
    point.erase(point.begin());
    return point;
  }

  static std::string components(const std::string& value) {
    std::string list = "[";
    for (int i = 0; i < 16; ++i) list += std::string(i == 0 ? "" : ",") + "{\"svn\":" + value + "}";
    return list + "]";
  }

  static std::string tcb_info(const Words& words) {
    const std::string zeros(96, '0');
    const std::string module =
        "\"mrsigner\":\"" + zeros + "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"";
    const std::string tdx =
        !words.tdx
            ? ""
            : "\"tdxModule\":{" + module + "},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," + module +
                  ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"" +
                  words.module_status + "\"}]}],";
    return "{\"id\":\"" + std::string(words.tdx ? "TDX" : "SGX") +
           "\",\"version\":3,\"issueDate\":\"2025-06-01T00:00:00Z\",\"nextUpdate\":\"2025-07-01T00:00:00Z\",\"fmspc\":"
           "\"" +
           words.fmspc + "\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17," + tdx +
           "\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomponents\":" + components("5") + ",\"pcesvn\":5" +
           (words.tdx ? ",\"tdxtcbcomponents\":" + components("0") : "") +
           "},\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"" + words.tcb_status +
           "\",\"advisoryIDs\":[\"INTEL-SA-00001\"]}]}";
  }

  static std::string qe_identity(const Words& words) {
    return "{\"id\":\"" + std::string(words.tdx ? "TD_QE" : "QE") +
           "\",\"version\":2,\"issueDate\":\"2025-06-01T00:00:00Z\",\"nextUpdate\":\"2025-07-01T00:00:00Z\","
           "\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\",\"attributes\":"
           "\"" +
           std::string(32, '0') + "\",\"attributesMask\":\"" + std::string(32, 'F') + "\",\"mrsigner\":\"EE" +
           std::string(62, '0') + "\",\"isvprodid\":" + (words.tdx ? "2" : "1") +
           ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":6},\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"" +
           words.qe_status + "\"}]}";
  }

  x509::TestKey root_key_ = x509::make_test_key(x509::KeyType::EcP256);
  x509::TestKey authority_key_ = x509::make_test_key(x509::KeyType::EcP256);
  x509::TestKey pck_key_ = x509::make_test_key(x509::KeyType::EcP256);
  x509::TestKey signer_key_ = x509::make_test_key(x509::KeyType::EcP256);
  x509::TestKey attestation_key_ = x509::make_test_key(x509::KeyType::EcP256);
  Bytes pck_;
  Bytes authority_;
  Bytes renewed_authority_;
  Bytes root_;
  Bytes signer_;
  std::vector<Bytes> anchors_;
};

}  // namespace starminer::attestation::dcap
