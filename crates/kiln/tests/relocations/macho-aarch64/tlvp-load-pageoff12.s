// ARM64_RELOC_TLVP_LOAD_PAGEOFF12: the load of the descriptor's address becomes its address itself (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// covers: ARM64_RELOC_TLVP_LOAD_PAGEOFF12
// expect main: 20 20 00 91 // add x0, x1, #8
// expect 0x18008: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 // the descriptor
// expect 0x14000: 07 00 00 00 03 00 00 00 // the initial image
// expect-entries: 0 0
.globl _main
_main:  ldr x0, [x1, _x@TLVPPAGEOFF]
        .data
        .byte 1
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
