# R_X86_64_GOTPCRELX and R_X86_64_REX_GOTPCRELX to what the image holds: relaxed, and no slot is made (psABI B.2).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 67 e8 fa ff ff ff // addr32 call main
# expect main+6: 48 8d 05 f3 0f 00 00 // lea value(%rip), %rax
# expect main+13: 4c 8d 3d ec 0f 00 00 // lea value(%rip), %r15
# expect main+20: e9 e7 ff ff ff 90 // jmp main; nop
# expect-entries: 0 0
.globl main, value
main:   call *main@GOTPCREL(%rip)
        mov value@GOTPCREL(%rip), %rax
        mov value@GOTPCREL(%rip), %r15
        jmp *main@GOTPCREL(%rip)
        .data
value:  .quad 0
