# Relocation type 10 is not one of Kiln's: a number that nothing has.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x1 = 0xad
# expect-error: refused-number.s: __text+0x1: relocation type 10 of Mach-O x86-64 is not supported
.globl _main
_main:  call _external
