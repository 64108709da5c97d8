#include "attestation/zk/groth16.h"

#include <array>
#include <string>
#include <utility>

#include "attestation/zk/words.h"
#include "base/check.h"

namespace starminer::attestation::zk {
namespace {

using evidence::StepId;
using evidence::Steps;

/// Why the numbers are no point, or nothing to say.
template <class Numbers>
std::string fault_of(const Numbers& numbers, const std::string& name) {
  if (numbers == Numbers{}) return name + " is the point at infinity";
  const auto coordinate_fault = [&](const Number& number) {
    return is_below(number, kFieldPrime) ? std::string() : name + " has a coordinate that is not below p";
  };
  if constexpr (std::is_same_v<Numbers, G1Numbers>) {
    for (const Number* number : {&numbers.x, &numbers.y}) {
      if (auto fault = coordinate_fault(*number); !fault.empty()) return fault;
    }
  } else {
    for (const Number* number : {&numbers.x_real, &numbers.x_imaginary, &numbers.y_real, &numbers.y_imaginary}) {
      if (auto fault = coordinate_fault(*number); !fault.empty()) return fault;
    }
  }
  return point_of(numbers) ? std::string() : name + " is not on its curve";
}

std::string form_fault(const KeyNumbers& numbers) {
  if (numbers.ic.size() < 2) return "the key has no public signal, so nothing can bind a proof to a job";
  if (numbers.ic.size() > kSignalsMax + 1) {
    return "the key has " + std::to_string(numbers.ic.size() - 1) + " public signals; " + std::to_string(kSignalsMax) +
           " are allowed";
  }
  return {};
}

std::string points_fault(const KeyNumbers& numbers) {
  std::string fault = fault_of(numbers.alpha, "alpha");
  if (fault.empty()) fault = fault_of(numbers.beta, "beta");
  if (fault.empty()) fault = fault_of(numbers.gamma, "gamma");
  if (fault.empty()) fault = fault_of(numbers.delta, "delta");
  for (std::size_t i = 0; i < numbers.ic.size() && fault.empty(); ++i) {
    fault = fault_of(numbers.ic[i], "IC[" + std::to_string(i) + "]");
  }
  return fault;
}

/// The x coordinate of a + b. Requires: they differ in x.
Fp2 x_of_sum(const G2& a, const G2& b) {
  const Fp2 slope = (b.y - a.y) * (b.x - a.x).inverse();
  return slope.squared() - a.x - b.x;
}

/// Relations between beta, gamma and delta that let anybody solve the equation: where one is the sum of multiples of
/// the others that a forger knows, A, B and C follow from alpha and the signals alone. The signs do not matter, and a
/// point is the same up to its sign where x is.
std::string relation_fault(const G2& beta, const G2& gamma, const G2& delta) {
  if (gamma == delta) return "gamma = delta: anybody can forge a proof of any signals";
  if (gamma.x == delta.x) return "gamma = -delta: anybody can forge a proof of any signals";
  if (beta.x == gamma.x) return "beta is gamma up to its sign: anybody can forge a proof of any signals";
  if (beta.x == delta.x) return "beta is delta up to its sign: anybody can forge a proof of any signals";
  if (beta.x == x_of_sum(gamma, delta) || beta.x == x_of_sum(gamma, -delta)) {
    return "beta is the sum of gamma and delta up to their signs: anybody can forge a proof of any signals";
  }
  return {};
}

/// Signals whose points are the same up to the sign can be exchanged for each other in a proof.
std::string signals_fault(const std::vector<G1>& ic) {
  for (std::size_t i = 0; i < ic.size(); ++i) {
    for (std::size_t k = i + 1; k < ic.size(); ++k) {
      if (ic[i].x == ic[k].x) {
        return "IC[" + std::to_string(i) + "] is IC[" + std::to_string(k) +
               "] up to its sign: a proof of some signals is one of others, too";
      }
    }
  }
  return {};
}

std::string subgroup_fault(const G2& beta, const G2& gamma, const G2& delta) {
  if (!G2Lines::make(beta)) return "beta is not in the subgroup of order r";
  if (!G2Lines::make(gamma)) return "gamma is not in the subgroup of order r";
  if (!G2Lines::make(delta)) return "delta is not in the subgroup of order r";
  return {};
}

std::string signals_fault(std::span<const Number> signals, std::size_t expected) {
  if (signals.size() != expected) {
    return std::to_string(signals.size()) + " public signals are given, the key takes " + std::to_string(expected);
  }
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (!is_below(signals[i], kGroupOrder)) return "public signal " + std::to_string(i) + " is not below r";
  }
  return {};
}

std::string points_fault(const ProofNumbers& proof) {
  std::string fault = fault_of(proof.a, "A");
  if (fault.empty()) fault = fault_of(proof.b, "B");
  if (fault.empty()) fault = fault_of(proof.c, "C");
  return fault;
}

}  // namespace

std::optional<G1> point_of(const G1Numbers& numbers) {
  const auto x = Fp::from(numbers.x);
  const auto y = Fp::from(numbers.y);
  if (!x || !y) return std::nullopt;
  const G1 point{*x, *y};
  return point.is_on_curve() ? std::optional(point) : std::nullopt;
}

std::optional<G2> point_of(const G2Numbers& numbers) {
  const auto x0 = Fp::from(numbers.x_real);
  const auto x1 = Fp::from(numbers.x_imaginary);
  const auto y0 = Fp::from(numbers.y_real);
  const auto y1 = Fp::from(numbers.y_imaginary);
  if (!x0 || !x1 || !y0 || !y1) return std::nullopt;
  const G2 point{{*x0, *x1}, {*y0, *y1}};
  return point.is_on_twist() ? std::optional(point) : std::nullopt;
}

KeyCheck check_key(const KeyNumbers& numbers) {
  KeyCheck check;
  Steps& steps = check.steps;
  steps.judge(StepId::ZkKeyForm, form_fault(numbers));
  steps.judge(StepId::ZkKeyPoints, points_fault(numbers));
  if (!steps.passed(StepId::ZkKeyForm) || !steps.passed(StepId::ZkKeyPoints)) return check;
  VerifyingKey key(numbers);
  key.alpha_ = *point_of(numbers.alpha);
  key.beta_ = *point_of(numbers.beta);
  key.gamma_ = *point_of(numbers.gamma);
  key.delta_ = *point_of(numbers.delta);
  for (const G1Numbers& point : numbers.ic) key.ic_.push_back(*point_of(point));
  steps.judge(StepId::ZkKeySubgroup, subgroup_fault(key.beta_, key.gamma_, key.delta_));
  std::string fault = relation_fault(key.beta_, key.gamma_, key.delta_);
  steps.judge(StepId::ZkKeySound, fault.empty() ? signals_fault(key.ic_) : std::move(fault));
  if (steps.accepted()) check.key = std::move(key);
  return check;
}

Hash32 VerifyingKey::digest() const { return tagged_hash("SM/zk/key/1", encode_key(numbers_)); }

PreparedKey::PreparedKey(const VerifyingKey& key)
    : key_(key), minus_gamma_(*G2Lines::make(-key.gamma_)), minus_delta_(*G2Lines::make(-key.delta_)) {
  combs_.reserve(key.signal_count());
  for (std::size_t i = 1; i < key.ic_.size(); ++i) combs_.emplace_back(key.ic_[i]);
  const auto beta = G2Lines::make(key.beta_);
  const Pair pair{key.alpha_, &*beta};
  target_ = pairing({&pair, 1});
}

G1Sum PreparedKey::sum_of(std::span<const Number> signals) const {
  STARMINER_CHECK(signals.size() == combs_.size());
  G1Sum sum;
  for (std::size_t column = G1Comb::kColumns; column-- > 0;) {
    sum.double_up();
    for (std::size_t i = 0; i < signals.size(); ++i) combs_[i].add_column(signals[i], column, sum);
  }
  sum.add(key_.ic_[0]);
  return sum;
}

bool PreparedKey::equation_holds(const G1& a, const G2Lines& b, const G1& c, const G1Sum& signals) const {
  std::vector<Pair> pairs = {{a, &b}, {c, &minus_delta_}};
  // Where the sum is infinity its pairing is 1.
  if (const auto sum = signals.affine()) pairs.push_back({*sum, &minus_gamma_});
  return pairing(pairs) == target_;
}

Steps verify(const PreparedKey& key, const ProofNumbers& proof, std::span<const Number> signals) {
  Steps steps;
  steps.judge(StepId::ZkSignals, signals_fault(signals, key.key().signal_count()));
  steps.judge(StepId::ZkPoints, points_fault(proof));
  if (!steps.passed(StepId::ZkPoints)) return steps;
  const auto b = G2Lines::make(*point_of(proof.b));
  steps.check(StepId::ZkSubgroup, b.has_value(), "B is not in the subgroup of order r");
  if (!b || !steps.passed(StepId::ZkSignals)) return steps;
  steps.check(StepId::ZkEquation, key.equation_holds(*point_of(proof.a), *b, *point_of(proof.c), key.sum_of(signals)),
              "the pairings do not match: no proof of these signals under this key");
  return steps;
}

}  // namespace starminer::attestation::zk
