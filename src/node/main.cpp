// starminerd: a node of the market.
#include "node/program.h"

int main(int argc, char** argv) { return starminer::node::run_program(argc, argv); }
