# A branch into the middle of a far function has no stub: a stub leads to its start only.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x7f0000000000
# expect-error: stub-addend.s: .text+0x1: `external`: R_X86_64_PLT32 at 0x10001 cannot reach 0x7f0000000000: the distance is 0x7efffffefffc, it takes a signed 32-bit value
.globl main
main:   call external@PLT + 1
