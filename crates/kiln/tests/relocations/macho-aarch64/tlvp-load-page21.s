// ARM64_RELOC_TLVP_LOAD_PAGE21: Page(descriptor) - Page(P), without a slot (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// covers: ARM64_RELOC_TLVP_LOAD_PAGE21
// expect main: 60 00 00 b0 // adrp x0, the page 0x1d000
// expect 0x1c000: aa // the data begins
// expect 0x1d008: 00 00 00 00 00 00 00 00 // the descriptor: its function is the loader's
// expect 0x1d018: 04 00 00 00 00 00 00 00 // the variable's offset in the block
// expect 0x18000: 07 00 00 00 03 00 00 00 // the initial image
// expect-entries: 0 0
.globl _main
_main:  adrp x0, _x@TLVPPAGE
        .section __TEXT,__const
        .space 0x4000, 0x11
        .data
        .space 0x1004, 0xaa
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
