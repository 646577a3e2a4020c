// Another name of a symbol that is defined elsewhere (`N_INDR`): in another input, and outside.
// target: aarch64-apple-darwin
// base: 0x10000
// define: far = 0x7f0000000000
// expect main: 08 40 01 00 00 00 00 00 08 40 01 00 00 00 00 00 00 00 00 00 00 7f 00 00 // value, twice, and far
// expect user: 08 40 01 00 00 00 00 00 // by the other input
.globl _main, _alias, _distant
        .private_extern _own
_main:  .quad _alias, _own, _distant
        .set _alias, _value
        .globl _own
        .set _own, _value
        .set _distant, _far
// input
        .globl _user, _value
        .section __TEXT,__const
        .quad 0
_value: .quad 1
_user:  .quad _alias
