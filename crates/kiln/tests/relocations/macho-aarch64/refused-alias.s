// An alias of a symbol that is defined elsewhere.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-alias.s: `_alias`: the symbol is an alias of an undefined symbol (type 0xa), which is not supported
.globl _main, _alias
_main:  ret
        .set _alias, _elsewhere
