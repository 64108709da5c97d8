// starminer-sim: experiments with the market's own code on published traces.
#include "sim/program.h"

int main(int argc, char** argv) { return starminer::sim::run_program(argc, argv); }
