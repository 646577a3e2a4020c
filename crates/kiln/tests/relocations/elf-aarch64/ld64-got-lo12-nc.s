// R_AARCH64_LD64_GOT_LO12_NC: G & 0xfff, in units of 8 (AAELF64, "GOT-relative").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x12345679
// covers: R_AARCH64_LD64_GOT_LO12_NC
// expect main: 00 00 40 f9 // first slot & 0xfff
// expect main+4: 21 04 40 f9 // (second slot & 0xfff) / 8
// expect 0x20000: 78 56 34 12 00 00 00 00 // external
// expect 0x20008: 79 56 34 12 00 00 00 00 // other
// expect-entries: 0 2
.globl main
main:   ldr x0, [x0, :got_lo12:external]
        ldr x1, [x1, :got_lo12:other]
