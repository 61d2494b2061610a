// A driver from before cuGetProcAddress_v2, and from before cuEventElapsedTime got a second version.
extern "C" {
#define EXPORTED __attribute__((visibility("default")))
EXPORTED int cuInit(unsigned int) {
  return 0;
}
EXPORTED int cuDriverGetVersion(int* version) {
  return *version = 11000, 0;
}
EXPORTED int cuEventElapsedTime(float* milliseconds, void*, void*) {
  return *milliseconds = 4.5f, 0;
}
// Takes no context, unlike its second version: must never be called in its place.
EXPORTED int cuCtxSynchronize() {
  return 700;
}
}
