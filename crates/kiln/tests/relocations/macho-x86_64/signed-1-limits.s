# X86_64_RELOC_SIGNED_1 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-apple-darwin
# base: 0x100000000
# define: last = 0x180000006
# define: first = 0x8000000e
# expect main+2: ff ff ff 7f // last
# expect main+9: 00 00 00 80 // first
.globl _main
_main:  movb $1, _last(%rip)
        movb $1, _first(%rip)
