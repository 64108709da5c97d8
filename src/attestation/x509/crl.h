// Lists of revoked certificates (RFC 5280 section 5), version 2, read as strictly as certificates are.
#pragma once

#include <optional>
#include <vector>

#include "attestation/x509/certificate.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::x509 {

/// A list with the bytes that its views point into: moved, never copied.
class RevocationList {
 public:
  [[nodiscard]] static std::optional<RevocationList> parse(Bytes der);

  RevocationList(RevocationList&&) noexcept = default;
  RevocationList& operator=(RevocationList&&) noexcept = default;
  RevocationList(const RevocationList&) = delete;
  RevocationList& operator=(const RevocationList&) = delete;
  ~RevocationList() = default;

  /// As DER.
  [[nodiscard]] ByteView issuer() const { return issuer_; }
  /// From this update to the next, which it must name.
  [[nodiscard]] const Validity& validity() const { return validity_; }
  [[nodiscard]] bool revokes(const Certificate& certificate) const;
  /// By a key that may sign lists.
  [[nodiscard]] bool is_signed_by(const Certificate& authority) const;

 private:
  RevocationList() = default;
  [[nodiscard]] bool read();
  [[nodiscard]] bool read_revoked(der::Reader list);
  [[nodiscard]] bool has_only_known_extensions(der::Reader list) const;

  Bytes der_;
  ByteView tbs_;
  ByteView issuer_;
  Validity validity_;
  /// Big-endian without leading zeros.
  std::vector<ByteView> serials_;
  SignatureAlgorithm algorithm_ = SignatureAlgorithm::EcdsaSha256;
  ByteView signature_;
};

}  // namespace starminer::attestation::x509
