"""PTX texts that the tests run."""

HEAD = ".version 8.8\n.target sm_75\n.address_size 64\n"

ADD = (
    HEAD
    + """
.global .align 4 .u32 counter = 5;
.const .align 4 .u32 factor = 3;
.visible .entry add(.param .u64 to, .param .u64 a, .param .u64 b, .param .u32 count)
{
    .reg .pred %p;
    .reg .b32 %r<8>;
    .reg .b64 %d<8>;
    .reg .f32 %f<4>;
    ld.param.u64 %d1, [to];
    ld.param.u64 %d2, [a];
    ld.param.u64 %d3, [b];
    ld.param.u32 %r1, [count];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p, %r5, %r1;
    @%p bra done;
    mul.wide.u32 %d4, %r5, 4;
    add.s64 %d5, %d2, %d4;
    add.s64 %d6, %d3, %d4;
    add.s64 %d7, %d1, %d4;
    ld.global.f32 %f1, [%d5];
    ld.global.f32 %f2, [%d6];
    add.f32 %f3, %f1, %f2;
    st.global.f32 [%d7], %f3;
done:
    ret;
}
.visible .entry count_up()
{
    .reg .b32 %r<4>;
    .reg .b64 %d<2>;
    mov.u64 %d1, counter;
    ld.const.u32 %r1, [factor];
    atom.global.add.u32 %r2, [%d1], %r1;
    ret;
}
.visible .entry store(.param .u64 to, .param .u32 value)
{
    .reg .b32 %r<2>;
    .reg .b64 %d<2>;
    ld.param.u64 %d1, [to];
    ld.param.u32 %r1, [value];
    st.global.u32 [%d1], %r1;
    ret;
}
.visible .entry give_up()
{
    trap;
}
.visible .entry at_most_64() .maxntid 64, 1, 1
{
    ret;
}
"""
)

UNKNOWN_INSTRUCTION = (
    HEAD
    + """
.visible .entry fine() { ret; }
.visible .entry strange() { .reg .b32 %r<3>; frobnicate.b32 %r1, %r2; ret; }
"""
)

CALLER = (
    HEAD
    + """
.extern .func (.param .b32 result) twice (.param .b32 value);
.visible .entry doubled(.param .u64 to)
{
    .reg .b32 %r<3>;
    .reg .b64 %d<2>;
    ld.param.u64 %d1, [to];
    mov.u32 %r1, 21;
    {
        .param .b32 argument;
        st.param.b32 [argument], %r1;
        .param .b32 answer;
        call.uni (answer), twice, (argument);
        ld.param.b32 %r2, [answer];
    }
    st.global.u32 [%d1], %r2;
    ret;
}
"""
)

CALLED = (
    HEAD
    + """
.visible .func (.param .b32 result) twice (.param .b32 value)
{
    .reg .b32 %r<3>;
    ld.param.b32 %r1, [value];
    add.s32 %r2, %r1, %r1;
    st.param.b32 [result], %r2;
    ret;
}
"""
)

# Behind ADD, which brings the head.
FAULTS = """
.visible .entry store_far_away(.param .u64 to)
{
    .reg .b32 %r<2>;
    .reg .b64 %d<3>;
    mov.u32 %r1, 1;
    ld.param.u64 %d1, [to];
    add.s64 %d2, %d1, 0x100000000000;
    st.global.u32 [%d2], %r1;
    ret;
}
.visible .entry store_beside(.param .u64 to)
{
    .reg .b32 %r<2>;
    .reg .b64 %d<3>;
    mov.u32 %r1, 1;
    ld.param.u64 %d1, [to];
    add.s64 %d2, %d1, 2;
    st.global.u32 [%d2], %r1;
    ret;
}
"""

WORDS = (
    HEAD
    + """
.visible .entry copy_word(.param .u64 to, .param .u64 from)
{
    .reg .b32 %r<2>;
    .reg .b64 %d<3>;
    ld.param.u64 %d1, [to];
    ld.param.u64 %d2, [from];
    ld.global.u32 %r1, [%d2];
    st.global.u32 [%d1], %r1;
    ret;
}
.visible .entry store_through(.param .u64 place, .param .u32 value)
{
    .reg .b32 %r<2>;
    .reg .b64 %d<3>;
    ld.param.u64 %d1, [place];
    ld.param.u32 %r1, [value];
    ld.global.u64 %d2, [%d1];
    st.global.u32 [%d2], %r1;
    ret;
}
"""
)

# Each thread counts; after the barrier each block writes down what it sees.
GRID_BARRIER = (
    HEAD
    + """
.extern .func (.param .b64 handle) cudaCGGetIntrinsicHandle (.param .b32 scope);
.extern .func (.param .b32 status) cudaCGSynchronize (.param .b64 handle, .param .b32 flags);
.visible .entry count_twice(.param .u64 out)
{
  .reg .b64 %out, %handle, %slot;
  .reg .b32 %seen, %block, %status;
  ld.param.u64 %out, [out];
  red.global.add.u32 [%out], 1;
  {
    .param .b32 scope;
    .param .b64 found;
    st.param.b32 [scope], 1;
    call.uni (found), cudaCGGetIntrinsicHandle, (scope);
    ld.param.b64 %handle, [found];
  }
  {
    .param .b64 handle;
    .param .b32 flags;
    .param .b32 status;
    st.param.b64 [handle], %handle;
    st.param.b32 [flags], 0;
    call.uni (status), cudaCGSynchronize, (handle, flags);
    ld.param.b32 %status, [status];
  }
  ld.volatile.global.u32 %seen, [%out];
  mov.u32 %block, %ctaid.x;
  add.u32 %block, %block, 1;
  mad.wide.u32 %slot, %block, 4, %out;
  st.global.u32 [%slot], %seen;
  ret;
}
"""
)

MODULE_SHARED = (
    HEAD
    + """
.shared .align 4 .b8 table[400];
.shared .align 16 .b8 more[16];
.visible .entry uses_both()
{
  .reg .b32 %r;
  ld.shared.u32 %r, [table];
  st.shared.u32 [more], %r;
  ret;
}
.visible .entry uses_one()
{
  .reg .b32 %r;
  mov.u32 %r, table;
  ret;
}
.visible .entry uses_none()
{
  ret;
}
"""
)
