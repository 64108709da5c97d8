// How the bytes of an artifact are to be read, as a value with one text. The text is part of a verdict, so that the
// same bytes are read the same way by everybody. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "verification/comparison/element.h"

namespace starminer::verification {

struct BytesForm {};   // "bytes"
struct NpyForm {};     // "npy"
struct PnmForm {};     // "pnm"
struct PngForm {};     // "png"
struct TokensForm {};  // "tokens"
/// "raw:f32", or with a shape "raw:f32:2x3": little-endian elements without a header.
struct RawForm {
  Element element{};
  std::optional<std::vector<std::uint64_t>> shape;
};
struct ProofsForm {};  // "proofs": of TOPLOC
/// "activations:300x4096:44": bf16 of 300 tokens of 4096 elements each, the first 44 of them the prompt.
struct ActivationsForm {
  std::uint64_t tokens = 0;
  std::uint64_t width = 0;
  std::uint64_t prefill = 0;
};

using Form = std::variant<BytesForm, NpyForm, PnmForm, PngForm, TokensForm, RawForm, ProofsForm, ActivationsForm>;

[[nodiscard]] std::string form_text(const Form& form);
/// Of the one text that a form has, or nothing.
[[nodiscard]] std::optional<Form> parse_form(std::string_view text);
/// npy, png or pnm by the first bytes of a file, else nothing.
[[nodiscard]] std::optional<Form> form_of_file(ByteView file);

}  // namespace starminer::verification
