#include "provider/program.h"

int main(int argc, char** argv) { return starminer::provider::ProviderProgram().run(argc, argv); }
