# The load of a descriptor's address from a slot becomes its address itself.
# target: x86_64-apple-darwin
# base: 0x10000
# expect main: 48 8d 3d f9 1f 00 00 // lea x(%rip), %rdi
# expect 0x12000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 // the descriptor
# expect 0x11000: 07 00 00 00 03 00 00 00 // the initial image
# expect-entries: 0 0
.globl _main
_main:  mov _x@TLVP(%rip), %rdi
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
