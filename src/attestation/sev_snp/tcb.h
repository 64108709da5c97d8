// Versions of the parts of an SEV-SNP platform, as reports and certificates carry them. Values are only ordered part by
// part: a platform with one older part is not newer because of another.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace starminer::attestation::sev_snp {

enum class Product : std::uint8_t { Milan, Genoa, Turin };

[[nodiscard]] std::string_view name_of(Product product);
/// "Milan" of "Milan-B0": what a certificate names is a product and, with a hyphen, its stepping.
[[nodiscard]] std::optional<Product> product_of_name(std::string_view name);
/// Of the extended CPUID family and model of a report (version 3 and above).
[[nodiscard]] std::optional<Product> product_of_cpuid(std::uint8_t family, std::uint8_t model);

struct Tcb {
  /// Turin only, 0 elsewhere.
  std::uint8_t fmc = 0;
  std::uint8_t bootloader = 0;
  std::uint8_t tee = 0;
  std::uint8_t snp = 0;
  std::uint8_t microcode = 0;

  bool operator==(const Tcb&) const = default;
};

/// Of the 8 bytes of a report; empty optional where a reserved byte is not zero.
[[nodiscard]] std::optional<Tcb> parse_tcb(ByteView bytes, Product product);
/// The first part of `tcb` that is below `minimum`, in words; empty if none is.
[[nodiscard]] std::string below_minimum(const Tcb& tcb, const Tcb& minimum);
/// "bootloader 3, tee 0, snp 8, microcode 115", with fmc in front on Turin.
[[nodiscard]] std::string describe(const Tcb& tcb, Product product);

}  // namespace starminer::attestation::sev_snp
