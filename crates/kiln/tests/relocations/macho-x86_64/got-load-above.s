# X86_64_RELOC_GOT_LOAD, one byte too far up.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x0 = 0x3d // X86_64_RELOC_GOT_LOAD
# expect-error: got-load-above.s: __text+0x0: `external`: X86_64_RELOC_GOT_LOAD at 0x10000 cannot reach 0x12345678: the distance is 0x80000000, it takes a signed 32-bit value
.globl _main
_main:  .long _external@GOTPCREL + 0x7ffff004
