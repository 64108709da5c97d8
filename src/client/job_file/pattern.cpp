#include "client/job_file/pattern.h"

#include <regex.h>

#include "base/check.h"

namespace starminer::client::job_file {

struct Pattern::Compiled {
  explicit Compiled(const std::string& expression) {
    STARMINER_CHECK(regcomp(&regex, expression.c_str(), REG_EXTENDED | REG_NOSUB) == 0);
  }
  ~Compiled() { regfree(&regex); }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  regex_t regex{};
};

Pattern::Pattern(const std::string& expression) : compiled_(std::make_shared<const Compiled>(expression)) {}

bool Pattern::matches(const std::string& text) const {
  // regexec would stop at a zero byte and take the start for the whole.
  if (text.find('\0') != std::string::npos) return false;
  return regexec(&compiled_->regex, text.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace starminer::client::job_file
