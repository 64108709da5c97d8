#include "verification/comparison/container_report.h"

#include "verification/comparison/scanner.h"

namespace starminer::verification {
namespace {

std::optional<Hash32> hash_line(Scanner& in, std::string_view name) {
  in.expect(name);
  return Hash32::from_hex(in.until('\n'));
}

std::uint64_t number_line(Scanner& in, std::string_view name) {
  in.expect(name);
  const std::uint64_t value = in.number();
  in.expect("\n");
  return value;
}

}  // namespace

std::optional<ContainerReport> parse_container_report(ByteView text) {
  Scanner in(as_text(text));
  const auto image = hash_line(in, "image ");
  const auto claimed = hash_line(in, "claimed ");
  const auto recomputed = hash_line(in, "recomputed ");
  const bool agree = in.accept("verdict agree\n");
  if (!agree) in.expect("verdict differ\n");
  const std::uint64_t compared = number_line(in, "compared ");
  const std::uint64_t beyond = number_line(in, "beyond ");
  if (!in.done() || !image || !claimed || !recomputed) return std::nullopt;
  if (agree != (beyond == 0) || beyond > compared) return std::nullopt;
  return ContainerReport{*image, *claimed, *recomputed, agree, compared, beyond};
}

}  // namespace starminer::verification
