#include "attestation/sev_snp/tcb.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace starminer::attestation::sev_snp {

std::string_view name_of(Product product) {
  switch (product) {
    case Product::Milan: return "Milan";
    case Product::Genoa: return "Genoa";
    case Product::Turin: return "Turin";
  }
  return "";
}

std::optional<Product> product_of_name(std::string_view name) {
  const std::string_view product = name.substr(0, name.find('-'));
  for (const Product candidate : {Product::Milan, Product::Genoa, Product::Turin}) {
    if (product == name_of(candidate)) return candidate;
  }
  return std::nullopt;
}

std::optional<Product> product_of_cpuid(std::uint8_t family, std::uint8_t model) {
  constexpr std::uint8_t kZen3And4 = 0x19;
  constexpr std::uint8_t kZen5 = 0x1a;
  if (family == kZen3And4 && model < 0x10) return Product::Milan;
  // Bergamo and Siena, 0xa0 and above, have Genoa's certificates.
  if (family == kZen3And4 && (model < 0x20 || (model >= 0xa0 && model < 0xb0))) return Product::Genoa;
  if (family == kZen5 && model < 0x20) return Product::Turin;
  return std::nullopt;
}

std::optional<Tcb> parse_tcb(ByteView bytes, Product product) {
  STARMINER_CHECK(bytes.size() == 8);
  const bool turin = product == Product::Turin;
  const ByteView reserved = turin ? bytes.subspan(4, 3) : bytes.subspan(2, 4);
  if (std::any_of(reserved.begin(), reserved.end(), [](std::uint8_t byte) { return byte != 0; })) return std::nullopt;
  if (turin) return Tcb{bytes[0], bytes[1], bytes[2], bytes[3], bytes[7]};
  return Tcb{0, bytes[0], bytes[1], bytes[6], bytes[7]};
}

std::string below_minimum(const Tcb& tcb, const Tcb& minimum) {
  struct Part {
    std::string_view name;
    std::uint8_t has;
    std::uint8_t needs;
  };
  const std::array<Part, 5> parts = {{{"fmc", tcb.fmc, minimum.fmc},
                                      {"bootloader", tcb.bootloader, minimum.bootloader},
                                      {"tee", tcb.tee, minimum.tee},
                                      {"snp", tcb.snp, minimum.snp},
                                      {"microcode", tcb.microcode, minimum.microcode}}};
  for (const Part& part : parts) {
    if (part.has < part.needs) {
      return std::string(part.name) + " is " + std::to_string(part.has) + ", at least " + std::to_string(part.needs) +
             " is needed";
    }
  }
  return {};
}

std::string describe(const Tcb& tcb, Product product) {
  const std::string front = product == Product::Turin ? "fmc " + std::to_string(tcb.fmc) + ", " : "";
  return front + "bootloader " + std::to_string(tcb.bootloader) + ", tee " + std::to_string(tcb.tee) + ", snp " +
         std::to_string(tcb.snp) + ", microcode " + std::to_string(tcb.microcode);
}

}  // namespace starminer::attestation::sev_snp
