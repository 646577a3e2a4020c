// Pointers to descriptors, which linkers make.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-thread-ptrs.s: __DATA,__thread_ptrs: pointers to thread-local variables are what linkers make, and not what compilers do
.globl _main
_main:  ret
        .section __DATA,__thread_ptrs,thread_local_variable_pointers
        .quad 0
