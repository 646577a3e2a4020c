# Positive and negative addends, from and to every segment.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main+3: 09 20 00 00 // table + 16 - 4 - place
# expect main+10: e2 1f 00 00 // table - 16 - 4 - place
# expect const: 03 00 01 00 00 00 00 00 // main + 3
# expect const+8: f7 0f 00 00 // table - 1 - place
# expect table: f8 0f 01 00 00 00 00 00 // const - 8
# expect table+8: ff ff ff ff ff ff ff ff // main - 0x10001
# expect-entries: 0 0
.globl main
main:   lea table + 16(%rip), %rax
        lea table - 16(%rip), %rax
        .section .rodata
const:  .quad main + 3
        .long table - . - 1
        .data
table:  .quad const - 8
        .quad main - 0x10001
