#include "verification/comparison/form.h"

#include "verification/comparison/npy.h"
#include "verification/comparison/png.h"
#include "verification/comparison/scanner.h"

namespace starminer::verification {
namespace {

std::optional<std::vector<std::uint64_t>> parse_extents(Scanner& in) {
  std::vector<std::uint64_t> shape{in.number()};
  while (in.accept("x")) {
    if (shape.size() == kDimensionsMax) return std::nullopt;
    shape.push_back(in.number());
  }
  if (in.failed()) return std::nullopt;
  return shape;
}

std::optional<Form> parse_raw_form(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto element = find_element(text.substr(0, colon));
  if (!element) return std::nullopt;
  if (colon == std::string_view::npos) return RawForm{*element, std::nullopt};
  Scanner in(text.substr(colon + 1));
  auto shape = parse_extents(in);
  if (!shape || !in.done()) return std::nullopt;
  return RawForm{*element, std::move(*shape)};
}

std::optional<Form> parse_activations_form(std::string_view text) {
  Scanner in(text);
  ActivationsForm form;
  form.tokens = in.number();
  in.expect("x");
  form.width = in.number();
  in.expect(":");
  form.prefill = in.number();
  if (!in.done()) return std::nullopt;
  return form;
}

struct TextOf {
  std::string operator()(const BytesForm&) const { return "bytes"; }
  std::string operator()(const NpyForm&) const { return "npy"; }
  std::string operator()(const PnmForm&) const { return "pnm"; }
  std::string operator()(const PngForm&) const { return "png"; }
  std::string operator()(const TokensForm&) const { return "tokens"; }
  std::string operator()(const RawForm& raw) const {
    const std::string text = "raw:" + std::string(element_name(raw.element));
    return raw.shape ? text + ":" + shape_text(*raw.shape) : text;
  }
  std::string operator()(const ProofsForm&) const { return "proofs"; }
  std::string operator()(const ActivationsForm& form) const {
    return "activations:" + shape_text({form.tokens, form.width}) + ":" + std::to_string(form.prefill);
  }
};

}  // namespace

std::string form_text(const Form& form) { return std::visit(TextOf{}, form); }

std::optional<Form> parse_form(std::string_view text) {
  constexpr std::string_view kRaw = "raw:";
  constexpr std::string_view kActivations = "activations:";
  if (text.starts_with(kRaw)) return parse_raw_form(text.substr(kRaw.size()));
  if (text.starts_with(kActivations)) return parse_activations_form(text.substr(kActivations.size()));
  for (const Form& form :
       {Form(BytesForm{}), Form(NpyForm{}), Form(PnmForm{}), Form(PngForm{}), Form(TokensForm{}), Form(ProofsForm{})}) {
    if (form_text(form) == text) return form;
  }
  return std::nullopt;
}

std::optional<Form> form_of_file(ByteView file) {
  const std::string_view text = as_text(file);
  if (text.starts_with(kNpyMagic)) return NpyForm{};
  if (text.starts_with(kPngMagic)) return PngForm{};
  if (text.starts_with("P5") || text.starts_with("P6")) return PnmForm{};
  return std::nullopt;
}

}  // namespace starminer::verification
