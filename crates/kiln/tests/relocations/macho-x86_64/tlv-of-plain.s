# An access as of a thread-local variable to something that is none.
# target: x86_64-apple-darwin
# base: 0x10000
# expect-error: tlv-of-plain.s: __text+0x3: `main`: X86_64_RELOC_TLV of something that is no thread-local variable
.globl _main
_main:  mov _main@TLVP(%rip), %rdi
