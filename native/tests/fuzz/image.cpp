// The containers of code, as the emulated GPU reads them when their length is known.
#include "emulator/image/image.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gpool::image::Contents contents;
  std::string problem;
  if (!gpool::image::read(std::as_bytes(std::span(data, size)), contents, problem)) FUZZ_EXPECT(!problem.empty());
  for (const auto& text : contents.ptx) FUZZ_EXPECT(text.text.find('\0') == std::string::npos);
  return 0;
}
