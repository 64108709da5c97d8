// starminer-supervisor JOB_DIR: stands beside one job; started by the provider agent, see supervisor.h.
#include <cstdio>

#include "provider/sandbox/supervisor.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs(
        "usage: starminer-supervisor JOB_DIR\nThe provider agent starts this beside each job; see --help of it.\n",
        stderr);
    return 2;
  }
  return starminer::provider::sandbox::run_supervisor(argv[1]);
}
