// Events of a node, taken one by one until the user stops it: live views. A lost connection is taken up again, and a
// stream begins with its whole state, so a view is right again after it. The stream is read by a thread of its own.
#pragma once

#include <functional>
#include <string>

#include "api/http/sse.h"
#include "cli/outcome.h"
#include "cli/settings.h"

namespace starminer::cli {

/// Calls `take` on this thread with every event; ends well when it answers false. Ctrl-C ends it with the exit code of
/// an interrupt, a refusal with its trouble.
[[nodiscard]] Outcome<config::ExitCode> follow_events(const Settings& settings, const std::string& target,
                                                      const std::function<bool(const api::http::SseEvent&)>& take);

}  // namespace starminer::cli
