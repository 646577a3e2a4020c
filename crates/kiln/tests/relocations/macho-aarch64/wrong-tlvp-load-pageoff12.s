// ARM64_RELOC_TLVP_LOAD_PAGEOFF12 on a load of 32 bits.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: wrong-tlvp-load-pageoff12.s: __text+0x0: `x`: ARM64_RELOC_TLVP_LOAD_PAGEOFF12 is for another instruction than 0xb9400000
.globl _main
_main:  ldr w0, [x0, _x@TLVPPAGEOFF]
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
