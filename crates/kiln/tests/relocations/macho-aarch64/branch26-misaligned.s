// ARM64_RELOC_BRANCH26 between two instructions.
// target: aarch64-apple-darwin
// base: 0x40000000
// define: external = 0x40000000
// expect-error: branch26-misaligned.s: __text+0x0: `external`: ARM64_RELOC_BRANCH26 at 0x40000000 cannot reach 0x40000000: the distance is 0x2, it takes a multiple of 4 within ±128 MiB
.globl _main
_main:  bl _external + 2
