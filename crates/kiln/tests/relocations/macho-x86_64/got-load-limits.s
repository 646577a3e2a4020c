# X86_64_RELOC_GOT_LOAD as far up as it reaches: 2^31 - 1 from behind the field. (Its field holds no addend that goes
# too far down.)
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x0 = 0x3d // X86_64_RELOC_GOT_LOAD
# expect main: ff ff ff 7f // slot + 0x7ffff003 - 4 - place
.globl _main
_main:  .long _external@GOTPCREL + 0x7ffff003
