// Relocation type 11 is not one of Kiln's: IMAGE_REL_ARM64_SECREL_LOW12L, a thread-local access.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-11.s: .text+0x0: relocation type 11 of COFF arm64 is not supported
.globl main
main:   ldr x0, [x0, :secrel_lo12:external]
