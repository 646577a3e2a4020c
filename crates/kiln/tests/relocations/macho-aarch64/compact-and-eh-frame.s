// A function that compact unwinding cannot describe is described by __eh_frame, the other by the compact table.
// target: aarch64-apple-darwin
// base: 0x10000
// expect 0x14000: 10 00 00 00 00 00 00 00 01 7a 52 00 01 78 1e 01 10 0c 1f 00 20 00 00 00 18 00 00 00 e4 bf ff ff ff ff ff ff 08 00 00 00 00 00 00 00 00 44 0e 20 93 04 00 00 00 00 00 00 1c 00 00 00 3c 00 00 00 c8 bf ff ff ff ff ff ff 04 00 00 00 00 00 00 00 00 00 00 00
// expect-entries: 0 0
.globl _f
.p2align 2
_f:     .cfi_startproc
        sub sp, sp, #32
        .cfi_def_cfa_offset 32
        .cfi_offset w19, -32
        ret
        .cfi_endproc
_g:     .cfi_startproc
        ret
        .cfi_endproc
.subsections_via_symbols
