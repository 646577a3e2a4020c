# Relocation type 0 is not one of Kiln's: X86_64_RELOC_UNSIGNED of 2 bytes.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# expect-error: refused-unsigned-2.s: __text+0x0: relocation type 0 of Mach-O x86-64 is not supported
.globl _main
_main:  .short _external
