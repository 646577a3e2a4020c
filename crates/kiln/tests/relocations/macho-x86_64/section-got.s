# A slot for a section's number.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x2 = 0x45000001 // X86_64_RELOC_GOT, section 1
# expect-error: section-got.s: __text+0x2: X86_64_RELOC_GOT to a section instead of a symbol
.globl _main
_main:  call *_external@GOTPCREL(%rip)
