// The four kinds of work that ratings are given for (TOK-2). The numbers are those of the market's job kinds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace starminer::provider::benchmark {

enum class WorkloadKind : std::uint8_t { Training, Inference, Rendering, Simulation };

inline constexpr std::array<WorkloadKind, 4> kAllKinds{WorkloadKind::Training, WorkloadKind::Inference,
                                                       WorkloadKind::Rendering, WorkloadKind::Simulation};

[[nodiscard]] constexpr std::string_view kind_name(WorkloadKind kind) {
  constexpr std::array<std::string_view, 4> kNames{"training", "inference", "rendering", "simulation"};
  return kNames.at(static_cast<std::size_t>(kind));
}

[[nodiscard]] constexpr std::optional<WorkloadKind> parse_kind(std::string_view name) {
  for (const auto kind : kAllKinds) {
    if (kind_name(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace starminer::provider::benchmark
