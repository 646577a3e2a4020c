# X86_64_RELOC_UNSIGNED of 4 bytes as far as it goes, read either way: -2^31 and 2^32 - 1.
# target: x86_64-apple-darwin
# base: 0x10000
# define: last = 0xffffffff
# define: first = 0xffffffff80000000
# expect main: ff ff ff ff // last
# expect main+4: 00 00 00 80 // first
.globl _main
_main:  .long _last
        .long _first
