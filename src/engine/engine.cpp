#include "engine/engine.h"

#include <chrono>

namespace starminer::engine {

std::string_view readiness_name(Readiness readiness) {
  switch (readiness) {
    case Readiness::Ready: return "ready";
    case Readiness::CatchingUp: return "catching_up";
    case Readiness::OrdererAway: return "orderer_away";
    case Readiness::DiskFull: return "disk_full";
    case Readiness::DiskFailed: return "disk_failed";
  }
  return "";
}

TimeMs Engine::wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

}  // namespace starminer::engine
