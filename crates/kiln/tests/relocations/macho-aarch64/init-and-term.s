// Lists of initializers and finalizers are lists of addresses, and stand in the data.
// target: aarch64-apple-darwin
// base: 0x10000
// expect 0x14000: 00 40 01 00 00 00 00 00 // the handle that finalizers are registered under
// expect 0x18000: 00 00 01 00 00 00 00 00 // __mod_init_func
// expect 0x18008: 04 00 01 00 00 00 00 00 // __mod_term_func
.globl _main
_main:  ret
_end:   ret
        .section __DATA,__mod_init_func,mod_init_funcs
        .p2align 3
        .quad _main
        .section __DATA,__mod_term_func,mod_term_funcs
        .p2align 3
        .quad _end
