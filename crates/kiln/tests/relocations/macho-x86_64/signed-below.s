# X86_64_RELOC_SIGNED, one byte too far down.
# target: x86_64-apple-darwin
# base: 0x100000000
# define: external = 0x80000006
# expect-error: signed-below.s: __text+0x3: `external`: X86_64_RELOC_SIGNED at 0x100000003 cannot reach 0x80000006: the distance is -0x80000001, it takes a signed 32-bit value
.globl _main
_main:  lea _external(%rip), %rax
