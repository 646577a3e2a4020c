# -mcmodel=kernel: the image in the last 2 GiB, whose addresses R_X86_64_32S holds.
# target: x86_64-unknown-linux-gnu
# base: 0xffffffff80000000
# define: external = 0xffffffff80001000
# expect main+3: 00 00 00 80 // main
# expect main+10: f2 ff ff ff // main - 4 - place
# expect main+14: 00 00 00 80 ff ff ff ff // main
# expect main+23: e5 0f 00 00 // external - 4 - place
.globl main
main:   movq $main, %rax
        lea main(%rip), %rax
        .quad main
        call external
