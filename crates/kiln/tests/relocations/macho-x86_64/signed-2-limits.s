# X86_64_RELOC_SIGNED_2 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-apple-darwin
# base: 0x100000000
# define: last = 0x180000008
# define: first = 0x80000012
# expect main+3: ff ff ff 7f // last
# expect main+12: 00 00 00 80 // first
.globl _main
_main:  movw $1, _last(%rip)
        movw $1, _first(%rip)
