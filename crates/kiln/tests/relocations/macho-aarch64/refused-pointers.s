// Pointers of indirect symbols.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-pointers.s: __DATA,__nl_symbol_ptr: pointers and stubs of indirect symbols are what linkers make, and compilers of 32-bit code
.globl _main
_main:  ret
        .section __DATA,__nl_symbol_ptr,non_lazy_symbol_pointers
        .indirect_symbol _elsewhere
        .quad 0
