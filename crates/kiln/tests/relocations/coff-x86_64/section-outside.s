# IMAGE_REL_AMD64_SECTION of a symbol that is in no section.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# expect-error: section-outside.s: .text+0x0: `external`: IMAGE_REL_AMD64_SECTION of a symbol that is in no section
.globl main
main:   .secidx external
