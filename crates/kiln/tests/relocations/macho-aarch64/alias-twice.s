// Another name is a definition like any other.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: alias-twice.s#2: `alias`: is defined in alias-twice.s too
.globl _main, _alias
_main:  ret
        .set _alias, _value
// input
        .globl _alias, _value
_alias: ret
_value: ret
