// Relocation type 15 is not one of Kiln's: a number that nothing has.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x0 = 0xfd
// expect-error: refused-15.s: __text+0x0: relocation type 15 of Mach-O arm64 is not supported
.globl _main
_main:  bl _external
