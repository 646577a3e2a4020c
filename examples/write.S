// Writes what the caller passes: `_start(pointer, length)` returns how many bytes it wrote.
//
//     kiln run examples/write.S "Hello from Tim"
//
// Raw system calls, so that the code needs nothing outside itself.

        .text
        .globl _start
        .p2align 2
_start:
#if defined(__x86_64__) && defined(__linux__)
        mov     %rsi, %rdx              // length
        mov     %rdi, %rsi              // pointer
        mov     $1, %edi                // to standard output
        mov     $1, %eax                // write
        syscall
        ret
#elif defined(__aarch64__) && defined(__linux__)
        mov     x2, x1                  // length
        mov     x1, x0                  // pointer
        mov     x0, #1                  // to standard output
        mov     x8, #64                 // write
        svc     #0
        ret
#elif defined(__aarch64__) && defined(__APPLE__)
        mov     x2, x1                  // length
        mov     x1, x0                  // pointer
        mov     x0, #1                  // to standard output
        mov     x16, #4                 // write
        svc     #0x80
        ret
#else
#error "this example knows Linux on x86-64 and arm64, and macOS on arm64"
#endif
