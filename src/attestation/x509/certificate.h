// X.509 certificates of attestation (RFC 5280), read strictly: version 3, DER, one of three signature algorithms.
// Chains are checked by rules of our own, never by a library's path building: names equal in bytes, authority flags,
// path lengths, no critical extension that is not understood, every signature, and a root that is among the given ones
// byte by byte, as a root with the right name and another key exists. Time is judged apart. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/x509/der.h"
#include "attestation/x509/public_key.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::x509 {

enum class SignatureAlgorithm : std::uint8_t { EcdsaSha256, EcdsaSha384, RsaPssSha384 };

struct Extension {
  std::string oid;
  bool critical = false;
  ByteView value;
};

/// A certificate with the bytes that its views point into: moved, never copied.
class Certificate {
 public:
  /// Empty optional for anything but exactly one certificate of this profile.
  [[nodiscard]] static std::optional<Certificate> parse(Bytes der);

  Certificate(Certificate&&) noexcept = default;
  Certificate& operator=(Certificate&&) noexcept = default;
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() = default;

  [[nodiscard]] ByteView der() const { return der_; }
  /// Big-endian without leading zeros.
  [[nodiscard]] ByteView serial() const { return serial_; }
  /// Names as DER.
  [[nodiscard]] ByteView issuer() const { return issuer_; }
  [[nodiscard]] ByteView subject() const { return subject_; }
  [[nodiscard]] const Validity& validity() const { return validity_; }
  [[nodiscard]] const PublicKey& key() const { return key_; }
  [[nodiscard]] const std::vector<Extension>& extensions() const { return extensions_; }
  /// Null if it is not there; no certificate has one twice.
  [[nodiscard]] const Extension* find(std::string_view oid) const;
  /// The common name of the subject; empty if there is none, or more than one.
  [[nodiscard]] std::string common_name() const;

  /// The subject as RFC 4514 writes it: "CN=...,O=...,C=US", attributes without a short name by their OID.
  [[nodiscard]] std::string subject_text() const;

  /// Makes the key ready, for a certificate that checks several signatures.
  void prepare() { x509::prepare(key_); }
  /// Whether this key made the signature of `child`, by the algorithm that the child names.
  [[nodiscard]] bool has_signed(const Certificate& child) const;

 private:
  Certificate() = default;
  [[nodiscard]] bool read();
  [[nodiscard]] bool read_body(der::Reader body, ByteView algorithm);
  [[nodiscard]] bool read_extensions(der::Reader wrapped);

  Bytes der_;
  ByteView tbs_;
  ByteView serial_;
  ByteView issuer_;
  ByteView subject_;
  Validity validity_;
  PublicKey key_;
  std::vector<Extension> extensions_;
  SignatureAlgorithm algorithm_ = SignatureAlgorithm::EcdsaSha256;
  ByteView signature_;
};

/// Which algorithm the bytes of an AlgorithmIdentifier name.
[[nodiscard]] std::optional<SignatureAlgorithm> parse_algorithm(ByteView identifier);
[[nodiscard]] bool verify_signature(const PublicKey& key, SignatureAlgorithm algorithm, ByteView message,
                                    ByteView signature);

/// Whether the certificate may sign others (RFC 5280 sections 4.2.1.3 and 4.2.1.9) with `below` authorities under it.
/// Says why not; empty if it may.
[[nodiscard]] std::string authority_fault(const Certificate& certificate, std::size_t below);

/// Whether the certificate may sign lists of revoked certificates (RFC 5280 section 4.2.1.3, cRLSign).
[[nodiscard]] bool may_sign_lists(const Certificate& certificate);

/// The first thing that is wrong with a chain, leaf first, whose last certificate is self-signed; empty if nothing is.
/// Whether the root is trusted is another question: `is_anchor`. The signature of a root on itself is not checked where
/// it is one of the anchors, as these are trusted by their bytes.
[[nodiscard]] std::string chain_fault(std::span<const Certificate* const> chain, std::span<const Bytes> anchors = {});
[[nodiscard]] bool is_anchor(const Certificate& root, std::span<const Bytes> anchors);
/// Why one of the chain is not valid at the time; empty if all are.
[[nodiscard]] std::string chain_time_fault(std::span<const Certificate* const> chain, UnixTime time);

}  // namespace starminer::attestation::x509
