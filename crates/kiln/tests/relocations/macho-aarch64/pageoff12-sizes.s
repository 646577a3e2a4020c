// ARM64_RELOC_PAGEOFF12 counts in units of the load's or store's own size, 16 bytes included.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345670
// expect main: 00 c0 59 39 // 0x670 / 1
// expect main+4: 00 c0 99 39 // 0x670 / 1
// expect main+8: 00 c0 19 39 // 0x670 / 1
// expect main+12: 00 c0 59 3d // 0x670 / 1
// expect main+16: 00 e0 4c 79 // 0x670 / 2
// expect main+20: 00 e0 8c 79 // 0x670 / 2
// expect main+24: 00 e0 4c 7d // 0x670 / 2
// expect main+28: 00 70 46 b9 // 0x670 / 4
// expect main+32: 00 70 86 b9 // 0x670 / 4
// expect main+36: 00 70 06 bd // 0x670 / 4
// expect main+40: 00 38 43 f9 // 0x670 / 8
// expect main+44: 00 38 03 fd // 0x670 / 8
// expect main+48: 00 38 83 f9 // 0x670 / 8
// expect main+52: 00 9c c1 3d // 0x670 / 16
// expect main+56: 00 9c 81 3d // 0x670 / 16
.globl _main
_main:  ldrb w0, [x0, _external@PAGEOFF]
        ldrsb x0, [x0, _external@PAGEOFF]
        strb w0, [x0, _external@PAGEOFF]
        ldr b0, [x0, _external@PAGEOFF]
        ldrh w0, [x0, _external@PAGEOFF]
        ldrsh x0, [x0, _external@PAGEOFF]
        ldr h0, [x0, _external@PAGEOFF]
        ldr w0, [x0, _external@PAGEOFF]
        ldrsw x0, [x0, _external@PAGEOFF]
        str s0, [x0, _external@PAGEOFF]
        ldr x0, [x0, _external@PAGEOFF]
        str d0, [x0, _external@PAGEOFF]
        prfm pldl1keep, [x0, _external@PAGEOFF]
        ldr q0, [x0, _external@PAGEOFF]
        str q0, [x0, _external@PAGEOFF]
