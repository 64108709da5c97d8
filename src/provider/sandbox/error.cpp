#include "provider/sandbox/error.h"

#include <system_error>
#include <utility>

namespace starminer::provider::sandbox {

const char* to_string(SandboxErrc code) {
  switch (code) {
    case SandboxErrc::BadSpec: return "BadSpec";
    case SandboxErrc::AlreadyStarted: return "AlreadyStarted";
    case SandboxErrc::NotFound: return "NotFound";
    case SandboxErrc::Unsupported: return "Unsupported";
    case SandboxErrc::SetupFailed: return "SetupFailed";
    case SandboxErrc::Io: return "Io";
    case SandboxErrc::Corrupt: return "Corrupt";
    case SandboxErrc::OutputRefused: return "OutputRefused";
    case SandboxErrc::OutputTooLarge: return "OutputTooLarge";
  }
  return "Unknown";
}

SandboxError system_error(SandboxErrc code, std::string what, int error_number) {
  return SandboxError{code, std::move(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace starminer::provider::sandbox
