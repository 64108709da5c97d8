// Draws for property tests at full size: RapidCheck starts with sizes so small that a market stays empty.
#pragma once

#include <rapidcheck.h>

namespace starminer::protocol::market_test {

template <class T>
[[nodiscard]] T draw(const rc::Gen<T>& gen) {
  return *rc::gen::resize(rc::kNominalSize, gen);
}

}  // namespace starminer::protocol::market_test
