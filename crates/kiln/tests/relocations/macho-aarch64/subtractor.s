// ARM64_RELOC_SUBTRACTOR: S + A - S', 8 and 4 bytes, with addends, up and down (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect table: 78 56 33 12 00 00 00 00 // external - main
// expect table+8: 80 56 33 12 00 00 00 00 // external - main + 8
// expect table+16: 80 a9 cc ed ff ff ff ff // main - external - 8
// expect table+24: 78 56 33 12 // external - main
// expect table+28: 04 80 ff ff // main - table + 4
// expect table+32: 58 d6 32 12 // external - place
// expect table+36: 04 c0 ff ff // Lthere - table
.globl _main
_main:  nop
        nop
        .data
_table: .quad _external - _main
        .quad _external - _main + 8
        .quad _main - _external - 8
        .long _external - _main
        .long _main - _table + 4
        .long _external - .
        .long Lthere - _table
        .section __TEXT,__const
        .long 0
Lthere: .long 1
