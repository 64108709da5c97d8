#include "verification/comparison/comparator.h"

#include "verification/comparison/scanner.h"
#include "verification/comparison/toploc.h"

namespace starminer::verification {
namespace {

constexpr std::uint64_t kMantissaHundredthsMax = 12'700;

struct TextOf {
  std::string operator()(const Exact&) const { return "exact"; }
  std::string operator()(const Ulp& ulp) const { return "ulp(" + std::to_string(ulp.distance_max) + ")"; }
  std::string operator()(const MseMax& mse) const { return "mse_max(" + std::to_string(mse.mean_max) + ")"; }
  std::string operator()(const TokenWise&) const { return "token-wise"; }
  std::string operator()(const Toploc& toploc) const {
    return "toploc(" + std::to_string(toploc.exponents_max) + "," + std::to_string(toploc.mean_hundredths) + "," +
           std::to_string(toploc.median_hundredths) + ")";
  }
  std::string operator()(const Container& container) const { return "container(" + container.image.hex() + ")"; }
};

std::optional<Comparator> parse_toploc(Scanner& in) {
  Toploc toploc;
  toploc.exponents_max = in.number();
  in.expect(",");
  toploc.mean_hundredths = in.number();
  in.expect(",");
  toploc.median_hundredths = in.number();
  in.expect(")");
  const bool in_range = toploc.exponents_max < kToplocPoints && toploc.mean_hundredths <= kMantissaHundredthsMax &&
                        toploc.median_hundredths <= kMantissaHundredthsMax;
  if (!in.done() || !in_range) return std::nullopt;
  return toploc;
}

}  // namespace

std::string comparator_text(const Comparator& comparator) { return std::visit(TextOf{}, comparator); }

std::optional<Comparator> parse_comparator(std::string_view text) {
  if (text == "exact") return Exact{};
  if (text == "token-wise") return TokenWise{};
  Scanner in(text);
  if (in.accept("toploc(")) return parse_toploc(in);
  if (in.accept("container(")) {
    const auto image = Hash32::from_hex(in.until(')'));
    if (!in.done() || !image) return std::nullopt;
    return Container{*image};
  }
  const bool ulp = in.accept("ulp(");
  if (!ulp) in.expect("mse_max(");
  const std::uint64_t most = in.number();
  in.expect(")");
  if (!in.done()) return std::nullopt;
  return ulp ? Comparator(Ulp{most}) : Comparator(MseMax{most});
}

bool needs_one_class(const Comparator& comparator) {
  return std::holds_alternative<Exact>(comparator) || std::holds_alternative<TokenWise>(comparator) ||
         std::holds_alternative<Toploc>(comparator);
}

}  // namespace starminer::verification
