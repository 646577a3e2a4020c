// Another name of what nobody defines.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: undefined symbol `nowhere`, wanted by alias-undefined.s
.globl _main, _alias
_main:  .quad _alias
        .set _alias, _nowhere
