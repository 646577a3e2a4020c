// A compact unwind table becomes call frame information: of a function with a frame, and of one without.
// target: aarch64-apple-darwin
// base: 0x10000
// define: personality = 0x12345678
// expect 0x14000: 78 56 34 12 00 00 00 00 // the personality function's slot
// expect 0x14008: 01 02 03 04 // the language's data
// expect 0x14010: 1c 00 00 00 00 00 00 00 01 7a 50 4c 52 00 01 78 1e 0b 90 dd ff ff ff ff ff ff ff 10 10 0c 1f 00 // in common: a personality function, at slot - P
// expect 0x14030: 24 00 00 00 24 00 00 00 // of f: its length, and back to the common record
// expect 0x14038: c8 bf ff ff ff ff ff ff 0c 00 00 00 00 00 00 00 // f - P, and 12 bytes
// expect 0x14048: 08 c2 ff ff ff ff ff ff ff // the data - P
// expect 0x14051: 0c 1d 10 9e 01 9d 02 // 16 bytes behind x29, which is saved with x30
// expect 0x14058: 14 00 00 00 00 00 00 00 01 7a 52 00 01 78 1e 01 10 0c 1f 00 00 00 00 00 // in common: no personality function
// expect 0x14070: 1c 00 00 00 1c 00 00 00 94 bf ff ff ff ff ff ff 08 00 00 00 00 00 00 00 00 // of g: 8 bytes at g - P
// expect 0x14089: 0c 1f 20 00 00 00 00 // 32 bytes behind sp; the end
.globl _f
.p2align 2
_f:     .cfi_startproc
        .cfi_personality 155, _personality
        .cfi_lsda 16, Ldata
        stp x29, x30, [sp, #-16]!
        mov x29, sp
        .cfi_def_cfa w29, 16
        .cfi_offset w30, -8
        .cfi_offset w29, -16
        ret
        .cfi_endproc
_g:     .cfi_startproc
        sub sp, sp, #32
        .cfi_def_cfa_offset 32
        ret
        .cfi_endproc
        .section __TEXT,__gcc_except_tab
        .byte 1, 2, 3
Ldata:  .byte 4
.subsections_via_symbols
