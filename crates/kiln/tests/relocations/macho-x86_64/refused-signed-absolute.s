# Relocation type 1 is not one of Kiln's: X86_64_RELOC_SIGNED that is no distance.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x1 = 0x1c
# expect-error: refused-signed-absolute.s: __text+0x1: relocation type 1 of Mach-O x86-64 is not supported
.globl _main
_main:  call _external
