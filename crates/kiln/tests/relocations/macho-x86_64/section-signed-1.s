# X86_64_RELOC_SIGNED_1 of a section's number: the field is the distance in the file (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x2 = 0x65000002 // X86_64_RELOC_SIGNED_1, section 2
# expect main+2: 2f 10 00 00 // 0x46 of the file, which is 0x36 of the data, - 5 - place
.globl _main
_main:  movb $1, _external + 0x40(%rip)
        .p2align 4, 0x90
        .data
        .globl _table
_table: .zero 0x40
