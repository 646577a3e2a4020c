// Variables that begin as zeros stand behind all others, aligned as they want it.
// target: aarch64-apple-darwin
// base: 0x10000
// expect 0x18000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 // the descriptor of zero
// expect 0x18018: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // the descriptor of seven
// expect 0x14000: 07 00 00 00 // the initial image
.globl _main
_main:  ret
        .tbss _zero$tlv$init, 4, 4
        .section __DATA,__thread_vars,thread_local_variables
_zero:  .quad __tlv_bootstrap
        .quad 0
        .quad _zero$tlv$init
_seven: .quad __tlv_bootstrap
        .quad 0
        .quad _seven$tlv$init
        .section __DATA,__thread_data,thread_local_regular
_seven$tlv$init: .long 7
