// Whole numbers of any size by OpenSSL, as a reference for tests: slow and obvious.
#pragma once

#include <memory>
#include <string>

#include <openssl/bn.h>

#include "attestation/zk/fp.h"
#include "base/check.h"

namespace starminer::attestation::zk {

class Big {
 public:
  Big() : Big(std::uint64_t{0}) {}
  Big(std::uint64_t value) : value_(BN_new(), BN_free) { STARMINER_CHECK(BN_set_word(value_.get(), value) == 1); }
  Big(const Number& number) : value_(BN_new(), BN_free) {
    Bytes bytes;
    append_word(number, bytes);
    STARMINER_CHECK(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), value_.get()) != nullptr);
  }

  friend Big operator+(const Big& a, const Big& b) {
    Big sum;
    STARMINER_CHECK(BN_add(sum.value_.get(), a.value_.get(), b.value_.get()) == 1);
    return sum;
  }
  friend Big operator-(const Big& a, const Big& b) {
    Big difference;
    STARMINER_CHECK(BN_sub(difference.value_.get(), a.value_.get(), b.value_.get()) == 1);
    return difference;
  }
  friend Big operator*(const Big& a, const Big& b) {
    Big product;
    STARMINER_CHECK(BN_mul(product.value_.get(), a.value_.get(), b.value_.get(), context()) == 1);
    return product;
  }
  friend Big operator/(const Big& a, const Big& b) {
    Big quotient;
    STARMINER_CHECK(BN_div(quotient.value_.get(), nullptr, a.value_.get(), b.value_.get(), context()) == 1);
    return quotient;
  }
  /// Never negative.
  friend Big operator%(const Big& a, const Big& modulus) {
    Big rest;
    STARMINER_CHECK(BN_nnmod(rest.value_.get(), a.value_.get(), modulus.value_.get(), context()) == 1);
    return rest;
  }
  friend bool operator==(const Big& a, const Big& b) { return BN_cmp(a.value_.get(), b.value_.get()) == 0; }

  [[nodiscard]] Big inverse(const Big& modulus) const {
    Big result;
    STARMINER_CHECK(BN_mod_inverse(result.value_.get(), value_.get(), modulus.value_.get(), context()) != nullptr);
    return result;
  }
  [[nodiscard]] std::size_t bits() const { return static_cast<std::size_t>(BN_num_bits(value_.get())); }
  [[nodiscard]] bool bit(std::size_t at) const { return BN_is_bit_set(value_.get(), static_cast<int>(at)) == 1; }
  /// Requires: below 2^256.
  [[nodiscard]] Number number() const {
    Bytes bytes(kWordBytes);
    STARMINER_CHECK(BN_bn2binpad(value_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0);
    return number_of_word(bytes);
  }

 private:
  static BN_CTX* context() {
    static const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> made(BN_CTX_new(), BN_CTX_free);
    return made.get();
  }

  std::shared_ptr<BIGNUM> value_;
};

inline const Big& field_prime() {
  static const Big p(kFieldPrime);
  return p;
}

inline const Big& group_order() {
  static const Big r(kGroupOrder);
  return r;
}

/// The element of a number's residue.
inline Fp element(const Big& number) { return *Fp::from((number % field_prime()).number()); }
inline Big big(const Fp& element) { return {element.number()}; }

}  // namespace starminer::attestation::zk
