# R_X86_64_GOTPCRELX, relaxed where the symbol is near (psABI B.2): what is outside keeps its slot.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# expect main: 67 e8 72 56 33 12 // addr32 call external - 4 - place
# expect main+6: e9 6d 56 33 12 90 // jmp external - 4 - (place - 1); nop
# expect main+12: 8d 05 66 56 33 12 // lea (external - 4 - place), %eax
# expect main+18: 03 05 e8 0f 00 00 // add slot: it needs the address as an immediate, and stays
# expect-entries: 0 1
.globl main
main:   call *external@GOTPCREL(%rip)
        jmp *external@GOTPCREL(%rip)
        mov external@GOTPCREL(%rip), %eax
        add external@GOTPCREL(%rip), %eax
