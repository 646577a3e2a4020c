# X86_64_RELOC_TLV is a thread-local access.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# expect-error: refused-tlv.s: __text+0x3: X86_64_RELOC_TLV is a thread-local access, and Mach-O's thread-local variables are not supported yet
.globl _main
_main:  mov _external@TLVP(%rip), %rdi
