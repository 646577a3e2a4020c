# Call frame information means the file's code by distances that have no relocation: they are kept right as sections move.
# target: x86_64-apple-darwin
# base: 0x10000
# expect 0x11018: 1c 00 00 00 1c 00 00 00 // the description of f: its length, and back to the common record
# expect 0x11020: f0 ef ff ff ff ff ff ff 01 00 00 00 00 00 00 00 // f - P, and f's size
# expect 0x11040: e8 ef ff ff ff ff ff ff 01 00 00 00 00 00 00 00 // g - P, and g's size
.globl _f, _g
        .text
        .space 16, 0x90
_f:     .cfi_startproc
        ret
        .cfi_endproc
        .space 0x17, 0x90
_g:     .cfi_startproc
        .cfi_def_cfa_offset 24
        ret
        .cfi_endproc
