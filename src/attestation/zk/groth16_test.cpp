#include "attestation/zk/groth16.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/x509/test_vectors.h"
#include "attestation/zk/test_curve.h"
#include "attestation/zk/words.h"

namespace starminer::attestation::zk {
namespace {

using evidence::StepId;
using evidence::Steps;

PreparedKey prepared(const KeyNumbers& numbers) { return PreparedKey(check_key(numbers).key.value()); }

std::string reason(const Steps& steps, StepId id) {
  const auto* const step = steps.find(id);
  return step == nullptr ? "not judged" : step->reason;
}

std::vector<Number> signals_of(std::initializer_list<std::uint64_t> values) {
  std::vector<Number> signals;
  for (const std::uint64_t value : values) signals.push_back({value, 0, 0, 0});
  return signals;
}

Number plus(const Number& a, const Number& b) { return (Big(a) + Big(b)).number(); }

/// Whether numbers satisfy the equation, whatever the key is worth.
bool solves(const KeyNumbers& key, const ProofNumbers& proof, const std::vector<Number>& signals) {
  G1Sum sum(*point_of(key.ic[0]));
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (const auto term = multiply(*point_of(key.ic[i + 1]), signals[i])) sum.add(*term);
  }
  const auto b = G2Lines::make(*point_of(proof.b));
  const auto beta = G2Lines::make(*point_of(key.beta));
  const auto gamma = G2Lines::make(*point_of(key.gamma));
  const auto delta = G2Lines::make(*point_of(key.delta));
  const std::vector<Pair> pairs = {{-*point_of(proof.a), &*b},
                                   {*point_of(key.alpha), &*beta},
                                   {*sum.affine(), &*gamma},
                                   {*point_of(proof.c), &*delta}};
  return pairing(pairs) == Fp12::one();
}

/// The sum of what a forger adds: multiples of alpha and of the sum of the signals.
G1Numbers combined(const Ceremony& ceremony, const std::vector<Number>& signals, int of_alpha, int of_sum) {
  Big sum = ceremony.ic[0];
  for (std::size_t i = 0; i < signals.size(); ++i) sum = sum + Big(signals[i]) * ceremony.ic[i + 1];
  const auto times = [](int factor, const Big& value) {
    return factor < 0 ? Big(0) - Big(static_cast<std::uint64_t>(-factor)) * value
                      : Big(static_cast<std::uint64_t>(factor)) * value;
  };
  return g1(times(of_alpha, ceremony.alpha) + times(of_sum, sum));
}

// REQ: VER-3
RC_GTEST_PROP(Groth16, ProofsOfTheirSignalsHoldAndNoOthers, ()) {
  static const Ceremony ceremony(3);
  static const KeyNumbers numbers = ceremony.key();
  static const PreparedKey key = prepared(numbers);
  const auto signal = rc::gen::map(any_scalar(), [](const Big& scalar) { return scalar.number(); });
  auto signals = *rc::gen::container<std::vector<Number>>(ceremony.ic.size() - 1, signal);
  const ProofNumbers proof = ceremony.prove(signals);
  RC_ASSERT(verify(key, proof, signals).accepted());
  RC_ASSERT(solves(numbers, proof, signals));
  const auto changed = *rc::gen::inRange<std::size_t>(0, signals.size());
  signals[changed] =
      ((Big(signals[changed]) + Big(*rc::gen::inRange<std::uint64_t>(1, 1U << 20))) % group_order()).number();
  RC_ASSERT(!verify(key, proof, signals).passed(StepId::ZkEquation));
}

// REQ: VER-3
TEST(Groth16, EverySignalIsThereOnceAndBelowR) {
  const Ceremony ceremony(2);
  const PreparedKey key = prepared(ceremony.key());
  const auto signals = signals_of({33, 0});
  const ProofNumbers proof = ceremony.prove(signals);
  EXPECT_TRUE(verify(key, proof, signals).accepted());
  EXPECT_EQ(reason(verify(key, proof, signals_of({33})), StepId::ZkSignals),
            "1 public signals are given, the key takes 2");
  EXPECT_EQ(reason(verify(key, proof, signals_of({33, 0, 0})), StepId::ZkSignals),
            "3 public signals are given, the key takes 2");
  for (const Number& alias : {kGroupOrder, kFieldPrime, plus(kGroupOrder, {1, 0, 0, 0})}) {
    const Steps steps = verify(key, proof, std::vector<Number>{signals[0], alias});
    EXPECT_EQ(reason(steps, StepId::ZkSignals), "public signal 1 is not below r");
    EXPECT_FALSE(steps.accepted());
    EXPECT_EQ(steps.find(StepId::ZkEquation), nullptr);
  }
}

TEST(Groth16, AKeyTakesUpToSixtyFourSignals) {
  const Ceremony ceremony(kSignalsMax);
  const PreparedKey key = prepared(ceremony.key());
  std::vector<Number> signals;
  for (std::size_t i = 0; i < kSignalsMax; ++i) signals.push_back({i, i, i, 0});
  EXPECT_TRUE(verify(key, ceremony.prove(signals), signals).accepted());
  EXPECT_NE(reason(check_key(Ceremony(kSignalsMax + 1).key()).steps, StepId::ZkKeyForm), "");
  EXPECT_NE(reason(check_key(Ceremony(0).key()).steps, StepId::ZkKeyForm), "");
}

TEST(Groth16, TheSumOfTheSignalsMayBeInfinity) {
  Ceremony ceremony(1);
  ceremony.ic[0] = (Big(0) - Big(5) * ceremony.ic[1]) % group_order();
  const PreparedKey key = prepared(ceremony.key());
  const auto signals = signals_of({5});
  EXPECT_TRUE(key.sum_of(signals).is_infinity());
  EXPECT_TRUE(verify(key, ceremony.prove(signals), signals).accepted());
  EXPECT_FALSE(verify(key, ceremony.prove(signals), signals_of({6})).accepted());
}

// Anybody can change a valid proof into another one, which is why nothing may be keyed by a proof's bytes.
TEST(Groth16, ProofsAreMalleable) {
  const Ceremony ceremony(1);
  const PreparedKey key = prepared(ceremony.key());
  const auto signals = signals_of({33});
  ProofNumbers proof = ceremony.prove(signals);
  proof.a = numbers_of(-*point_of(proof.a));
  EXPECT_FALSE(verify(key, proof, signals).accepted());
  proof.b = numbers_of(-*point_of(proof.b));
  EXPECT_TRUE(verify(key, proof, signals).accepted());
  proof.a = numbers_of(*plain_multiply(*point_of(proof.a), Big(7)));
  proof.b = numbers_of(*plain_multiply(*point_of(proof.b), Big(7).inverse(group_order())));
  EXPECT_TRUE(verify(key, proof, signals).accepted());
}

// REQ: VER-3
TEST(Groth16, PointsAreOnTheirCurvesReducedAndNotInfinity) {
  const Ceremony ceremony(1);
  const PreparedKey key = prepared(ceremony.key());
  const auto signals = signals_of({33});
  const ProofNumbers proof = ceremony.prove(signals);
  const auto points = [&](auto change) {
    ProofNumbers changed = proof;
    change(changed);
    return reason(verify(key, changed, signals), StepId::ZkPoints);
  };
  EXPECT_EQ(points([](ProofNumbers&) {}), "");
  EXPECT_EQ(points([](ProofNumbers& p) { p.a = {}; }), "A is the point at infinity");
  EXPECT_EQ(points([](ProofNumbers& p) { p.b = {}; }), "B is the point at infinity");
  EXPECT_EQ(points([](ProofNumbers& p) { p.c = {}; }), "C is the point at infinity");
  EXPECT_EQ(points([](ProofNumbers& p) { p.a.x = plus(p.a.x, kFieldPrime); }),
            "A has a coordinate that is not below p");
  EXPECT_EQ(points([](ProofNumbers& p) { p.b.y_imaginary = plus(p.b.y_imaginary, kFieldPrime); }),
            "B has a coordinate that is not below p");
  EXPECT_EQ(points([](ProofNumbers& p) { p.c.y = plus(p.c.y, {1, 0, 0, 0}); }), "C is not on its curve");
  EXPECT_EQ(points([](ProofNumbers& p) { std::swap(p.b.x_real, p.b.x_imaginary); }), "B is not on its curve");
}

TEST(Groth16, KeysAreOfPointsInTheirGroups) {
  const Ceremony ceremony(1);
  const auto step = [&](StepId id, auto change) {
    KeyNumbers key = ceremony.key();
    change(key);
    return reason(check_key(key).steps, id);
  };
  EXPECT_EQ(step(StepId::ZkKeyPoints, [](KeyNumbers& k) { k.alpha = {}; }), "alpha is the point at infinity");
  EXPECT_EQ(step(StepId::ZkKeyPoints, [](KeyNumbers& k) { k.ic[1] = {}; }), "IC[1] is the point at infinity");
  EXPECT_EQ(step(StepId::ZkKeyPoints, [](KeyNumbers& k) { k.gamma.x_real = kFieldPrime; }),
            "gamma has a coordinate that is not below p");
  EXPECT_EQ(step(StepId::ZkKeyPoints, [](KeyNumbers& k) { k.ic[0].y = k.ic[0].x; }), "IC[0] is not on its curve");
  // On the twist, outside of the subgroup: of bn256Pairing-derived, g2_not_in_subgroup.
  const Bytes outside = from_hex(
                            "0000000000000000000000000000000000000000000000000000000000000001"
                            "0000000000000000000000000000000000000000000000000000000000000002"
                            "2b76c179599bb92a963dac85546a005a777f7c13f6a7b75d5918b6b5808f5fde"
                            "101f7278419308b95099eca02dcee0c5381f4d26d1d62313f057167f064101ce")
                            .value();
  ByteView rest = outside;
  const G2Numbers point = take_g2(rest);
  EXPECT_EQ(step(StepId::ZkKeySubgroup, [&](KeyNumbers& k) { k.beta = point; }),
            "beta is not in the subgroup of order r");
  EXPECT_EQ(step(StepId::ZkKeySubgroup, [&](KeyNumbers& k) { k.gamma = point; }),
            "gamma is not in the subgroup of order r");
  EXPECT_EQ(step(StepId::ZkKeySubgroup, [&](KeyNumbers& k) { k.delta = point; }),
            "delta is not in the subgroup of order r");
  EXPECT_EQ(step(StepId::ZkKeySound, [](KeyNumbers&) {}), "");
}

/// A key with a relation between its points, and how a proof of any signals follows from the key alone.
struct Weakness {
  const char* name;
  void (*weaken)(Ceremony&);
  ProofNumbers (*forge)(const Ceremony&, const std::vector<Number>&);
};

Big minus(const Big& value) { return (Big(0) - value) % group_order(); }

const Weakness kWeaknesses[] = {
    {"gamma = delta", [](Ceremony& s) { s.delta = s.gamma; },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{g1(s.alpha), g2(s.beta), combined(s, x, 0, -1)};
     }},
    {"gamma = -delta", [](Ceremony& s) { s.delta = minus(s.gamma); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{g1(s.alpha), g2(s.beta), combined(s, x, 0, 1)};
     }},
    {"beta is delta", [](Ceremony& s) { s.delta = s.beta; },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 0, 1), g2(s.gamma), combined(s, x, -1, 0)};
     }},
    {"beta is delta", [](Ceremony& s) { s.delta = minus(s.beta); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 0, 1), g2(s.gamma), combined(s, x, 1, 0)};
     }},
    {"beta is gamma", [](Ceremony& s) { s.gamma = s.beta; },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 1, 1), g2(s.beta + s.delta), combined(s, x, 1, 1)};
     }},
    {"beta is gamma", [](Ceremony& s) { s.gamma = minus(s.beta); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 1, -1), g2(s.beta + s.delta), combined(s, x, 1, -1)};
     }},
    {"beta is the sum", [](Ceremony& s) { s.beta = (s.gamma + s.delta) % group_order(); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 1, 1), g2(s.gamma), combined(s, x, -1, 0)};
     }},
    {"beta is the sum", [](Ceremony& s) { s.beta = (s.gamma - s.delta) % group_order(); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, 1, 1), g2(s.gamma), combined(s, x, 1, 0)};
     }},
    {"beta is the sum", [](Ceremony& s) { s.beta = minus(s.gamma + s.delta); },
     [](const Ceremony& s, const std::vector<Number>& x) {
       return ProofNumbers{combined(s, x, -1, 1), g2(s.gamma), combined(s, x, 1, 0)};
     }},
};

// REQ: VER-3
TEST(Groth16, KeysByWhichAnybodyCanForgeAreRefused) {
  const auto signals = signals_of({41, 42});
  for (const Weakness& weakness : kWeaknesses) {
    Ceremony ceremony(2);
    weakness.weaken(ceremony);
    const ProofNumbers forged = weakness.forge(ceremony, signals);
    EXPECT_TRUE(solves(ceremony.key(), forged, signals)) << weakness.name;
    const KeyCheck check = check_key(ceremony.key());
    EXPECT_FALSE(check.key) << weakness.name;
    EXPECT_TRUE(reason(check.steps, StepId::ZkKeySound).starts_with(weakness.name))
        << weakness.name << ": " << reason(check.steps, StepId::ZkKeySound);
  }
}

TEST(Groth16, KeysWhoseSignalsCanBeExchangedAreRefused) {
  for (const bool opposite : {false, true}) {
    Ceremony ceremony(3);
    ceremony.ic[3] = opposite ? minus(ceremony.ic[1]) : ceremony.ic[1];
    EXPECT_EQ(reason(check_key(ceremony.key()).steps, StepId::ZkKeySound),
              "IC[1] is IC[3] up to its sign: a proof of some signals is one of others, too");
  }
}

TEST(Groth16, AKeyIsCalledByItsCanonicalBytes) {
  const KeyNumbers numbers = Ceremony(2).key();
  EXPECT_EQ(check_key(numbers).key->digest(), tagged_hash("SM/zk/key/1", encode_key(numbers)));
  KeyNumbers other = numbers;
  std::swap(other.ic[1], other.ic[2]);
  EXPECT_NE(check_key(other).key->digest(), check_key(numbers).key->digest());
}

TEST(Groth16, WeightsGrowWithTheSignals) {
  EXPECT_LT(verification_weight_us(1), verification_weight_us(2));
  EXPECT_LT(registration_weight_us(1), registration_weight_us(2));
}

// REQ: VER-3
TEST(Groth16, NoFlippedBitIsAccepted) {
  const bool every = std::getenv("STARMINER_EVERY_FLIP") != nullptr;
  const Ceremony ceremony(2);
  const auto signals = signals_of({33, 1'000'000'007});
  const PreparedKey key = prepared(ceremony.key());
  const Bytes proof = encode_proof(ceremony.prove(signals));
  ASSERT_TRUE(verify(key, *decode_proof(proof), signals).accepted());
  for_each_flip(proof, 0, every ? 1 : 7, [&](const Bytes& changed, std::size_t bit) {
    EXPECT_FALSE(verify(key, *decode_proof(changed), signals).accepted()) << bit;
  });
  Bytes words;
  for (const Number& signal : signals) append_word(signal, words);
  const ProofNumbers numbers = *decode_proof(proof);
  for_each_flip(words, 0, every ? 1 : 37, [&](const Bytes& changed, std::size_t bit) {
    EXPECT_FALSE(verify(key, numbers, *decode_signals(changed)).accepted()) << bit;
  });
  const Bytes key_bytes = encode_key(ceremony.key());
  for_each_flip(key_bytes, 0, every ? 1 : 101, [&](const Bytes& changed, std::size_t bit) {
    const auto other = decode_key(changed);
    EXPECT_FALSE(other && check_key(*other).key) << bit;
  });
}

}  // namespace
}  // namespace starminer::attestation::zk
