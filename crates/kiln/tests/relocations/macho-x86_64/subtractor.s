# X86_64_RELOC_SUBTRACTOR: S + A - S', 8 and 4 bytes, of symbols and sections (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# expect table: 40 10 00 00 00 00 00 00 // data - main
# expect table+8: 48 10 00 00 00 00 00 00 // data - main + 8
# expect table+16: b8 ef ff ff ff ff ff ff // main - data - 8
# expect table+24: 40 10 00 00 // data - main
# expect table+28: cc ef ff ff // main - Llocal + 4: the section is subtracted
# expect table+32: 38 10 00 00 00 00 00 00 // Llocal - main: the section is the minuend
# expect table+40: c8 ef ff ff ff ff ff ff // main - Llocal
.globl _main
_main:  nop
        nop
        .data
        .globl _table
_table: .quad _data - _main
        .quad _data - _main + 8
        .quad _main - _data - 8
        .long _data - _main
        .long _main - Llocal + 4
        .quad Llocal - _main
        .quad _main - Llocal
        .section __DATA,__more
        .quad 0
Llocal: .quad 0
        .globl _data
_data:  .quad 0
