// g++ calls this at every edge between pieces of code. Fuzz targets bring a function that looks (mutate.cpp); the other
// programs and libraries of the same build have nobody who would.
extern "C" __attribute__((weak, no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {}
