// ARM64_RELOC_TLVP_LOAD_PAGEOFF12 is a thread-local access.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-tlvp-pageoff12.s: __text+0x0: ARM64_RELOC_TLVP_LOAD_PAGEOFF12 is a thread-local access, and Mach-O's thread-local variables are not supported yet
.globl _main
_main:  ldr x0, [x0, _external@TLVPPAGEOFF]
