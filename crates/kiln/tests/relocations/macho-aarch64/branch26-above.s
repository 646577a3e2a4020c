// ARM64_RELOC_BRANCH26 into a far function, where no stub leads: one instruction too far up.
// target: aarch64-apple-darwin
// base: 0x40000000
// define: external = 0x47fffff8
// expect-error: branch26-above.s: __text+0x0: `external`: ARM64_RELOC_BRANCH26 at 0x40000000 cannot reach 0x47fffff8: the distance is 0x8000000, it takes a multiple of 4 within ±128 MiB
.globl _main
_main:  bl _external + 8
