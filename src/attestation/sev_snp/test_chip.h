// A chip of our own making, with its vendor: reports of versions and products of which no real one is public.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "attestation/sev_snp/endorsement.h"
#include "attestation/sev_snp/report.h"
#include "attestation/sev_snp/tcb.h"
#include "attestation/x509/test_authority.h"
#include "base/bytes.h"

namespace starminer::attestation::sev_snp {

inline constexpr x509::UnixTime kTestTime{1'750'000'000};

/// Which parts of a certificate differ from those of an honest one.
struct TestChipOptions {
  bool vlek = false;
  /// Of the certificate, if another than the product's own.
  std::string product_name;
  bool without_hwid = false;
};

class TestChip {
 public:
  TestChip(Product product, Tcb tcb, const TestChipOptions& options = {}) : product_(product), tcb_(tcb) {
    const std::string name(name_of(product));
    // Large keys take long to make; all chips of a test share those of the vendor.
    static const x509::TestKey root = x509::make_test_key(x509::KeyType::Rsa);
    static const x509::TestKey authority = x509::make_test_key(x509::KeyType::Rsa);
    key_ = x509::make_test_key(x509::KeyType::EcP384);
    chain_ = {x509::make_test_certificate({"SEV-" + name, "ARK-" + name, authority, root, true}),
              x509::make_test_certificate({"ARK-" + name, "ARK-" + name, root, root, true})};
    const auto number = [](std::uint8_t value) {
      return value < 0x80 ? Bytes{0x02, 0x01, value} : Bytes{0x02, 0x02, 0x00, value};
    };
    const std::string product_name = options.product_name.empty() ? name : options.product_name;
    Bytes text = {0x16, static_cast<std::uint8_t>(product_name.size())};
    text.insert(text.end(), product_name.begin(), product_name.end());
    const std::string base = "1.3.6.1.4.1.3704.1.";
    x509::TestCertificate leaf{options.vlek ? "SEV-VLEK" : "SEV-VCEK", "SEV-" + name, key_, authority, false};
    leaf.extensions = {{base + "2", text},
                       {base + "3.1", number(tcb.bootloader)},
                       {base + "3.2", number(tcb.tee)},
                       {base + "3.3", number(tcb.snp)},
                       {base + "3.8", number(tcb.microcode)}};
    if (product == Product::Turin) leaf.extensions.push_back({base + "3.9", number(tcb.fmc)});
    hwid_.assign(product == Product::Turin ? 8 : 64, 0xc1);
    if (options.vlek) {
      leaf.extensions.push_back({base + "5", {0x16, 0x03, 'c', 's', 'p'}});
    } else if (!options.without_hwid) {
      leaf.extensions.push_back({base + "4", hwid_});
    }
    endorsement_ = x509::make_test_certificate(leaf);
    anchors_ = {chain_[1]};
    vlek_ = options.vlek;
  }

  [[nodiscard]] EndorsementInput input() const { return {endorsement_, chain_, anchors_}; }
  [[nodiscard]] const std::vector<Bytes>& chain() const { return chain_; }
  [[nodiscard]] const Bytes& hwid() const { return hwid_; }

  /// An honest report of this version, not signed yet.
  [[nodiscard]] Bytes report(std::uint8_t version) const {
    Bytes bytes(kReportBytes);
    bytes[0x000] = version;
    bytes[0x00a] = 0x02;  // bit 17 of the policy
    bytes[0x034] = 1;
    bytes[0x040] = 0x20;  // alias check complete
    bytes[0x048] = vlek_ ? 0x04 : 0x00;
    for (const std::size_t at : {0x038U, 0x180U, 0x1e0U, 0x1f0U}) put_tcb(bytes, at);
    if (version >= 3) {
      bytes[0x188] = product_ == Product::Turin ? 0x1a : 0x19;
      bytes[0x189] = product_ == Product::Genoa ? 0x11 : 0x01;
    }
    if (version >= 5) bytes[0x1f8] = bytes[0x200] = 0x01;
    if (!vlek_) std::copy(hwid_.begin(), hwid_.end(), bytes.begin() + 0x1a0);
    return bytes;
  }

  [[nodiscard]] Bytes sign(Bytes report) const {
    const Bytes raw = x509::sign_raw(key_, ByteView(report).first(kSignedBytes), 48);
    std::reverse_copy(raw.begin(), raw.begin() + 48, report.begin() + kSignedBytes);
    std::reverse_copy(raw.begin() + 48, raw.end(), report.begin() + kSignedBytes + 72);
    return report;
  }

 private:
  void put_tcb(Bytes& bytes, std::size_t at) const {
    const bool turin = product_ == Product::Turin;
    if (turin) bytes[at] = tcb_.fmc;
    bytes[at + (turin ? 1 : 0)] = tcb_.bootloader;
    bytes[at + (turin ? 2 : 1)] = tcb_.tee;
    bytes[at + (turin ? 3 : 6)] = tcb_.snp;
    bytes[at + 7] = tcb_.microcode;
  }

  Product product_;
  Tcb tcb_;
  bool vlek_ = false;
  x509::TestKey key_;
  Bytes endorsement_;
  std::vector<Bytes> chain_;
  std::vector<Bytes> anchors_;
  Bytes hwid_;
};

}  // namespace starminer::attestation::sev_snp
