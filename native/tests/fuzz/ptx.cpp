// PTX texts, up to the choice of handlers: those are not linked in, and every instruction finds one that is never run.
#include "emulator/ptx/ptx.h"

#include <string_view>

#include "emulator/ptx/select.h"
#include "tests/fuzz/target.h"

namespace gpool::ptx {

// Operands are resolved by a shape that fits their number: rows, whatever the instruction is.
const Level& host_level() {
  static const Level level{"fuzz", [](Request& request, Choice& choice) {
                             static constexpr const char* kShapes[] = {"", "w", "ww", "www", "wwww", "wwwww"};
                             if (request.operands >= std::size(kShapes)) return false;
                             choice.shape = kShapes[request.operands];
                             return true;
                           }};
  return level;
}

}  // namespace gpool::ptx

void target_seeds(std::vector<std::vector<uint8_t>>& inputs) {
  static constexpr std::string_view kText = R"(
.version 8.8
.target sm_75
.address_size 64
.global .align 4 .u32 counter = 5;
.global .align 8 .u64 table[2] = {counter, generic(counter)+4};
.const .align 4 .f32 factor[3] = {0f3F800000, 1.5, 2};
.visible .func (.param .b32 result) twice (.param .b32 value) { .reg .b32 %r<3>; ld.param.b32 %r1, [value];
  add.s32 %r2, %r1, %r1; st.param.b32 [result], %r2; ret; }
.visible .entry add(.param .u64 to, .param .align 8 .b8 pair[16], .param .u32 count) .maxntid 64, 1, 1
{
    .reg .pred %p; .reg .b32 %r<8>; .reg .b64 %d<8>; .reg .f32 %f<4>; .shared .align 4 .b8 buffer[64];
    .local .align 8 .b8 __local_depot0[8];
    ld.param.u64 %d1, [to]; ld.param.v2.u32 {%r1, %r2}, [pair+8];
    mov.u32 %r3, %ctaid.x; mov.u32 %r4, %ntid.x; mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5; setp.ge.u32 %p, %r6, %r1;
    @%p bra done;
    @!%p add.rn.ftz.f32 %f3, %f1, 0f3F800000;
    shfl.sync.down.b32 %r1|%p, %r1, 16, 31, -1;
    { .param .b32 argument; st.param.b32 [argument], %r1; .param .b32 answer; call.uni (answer), twice, (argument);
      ld.param.b32 %r2, [answer]; }
    targets: .branchtargets done, again;
    brx.idx %r1, targets;
again:
    bar.sync 0; bra.uni again;
done:
    ret;
}
)";
  inputs.emplace_back(kText.begin(), kText.end());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string error;
  const auto module = gpool::ptx::parse({reinterpret_cast<const char*>(data), size}, error);
  if (module == nullptr) {
    FUZZ_EXPECT(!error.empty());
    return 0;
  }
  std::vector<uint64_t> addresses(module->variables().size(), 0x7f0000000000);
  module->bind(addresses);
  for (size_t i = 0; i < module->kernels().size() && i < 8; ++i) (void)module->why_not(i);
  return 0;
}
