#include "attestation/zk/fp.h"

namespace starminer::attestation::zk {

Fp Fp::inverse() const {
  Number exponent = kFieldPrime;
  exponent[0] -= 2;
  Fp power = one();
  for (std::size_t bit = 254; bit-- > 0;) {
    power = power.squared();
    if (bit_of(exponent, bit)) power = power * *this;
  }
  return power;
}

}  // namespace starminer::attestation::zk
