// A weak definition counts before a common symbol (in ELF it is the other way round).
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 10 00 01 00 00 00 00 00 10 00 01 00 00 00 00 00 // both
// expect value: 05
.globl _main
_main:  .quad _value, _again
        .comm _value,8,3
        .comm _again,8,3
// input
.globl _value, _again
        .weak_definition _value
        .weak_definition _again
_value:
_again: .quad 5
