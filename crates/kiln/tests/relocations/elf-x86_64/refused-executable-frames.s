# Unwinders' tables are constants: they have no place in the text.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: refused-executable-frames.s: .frames: the section is executable and holds call frame information
.globl main
main:   ret
        .section .frames, "ax", @unwind
        .long 16, 0, 0x00527a01, 0x01107801, 0x0000011b
