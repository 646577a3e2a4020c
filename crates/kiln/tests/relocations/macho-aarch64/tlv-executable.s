// Thread-local variables in a section that is executable.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-executable.s: __odd: the section is executable and holds thread-local variables
.globl _main
_main:  ret
        .section __TEXT,__odd,thread_local_regular,pure_instructions
        .long 7
