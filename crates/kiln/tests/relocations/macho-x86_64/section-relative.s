# Sections by their number: the field is the address or the distance in the file (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# expect main+3: 01 10 00 00 // Ltable - 4 - place
# expect main+9: fa 0f 00 00 // Ltable - 5 - place
# expect main+17: f5 0f 00 00 // Ltable + 4 - 6 - place
# expect main+25: e3 0f 00 00 // Ltable - 4 - 8 - place
# expect main+34: 01 00 00 00 // Lthere - 4 - place
# expect data+8: 08 10 01 00 00 00 00 00 // Ltable
# expect data+16: 26 00 01 00 00 00 00 00 // Lthere - 1
# expect data+24: 0c 10 01 00 // Ltable + 4
# expect-entries: 0 0
.globl _main
_main:  lea Ltable(%rip), %rax
        movb $1, Ltable(%rip)
        movw $1, Ltable + 4(%rip)
        movl $1, Ltable - 4(%rip)
        call Lthere
        .section __TEXT,__there,regular,pure_instructions
        nop
Lthere: ret
        .data
        .globl _data
_data:  .quad 0
Ltable: .quad Ltable
        .quad Lthere - 1
        .long Ltable + 4
