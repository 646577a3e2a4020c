// The address of the initial image of a variable.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-data-address.s: __data+0x0: `x$tlv$init`: ARM64_RELOC_UNSIGNED of a thread-local variable, which has another address in each thread
.globl _main
_main:  ret
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
        .data
        .quad _x$tlv$init
