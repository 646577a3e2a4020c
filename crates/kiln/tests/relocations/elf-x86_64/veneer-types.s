# Tables of a C++ program (-fno-pic): a personality far away is called by a stub, and the types that a function catches become the
# addresses of slots, which the encoding says (DW_EH_PE_udata4 becomes DW_EH_PE_indirect | DW_EH_PE_udata4).
# target: x86_64-unknown-linux-gnu
# base: 0x400000
# define: personality = 0x7f0000001000
# define: type = 0x7f0000002000
# expect 0x400008: ff 25 02 10 00 00 cc cc // the stub: jmp *slot
# expect 0x401000: 00 20 00 00 00 7f 00 00 // the slot of type
# expect 0x401008: 28 10 40 00 00 00 00 00 // the slot of own
# expect 0x401010: 00 10 00 00 00 7f 00 00 // the slot of personality
# expect 0x401018: ff 83 0d 01 00 00 00 00 00 10 40 00 08 10 40 00 // the table
# expect 0x401043: 08 00 40 00 // the personality: the stub
# expect 0x401058: a8 ef ff ff // main - place
# expect 0x401061: 18 10 40 00 // the table
# expect-entries: 1 3
.globl main
        .type main, @function
main:   .cfi_startproc
        .cfi_personality 3, personality
        .cfi_lsda 3, .Ltable
        nop
        ret
        .cfi_endproc
        .section .gcc_except_table, "a", @progbits
.Ltable:
        .byte 0xff, 0x03
        .uleb128 .Ltypes - .Lbegin
.Lbegin:
        .byte 0x01
        .uleb128 0
        .p2align 2
        .long type
        .long own
.Ltypes:
        .section .rodata
own:    .quad 0
