# X86_64_RELOC_UNSIGNED of 4 bytes, one too few.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0xffffffff7fffffff
# expect-error: unsigned-4-below.s: __text+0x0: `external`: X86_64_RELOC_UNSIGNED wants a 32-bit value, and this one is -0x80000001
.globl _main
_main:  .long _external
