// Writes a constant that stands behind the code: `_start` takes nothing and returns.
//
//     kiln run examples/hello.S
//
// Raw system calls, so that the code needs nothing outside itself.

        .text
        .globl _start
        .p2align 2
_start:
#if defined(__x86_64__) && defined(__linux__)
        mov     $1, %eax                // write
        mov     $1, %edi                // to standard output
        lea     msg(%rip), %rsi
        mov     $len, %edx
        syscall
        ret
#elif defined(__aarch64__) && defined(__linux__)
        mov     x8, #64                 // write
        mov     x0, #1                  // to standard output
        adr     x1, msg
        mov     x2, #len
        svc     #0
        ret
#elif defined(__aarch64__) && defined(__APPLE__)
        mov     x16, #4                 // write
        mov     x0, #1                  // to standard output
        adr     x1, msg
        mov     x2, #len
        svc     #0x80
        ret
#else
#error "this example knows Linux on x86-64 and arm64, and macOS on arm64"
#endif

// An assembler that cuts text at symbols must leave this one where it stands.
#ifdef __APPLE__
        .alt_entry msg
#endif
msg:
        .ascii  "Hello World From Kiln!\n"
        .equ    len, . - msg
