// R_AARCH64_LD64_GOTPAGE_LO15 with the 4097th slot, which is too far.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: ld64-gotpage-lo15-above.s: .text+0x4000: `last`: R_AARCH64_LD64_GOTPAGE_LO15 wants an unsigned 15-bit value, and this one is 0x8000
.macro  load
        .globl label\@
label\@: ldr x0, [x0, :gotpage_lo15:label\@]
.endm
.rept   4096
        load
.endr
        .globl last
last:   ldr x0, [x0, :gotpage_lo15:last]
