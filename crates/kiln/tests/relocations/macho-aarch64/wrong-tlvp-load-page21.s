// ARM64_RELOC_TLVP_LOAD_PAGE21 on another instruction: bl x.
// target: aarch64-apple-darwin
// base: 0x10000
// retype: __text+0x0 = 0x8d // ARM64_RELOC_TLVP_LOAD_PAGE21
// expect-error: wrong-tlvp-load-page21.s: __text+0x0: `x`: ARM64_RELOC_TLVP_LOAD_PAGE21 is for another instruction than 0x94000000
.globl _main
_main:  bl _x
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
