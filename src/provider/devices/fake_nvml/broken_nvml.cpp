// A library that starts like the NVIDIA management library and lacks nearly all of it, for tests of discovery.
extern "C" __attribute__((visibility("default"))) int nvmlInit_v2() { return 0; }
