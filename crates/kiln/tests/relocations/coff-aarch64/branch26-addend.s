// IMAGE_REL_ARM64_BRANCH26 into a far function, where no stub leads: the field holds 1 instruction.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: external = 0x47fffffc
// expect-error: branch26-addend.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH26 at 0x40000000 cannot reach 0x47fffffc: the distance is 0x8000000, it takes a multiple of 4 within ±128 MiB
.globl main
main:   bl external + 4
