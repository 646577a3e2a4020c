# A section's number that the file does not have.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __text+0x0 = 0x06000009 // UNSIGNED, 8 bytes, section 9
# expect-error: section-missing.s: __text+0x0: a relocation names section 9, which does not exist
.globl _main
_main:  .quad _external
