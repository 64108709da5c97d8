#include "attestation/zk/snarkjs.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "attestation/json/json.h"

namespace starminer::attestation::zk {
namespace {

using json::Kind;
using json::Value;

constexpr std::string_view kSystem = "groth16-bn254";

std::string curve_name(std::string_view curve) {
  if (curve == "bn128" || curve == "bn254") return "bn254";
  if (curve == "bls12381" || curve == "bls12-381") return "bls12-381";
  return std::string(curve);
}

std::string system_of(const Value& value) {
  const auto protocol = value.text_of("protocol");
  const auto curve = value.text_of("curve");
  return protocol && curve ? *protocol + "-" + curve_name(*curve) : std::string();
}

/// An object of the system whose members are all among those known.
Result<Value, std::string> parse_object(std::string_view text, const char* what,
                                        std::initializer_list<std::string_view> known) {
  auto value = json::parse(text);
  if (!value || value->kind != Kind::Object) return fail(std::string(what) + " is no JSON object");
  for (const json::Member& member : value->members) {
    if (std::find(known.begin(), known.end(), member.name) == known.end()) {
      return fail(std::string(what) + " has an unknown member \"" + member.name + "\"");
    }
  }
  if (const std::string system = system_of(*value); system != kSystem) {
    return fail(std::string(what) + " does not say that it is of protocol groth16 on curve bn128");
  }
  return std::move(*value);
}

std::optional<Number> number_of(const Value& value) {
  // An escape is another spelling of a digit.
  if (value.kind != Kind::String || value.raw.size() != value.string.size() + 2) return std::nullopt;
  return parse_decimal(value.string);
}

bool is_number(const Value& value, std::uint64_t wanted) { return number_of(value) == Number{wanted, 0, 0, 0}; }

std::optional<G1Numbers> g1_of(const Value& value) {
  if (value.kind != Kind::Array || value.items.size() != 3 || !is_number(value.items[2], 1)) return std::nullopt;
  const auto x = number_of(value.items[0]);
  const auto y = number_of(value.items[1]);
  return x && y ? std::optional(G1Numbers{*x, *y}) : std::nullopt;
}

struct NumberPair {
  Number first;
  Number second;
};

std::optional<NumberPair> pair_of(const Value& value) {
  if (value.kind != Kind::Array || value.items.size() != 2) return std::nullopt;
  const auto first = number_of(value.items[0]);
  const auto second = number_of(value.items[1]);
  return first && second ? std::optional(NumberPair{*first, *second}) : std::nullopt;
}

std::optional<G2Numbers> g2_of(const Value& value) {
  if (value.kind != Kind::Array || value.items.size() != 3) return std::nullopt;
  const auto x = pair_of(value.items[0]);
  const auto y = pair_of(value.items[1]);
  const auto z = pair_of(value.items[2]);
  if (!x || !y || !z || z->first != Number{1, 0, 0, 0} || z->second != Number{}) return std::nullopt;
  return G2Numbers{x->first, x->second, y->first, y->second};
}

/// Reads a member into `point` and says what is wrong with it.
template <class Numbers, class Read>
std::string read_point(const Value& object, std::string_view name, Read read, Numbers& point) {
  const Value* value = object.find(name);
  const auto numbers = value == nullptr ? std::nullopt : read(*value);
  if (!numbers) {
    return "\"" + std::string(name) +
           "\" is no point: numbers are decimal strings without leading zeros, and the last coordinate is 1";
  }
  point = *numbers;
  return {};
}

Result<std::vector<Number>, std::string> signals_of(const Value& list) {
  if (list.kind != Kind::Array) return fail(std::string("public signals are a list of decimal strings"));
  if (list.items.size() > kSignalsMax) {
    return fail(std::to_string(list.items.size()) + " public signals are given; " + std::to_string(kSignalsMax) +
                " are allowed");
  }
  std::vector<Number> signals;
  for (const Value& item : list.items) {
    const auto number = number_of(item);
    if (!number) {
      return fail("public signal " + std::to_string(signals.size()) + " is no decimal string without leading zeros");
    }
    signals.push_back(*number);
  }
  return signals;
}

std::string read_ic(const Value& object, std::vector<G1Numbers>& ic) {
  const Value* list = object.find("IC", Kind::Array);
  const auto count = object.number_of("nPublic");
  if (list == nullptr || !count || list->items.size() > kSignalsMax + 1 || *count + 1 != list->items.size()) {
    return "\"IC\" is no list of nPublic + 1 points, at most " + std::to_string(kSignalsMax + 1);
  }
  for (const Value& item : list->items) {
    const auto point = g1_of(item);
    if (!point) return "\"IC\" holds something that is no point";
    ic.push_back(*point);
  }
  return {};
}

}  // namespace

std::string system_of(std::string_view text) {
  const auto value = json::parse(text);
  return value ? system_of(*value) : std::string();
}

Result<KeyNumbers, std::string> parse_key(std::string_view text) {
  const auto object = parse_object(
      text, "the verifying key",
      {"protocol", "curve", "nPublic", "vk_alpha_1", "vk_beta_2", "vk_gamma_2", "vk_delta_2", "vk_alphabeta_12", "IC"});
  if (!object) return fail(object.error());
  KeyNumbers key;
  std::string fault = read_point(*object, "vk_alpha_1", g1_of, key.alpha);
  if (fault.empty()) fault = read_point(*object, "vk_beta_2", g2_of, key.beta);
  if (fault.empty()) fault = read_point(*object, "vk_gamma_2", g2_of, key.gamma);
  if (fault.empty()) fault = read_point(*object, "vk_delta_2", g2_of, key.delta);
  if (fault.empty()) fault = read_ic(*object, key.ic);
  if (!fault.empty()) return fail(std::move(fault));
  return key;
}

Result<StatedProof, std::string> parse_proof(std::string_view text) {
  const auto object = parse_object(text, "the proof", {"protocol", "curve", "pi_a", "pi_b", "pi_c", "publicSignals"});
  if (!object) return fail(object.error());
  StatedProof stated;
  std::string fault = read_point(*object, "pi_a", g1_of, stated.proof.a);
  if (fault.empty()) fault = read_point(*object, "pi_b", g2_of, stated.proof.b);
  if (fault.empty()) fault = read_point(*object, "pi_c", g1_of, stated.proof.c);
  if (!fault.empty()) return fail(std::move(fault));
  if (const Value* list = object->find("publicSignals")) {
    auto signals = signals_of(*list);
    if (!signals) return fail(signals.error());
    stated.signals = std::move(*signals);
  }
  return stated;
}

Result<std::vector<Number>, std::string> parse_signals(std::string_view text) {
  const auto value = json::parse(text);
  if (!value) return fail(std::string("public signals are a list of decimal strings"));
  return signals_of(*value);
}

}  // namespace starminer::attestation::zk
