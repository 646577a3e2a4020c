// ARM64_RELOC_BRANCH26 into a far function, where no stub leads: one instruction too far down.
// target: aarch64-apple-darwin
// base: 0x40000000
// define: external = 0x38000004
// retype: __text+0x0 part = 0xa4fffff8 // ARM64_RELOC_ADDEND of -8: clang 14 writes negative ones wrong
// expect-error: branch26-below.s: __text+0x0: `external`: ARM64_RELOC_BRANCH26 at 0x40000000 cannot reach 0x38000004: the distance is -0x8000004, it takes a multiple of 4 within ±128 MiB
.globl _main
_main:  bl _external + 8
