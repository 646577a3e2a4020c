# X86_64_RELOC_SIGNED_4, one byte too far down.
# target: x86_64-apple-darwin
# base: 0x100000000
# define: external = 0x80000009
# expect-error: signed-4-below.s: __text+0x2: `external`: X86_64_RELOC_SIGNED_4 at 0x100000002 cannot reach 0x80000009: the distance is -0x80000001, it takes a signed 32-bit value
.globl _main
_main:  movl $1, _external(%rip)
