// From two artifacts and a comparator to reason and findings; what a container decides is in compare.cpp.
#include <algorithm>

#include "base/arithmetic.h"
#include "base/check.h"
#include "verification/comparison/compare.h"
#include "verification/comparison/kernels.h"
#include "verification/comparison/npy.h"
#include "verification/comparison/png.h"
#include "verification/comparison/pnm.h"
#include "verification/comparison/tokens.h"
#include "verification/comparison/toploc.h"

namespace starminer::verification {
namespace {

using std::string;

template <class T>
using Read = Result<T, string>;

bool is_tensor(const Form& form) {
  return std::holds_alternative<NpyForm>(form) || std::holds_alternative<PnmForm>(form) ||
         std::holds_alternative<PngForm>(form) || std::holds_alternative<RawForm>(form);
}

Read<Tensor> read_tensor(const Side& side) {
  if (std::holds_alternative<NpyForm>(side.form)) return parse_npy(side.file);
  if (std::holds_alternative<PnmForm>(side.form)) return parse_pnm(side.file);
  if (std::holds_alternative<PngForm>(side.form)) return parse_png(side.file);
  const RawForm& raw = std::get<RawForm>(side.form);
  return parse_raw(side.file, raw.element, raw.shape);
}

Read<TokenList> read_tokens(const Side& side) {
  if (std::holds_alternative<TokensForm>(side.form)) return parse_tokens(side.file);
  const auto tensor = read_tensor(side);
  if (!tensor) return fail(tensor.error());
  return tokens_of(*tensor);
}

Read<Activations> read_activations(const Side& side) {
  const ActivationsForm& form = std::get<ActivationsForm>(side.form);
  return parse_activations(side.file, form.tokens, form.width, form.prefill);
}

/// Both artifacts, or the judgement that one of them is not of its form. Who cannot read its own has no say.
template <class Own, class Other, class ReadClaimed, class ReadRecomputed, class Compare>
Judgement with_both(const Sides& sides, ReadClaimed read_claimed, ReadRecomputed read_recomputed, Compare compare) {
  const Read<Own> recomputed = read_recomputed(sides.recomputed);
  if (!recomputed) return {Reason::RecomputedMalformed, {}, recomputed.error()};
  const Read<Other> claimed = read_claimed(sides.claimed);
  if (!claimed) return {Reason::ClaimedMalformed, {}, claimed.error()};
  return compare(*claimed, *recomputed);
}

Judgement agreement(Findings findings) {
  findings.first.reset();
  return {findings.differing == 0 ? Reason::Identical : Reason::WithinTolerance, findings, {}};
}

Judgement exact_bytes(ByteView claimed, ByteView recomputed) {
  const std::size_t common = std::min(claimed.size(), recomputed.size());
  Findings findings = compare_bytes(claimed.first(common), recomputed.first(common));
  if (claimed.size() == recomputed.size()) {
    return findings.differing == 0 ? agreement(findings) : Judgement{Reason::BytesDiffer, findings, {}};
  }
  findings.beyond += std::max(claimed.size(), recomputed.size()) - common;
  if (!findings.first) findings.first = Difference{0, common, 0, 0};
  return {Reason::LengthDiffers, findings,
          std::to_string(claimed.size()) + " bytes against " + std::to_string(recomputed.size())};
}

/// What stands before any look at elements.
std::optional<Judgement> unlike(const Tensor& claimed, const Tensor& recomputed) {
  if (claimed.element != recomputed.element) {
    return Judgement{Reason::TypeDiffers,
                     {},
                     string(element_name(claimed.element)) + " against " + string(element_name(recomputed.element))};
  }
  if (claimed.shape != recomputed.shape) {
    return Judgement{Reason::ShapeDiffers, {}, shape_text(claimed.shape) + " against " + shape_text(recomputed.shape)};
  }
  if (claimed.display != recomputed.display) return Judgement{Reason::DisplayDiffers, {}, {}};
  return std::nullopt;
}

Judgement exact_elements(const Tensor& claimed, const Tensor& recomputed) {
  const Findings findings = compare_bits(claimed, recomputed);
  return findings.differing == 0 ? agreement(findings) : Judgement{Reason::ElementDiffers, findings, {}};
}

Judgement within_ulp(const Ulp& ulp, const Tensor& claimed, const Tensor& recomputed) {
  const UlpFindings found = compare_ulp(claimed, recomputed, ulp.distance_max);
  if (!found.findings.first) return agreement(found.findings);
  return {found.first_is_nan ? Reason::NanDiffers : Reason::DistanceExceeded, found.findings, {}};
}

Judgement within_error(const MseMax& mse, const Tensor& claimed, const Tensor& recomputed) {
  const Findings findings = compare_squares(claimed, recomputed);
  if (u128{findings.squared_error} <= u128{mse.mean_max} * findings.compared) return agreement(findings);
  return {Reason::ErrorExceeded, findings, {}};
}

Judgement same_tokens(const TokenList& claimed, const TokenList& recomputed) {
  Findings findings;
  bool ends = false;
  const auto differs = [&](const Difference& where, std::uint64_t count, bool at_end) {
    findings.differing += count;
    if (findings.first) return;
    findings.first = where;
    ends = at_end;
  };
  const std::size_t common = std::min(claimed.size(), recomputed.size());
  for (std::size_t s = 0; s < common; ++s) {
    const auto a = claimed.sequence(s);
    const auto b = recomputed.sequence(s);
    const std::size_t length = std::min(a.size(), b.size());
    findings.compared += std::max(a.size(), b.size());
    for (std::size_t i = 0; i < length; ++i) {
      if (a[i] != b[i]) differs({s, i, a[i], b[i]}, 1, false);
    }
    if (a.size() != b.size()) differs({s, length, 0, 0}, std::max(a.size(), b.size()) - length, true);
  }
  if (claimed.size() != recomputed.size()) differs({common, 0, 0, 0}, 0, true);
  findings.beyond = findings.differing;
  if (!findings.first) return agreement(findings);
  return {ends ? Reason::LengthDiffers : Reason::TokenDiffers, findings, {}};
}

/// What a chunk breaks first, if anything.
std::optional<Reason> broken_bound(const Toploc& bounds, const ToplocStatistics& found) {
  if (found.exponent_mismatches > bounds.exponents_max) return Reason::ExponentsExceeded;
  if (100 * found.mantissa_sum > bounds.mean_hundredths * found.mantissas) return Reason::MeanExceeded;
  if (50 * found.mantissa_median_twice > bounds.median_hundredths) return Reason::MedianExceeded;
  return std::nullopt;
}

Judgement within_toploc(const Toploc& bounds, const std::vector<ToplocProof>& proofs, const Activations& activations) {
  Judgement judgement;
  if (proofs.size() != activations.chunks()) {
    const string detail =
        std::to_string(proofs.size()) + " proofs of " + std::to_string(activations.chunks()) + " chunks";
    return {Reason::LengthDiffers, {}, detail};
  }
  Findings& findings = judgement.findings;
  for (std::uint64_t chunk = 0; chunk < proofs.size(); ++chunk) {
    const ToplocStatistics found = toploc_statistics(proofs[chunk], activations.chunk(chunk));
    findings.compared += kToplocPoints;
    findings.differing += found.exponent_mismatches;
    findings.largest = std::max<std::uint64_t>(findings.largest, found.exponent_mismatches);
    if (found.mantissas != 0) {
      findings.mean = std::max(findings.mean, (100 * found.mantissa_sum + found.mantissas - 1) / found.mantissas);
      findings.median = std::max(findings.median, 50 * found.mantissa_median_twice);
    }
    const auto broken = broken_bound(bounds, found);
    if (!broken) continue;
    ++findings.beyond;
    if (findings.first) continue;
    findings.first = Difference{chunk, 0, 0, 0};
    judgement.reason = *broken;
  }
  if (findings.first) return judgement;
  const bool same = findings.differing == 0 && findings.mean == 0;
  judgement.reason = same ? Reason::Identical : Reason::WithinTolerance;
  return judgement;
}

Judgement unfit(const Comparator& comparator, const string& why) {
  return {Reason::ComparatorUnfit, {}, comparator_text(comparator) + " " + why};
}

/// Comparators of tensors.
template <class Compare>
Judgement of_tensors(const Comparator& comparator, const Sides& sides, Compare compare) {
  if (!is_tensor(sides.claimed.form) || !is_tensor(sides.recomputed.form))
    return unfit(comparator, "compares arrays and pictures: npy, png, pnm or raw");
  return with_both<Tensor, Tensor>(sides, read_tensor, read_tensor, [&](const Tensor& claimed, const Tensor& own) {
    const auto before = unlike(claimed, own);
    return before ? *before : compare(claimed, own);
  });
}

struct Judge {
  const Comparator& comparator;
  const Sides& sides;

  template <class T>
  [[nodiscard]] bool both() const {
    return std::holds_alternative<T>(sides.claimed.form) && std::holds_alternative<T>(sides.recomputed.form);
  }

  Judgement operator()(const Exact&) const {
    if (both<BytesForm>()) return exact_bytes(sides.claimed.file, sides.recomputed.file);
    if (both<TokensForm>()) return (*this)(TokenWise{});
    if (!is_tensor(sides.claimed.form) || !is_tensor(sides.recomputed.form))
      return unfit(comparator, "compares two artifacts of one kind");
    return of_tensors(comparator, sides, exact_elements);
  }
  Judgement operator()(const Ulp& ulp) const {
    return of_tensors(comparator, sides, [&](const Tensor& claimed, const Tensor& recomputed) {
      return within_ulp(ulp, claimed, recomputed);
    });
  }
  Judgement operator()(const MseMax& mse) const {
    return of_tensors(comparator, sides, [&](const Tensor& claimed, const Tensor& recomputed) {
      if (is_floating(recomputed.element) || element_bytes(recomputed.element) > 2)
        return unfit(comparator, "compares integers of at most 16 bits; take ulp for others");
      return within_error(mse, claimed, recomputed);
    });
  }
  Judgement operator()(const TokenWise&) const {
    const auto fits = [](const Form& form) { return is_tensor(form) || std::holds_alternative<TokensForm>(form); };
    if (!fits(sides.claimed.form) || !fits(sides.recomputed.form))
      return unfit(comparator, "compares lists of tokens and integer arrays");
    return with_both<TokenList, TokenList>(sides, read_tokens, read_tokens, same_tokens);
  }
  Judgement operator()(const Toploc& toploc) const {
    if (!std::holds_alternative<ProofsForm>(sides.claimed.form) ||
        !std::holds_alternative<ActivationsForm>(sides.recomputed.form)) {
      return unfit(comparator, "compares proofs with activations");
    }
    const auto read_proofs = [](const Side& side) { return parse_toploc_proofs(side.file); };
    return with_both<Activations, std::vector<ToplocProof>>(
        sides, read_proofs, read_activations,
        [&](const auto& claimed, const Activations& own) { return within_toploc(toploc, claimed, own); });
  }
  Judgement operator()(const Container&) const {
    assertion_failed("a container is judged by its report", __FILE__, __LINE__);
  }
};

/// Differences that other hardware or software of an honest run may explain.
bool may_be_numeric(Reason reason) {
  switch (reason) {
    case Reason::BytesDiffer:
    case Reason::ElementDiffers:
    case Reason::TokenDiffers:
    case Reason::LengthDiffers:
    case Reason::ExponentsExceeded:
    case Reason::MeanExceeded:
    case Reason::MedianExceeded: return true;
    default: return false;
  }
}

}  // namespace

Judgement judge(const Comparator& comparator, const Sides& sides) {
  Judgement judgement = std::visit(Judge{comparator, sides}, comparator);
  const auto& claimed = sides.claimed.numeric_class;
  const auto& recomputed = sides.recomputed.numeric_class;
  const bool classes_differ = claimed && recomputed && *claimed != *recomputed;
  if (classes_differ && needs_one_class(comparator) && may_be_numeric(judgement.reason))
    judgement.reason = Reason::ClassDiffers;
  return judgement;
}

}  // namespace starminer::verification
