// IMAGE_REL_ARM64_PAGEOFFSET_12L and the addend in its field count in units of the instruction's own size.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345670
// expect main: 00 00 5a 39 // (0x670 + 16) / 1
// expect main+4: 00 00 9a 39 // (0x670 + 16) / 1
// expect main+8: 00 00 1a 39 // (0x670 + 16) / 1
// expect main+12: 00 00 5a 3d // (0x670 + 16) / 1
// expect main+16: 00 00 4d 79 // (0x670 + 16) / 2
// expect main+20: 00 00 8d 79 // (0x670 + 16) / 2
// expect main+24: 00 00 4d 7d // (0x670 + 16) / 2
// expect main+28: 00 80 46 b9 // (0x670 + 16) / 4
// expect main+32: 00 80 86 b9 // (0x670 + 16) / 4
// expect main+36: 00 80 06 bd // (0x670 + 16) / 4
// expect main+40: 00 40 43 f9 // (0x670 + 16) / 8
// expect main+44: 00 40 03 fd // (0x670 + 16) / 8
// expect main+48: 00 40 83 f9 // (0x670 + 16) / 8
// expect main+52: 00 a0 c1 3d // (0x670 + 16) / 16
// expect main+56: 00 a0 81 3d // (0x670 + 16) / 16
.globl main
main:   ldrb w0, [x0, :lo12:external + 16]
        ldrsb x0, [x0, :lo12:external + 16]
        strb w0, [x0, :lo12:external + 16]
        ldr b0, [x0, :lo12:external + 16]
        ldrh w0, [x0, :lo12:external + 16]
        ldrsh x0, [x0, :lo12:external + 16]
        ldr h0, [x0, :lo12:external + 16]
        ldr w0, [x0, :lo12:external + 16]
        ldrsw x0, [x0, :lo12:external + 16]
        str s0, [x0, :lo12:external + 16]
        ldr x0, [x0, :lo12:external + 16]
        str d0, [x0, :lo12:external + 16]
        prfm pldl1keep, [x0, :lo12:external + 16]
        ldr q0, [x0, :lo12:external + 16]
        str q0, [x0, :lo12:external + 16]
