# X86_64_RELOC_SIGNED, one byte too far up.
# target: x86_64-apple-darwin
# base: 0x100000000
# define: external = 0x180000007
# expect-error: signed-above.s: __text+0x3: `external`: X86_64_RELOC_SIGNED at 0x100000003 cannot reach 0x180000007: the distance is 0x80000000, it takes a signed 32-bit value
.globl _main
_main:  lea _external(%rip), %rax
