# X86_64_RELOC_SIGNED_2 of a section's number: the field is the distance in the file (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x3 = 0x75000002 // X86_64_RELOC_SIGNED_2, section 2
# expect main+3: 2e 10 00 00 // 0x47 of the file, which is 0x37 of the data, - 6 - place
.globl _main
_main:  movw $1, _external + 0x40(%rip)
        .p2align 4, 0x90
        .data
        .globl _table
_table: .zero 0x40
