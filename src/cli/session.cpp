#include "cli/session.h"

#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/json_view.h"
#include "client/key_file.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using nlohmann::json;

constexpr std::size_t kPrefixMin = 4;  // "j1" and two more

Trouble no_such_job(const std::string& text, std::string why) {
  return {ExitCode::NotFound,
          {fmt::format("there is no job {}", text), "not_found", std::move(why), {"see your jobs: starminer list"}}};
}

/// Of the bech32m alphabet, so that it may stand in a request.
bool is_id_text(const std::string& text) {
  return text.find_first_not_of("023456789acdefghjklmnpqrstuvwxyz1") == std::string::npos;
}

}  // namespace

std::optional<std::string> passphrase() {
  const char* const value = std::getenv("STARMINER_KEY_PASSPHRASE");
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

Outcome<std::unique_ptr<client::Api>> open_session(const Settings& settings, KeyNeed need) {
  std::optional<SigningKey> key;
  std::error_code error;
  const bool there = std::filesystem::exists(settings.key_file, error);
  if (need == KeyNeed::Required && !there) {
    return fail(Trouble{ExitCode::NotFound,
                        {"you have no key yet",
                         "",
                         fmt::format("{} does not exist", settings.key_file.string()),
                         {"make one: starminer login", "use another: --key-file FILE or STARMINER_KEY_FILE"}}});
  }
  if (need != KeyNeed::None && there) {
    auto loaded = client::load_key_file(settings.key_file, passphrase());
    if (!loaded) return fail(local_trouble("your key cannot be used", loaded.error()));
    key = std::move(*loaded);
  }
  auto api = client::Api::connect(settings.api_url, std::move(key));
  if (!api) return fail(trouble_of(api.error()));
  return std::move(*api);
}

Outcome<std::string> resolve_job(client::Api& api, const std::string& text) {
  if (JobId::parse(text)) return text;
  const std::string safe = terminal::sanitize_line(text);
  if (!text.starts_with("j1") || text.size() < kPrefixMin || !is_id_text(text)) {
    return fail(no_such_job(safe, "a job id begins with j1; the first characters that are yours alone will do"));
  }
  if (!api.key())
    return fail(no_such_job(safe, "the start of an id is looked up among your jobs, and you have no key"));
  std::vector<std::string> found;
  std::string after;
  do {
    const auto page =
        api.get("/v1/jobs?limit=500&requester=" + api.address() + (after.empty() ? "" : "&after=" + after));
    if (!page) return fail(trouble_of(page.error()));
    for (const json& job : list_of(*page, "jobs")) {
      if (text_of(job, "id").starts_with(text)) found.push_back(text_of(job, "id"));
    }
    after = text_of(*page, "next");
  } while (!after.empty() && found.size() < 2);
  if (found.size() == 1) return found.front();
  if (found.empty()) return fail(no_such_job(safe, "it is no whole id, and none of your jobs begins so"));
  return fail(Trouble{ExitCode::Usage,
                      {fmt::format("{} is the start of several jobs", safe),
                       "",
                       fmt::format("{}, {}{}", found[0], found[1], found.size() > 2 ? " and more" : ""),
                       {"name more characters of the id"}}});
}

}  // namespace starminer::cli
