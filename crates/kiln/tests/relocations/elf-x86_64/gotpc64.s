# R_X86_64_GOTPC64: GOT + A - P (psABI 4.4.1), as the large code model begins a function.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_GOTPC64
# expect main: 49 bb 00 10 00 00 00 00 00 00 // 0x11000 - main
.globl main
main:   movabs $_GLOBAL_OFFSET_TABLE_ - main, %r11
