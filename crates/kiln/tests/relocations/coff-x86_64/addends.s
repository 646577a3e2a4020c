# Positive and negative addends, from and to every segment, by symbols and by sections.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# expect main+3: 11 20 00 00 // table + 16 - 4 - place
# expect main+10: ea 1f 00 00 // table - 16 - 4 - place
# expect const: 03 00 01 00 00 00 00 00 // main + 3
# expect const+8: ff 0f 00 00 // table - 1 - place
# expect const+12: 0c 20 00 00 // table + 4 - base
# expect table: f8 0f 01 00 00 00 00 00 // const - 8
# expect table+8: ff ff ff ff ff ff ff ff // main - 0x10001
# expect-entries: 0 0
.globl main
main:   lea table + 16(%rip), %rax
        lea table - 16(%rip), %rax
        .section .rdata, "dr"
const:  .quad main + 3
        .long table - . - 1
        .rva table + 4
        .data
        .zero 8
table:  .quad const - 8
        .quad main - 0x10001
