// starminer: the command line of the market.
#include "cli/program.h"

int main(int argc, char** argv) { return starminer::cli::CliProgram().program().run(argc, argv); }
