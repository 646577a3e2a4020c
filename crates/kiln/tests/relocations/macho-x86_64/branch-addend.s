# A branch into the middle of a far function has no stub: a stub leads to its start only.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x7f0000000000
# expect-error: branch-addend.s: __text+0x1: `external`: X86_64_RELOC_BRANCH at 0x10001 cannot reach 0x7f0000000000: the distance is 0x7efffffefffc, it takes a signed 32-bit value
.globl _main
_main:  call _external + 1
