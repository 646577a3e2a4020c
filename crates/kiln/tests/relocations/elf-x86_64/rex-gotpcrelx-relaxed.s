# R_X86_64_REX_GOTPCRELX, relaxed where the symbol is near (psABI B.2); `cmp` would need an immediate, and stays.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# expect main: 48 8d 05 71 56 33 12 // lea (external - 4 - place), %rax
# expect main+7: 48 3b 05 f2 0f 00 00 // cmp slot, %rax
# expect-entries: 0 1
.globl main
main:   mov external@GOTPCREL(%rip), %rax
        cmp external@GOTPCREL(%rip), %rax
