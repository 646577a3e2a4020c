// Of a thread-local variable, SECREL counts from the beginning of each thread's copy (*PE Format*, "The .tls Section").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// expect main: 00 04 40 91 // add x0, x0, #1, lsl #12
// expect main+4: 01 08 40 b9 // ldr w1, [x0, #8]
.globl main
main:   add x0, x0, :secrel_hi12:variable
        ldr w1, [x0, :secrel_lo12:variable]
        .data
        .zero 100
        .section .tls$, "dw"
        .zero 0x1008
        .globl variable
variable: .long 1
