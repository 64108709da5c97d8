// starminer-attempts NAME [ARGUMENTS] | --all | --list: see attempt.h. One line per attempt: name, verdict,
// explanation.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "provider/sandbox/attempts/attempt.h"

namespace starminer::provider::sandbox::attempts {
namespace {

std::string explanation;

std::vector<Attempt> all_attempts() {
  std::vector<Attempt> all;
  for (const auto& part :
       {file_attempts(), kernel_attempts(), process_attempts(), network_attempts(), bomb_attempts()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Succeeded: return "succeeded";
    case Verdict::Misused: return "misused";
    case Verdict::Refused: return "refused";
    case Verdict::Unsupported: return "unsupported";
  }
  return "misused";
}

int run_one(const Attempt& attempt, const Arguments& arguments) {
  const Verdict verdict = attempt.run(arguments);
  std::printf("%s %s %s\n", attempt.name, name_of(verdict), explanation.c_str());
  std::fflush(stdout);
  return static_cast<int>(verdict);
}

// Each in a process of its own: some leave it changed, and the kernel may end it for trying.
void run_in_child(const Attempt& attempt) {
  const pid_t child = ::fork();
  if (child < 0) {
    std::printf("%s misused cannot fork\n", attempt.name);
    return;
  }
  if (child == 0) ::_exit(run_one(attempt, {}));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) std::printf("%s refused ended by signal %d\n", attempt.name, WTERMSIG(status));
  std::fflush(stdout);
}

int run(const std::string& word, const Arguments& arguments) {
  for (const Attempt& attempt : all_attempts()) {
    if (word == "--list") {
      std::printf("%-22s %-9s %s\n", attempt.name, attempt.needs == Needs::Nothing ? "" : "ARGUMENTS", attempt.what);
    } else if (word == "--all") {
      if (attempt.needs == Needs::Nothing) run_in_child(attempt);
    } else if (word == attempt.name) {
      return run_one(attempt, arguments);
    }
  }
  return word == "--list" || word == "--all" ? 0 : static_cast<int>(Verdict::Misused);
}

}  // namespace

void explain(const std::string& text) { explanation = text; }

Verdict judge(bool succeeded) {
  if (succeeded) return Verdict::Succeeded;
  const int error = errno;
  explain(std::strerror(error));
  const bool absent = error == ENOSYS || error == EAFNOSUPPORT || error == EPROTONOSUPPORT ||
                      error == ESOCKTNOSUPPORT || error == ENODEV || error == ENXIO || error == ENOENT ||
                      error == EOPNOTSUPP;
  return absent ? Verdict::Unsupported : Verdict::Refused;
}

}  // namespace starminer::provider::sandbox::attempts

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: starminer-attempts NAME [ARGUMENTS] | --all | --list\n", stderr);
    return 2;
  }
  return starminer::provider::sandbox::attempts::run(argv[1], {argv + 2, argv + argc});
}
