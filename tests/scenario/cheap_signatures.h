// Campaigns of millions of transactions without the cost of curves: programs that link these substitutes have
// signatures and proofs of randomness by hash alone, once `use_cheap_signatures` was called; before, the real ones. A
// changed byte is still refused; a forger would have no work. Substituted at link time, in tests only. One thread calls
// it, before all others start.
#pragma once

namespace starminer::scenario {

void use_cheap_signatures();

}  // namespace starminer::scenario
