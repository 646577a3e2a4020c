// ARM64_RELOC_UNSIGNED of a section's number: the field is the address in the file, where the data are at 8.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 = 0x06000001 // UNSIGNED, 8 bytes, section 1
// retype: __data+0x8 = 0x06000002 // section 2
// retype: __data+0x10 = 0x04000002 // 4 bytes
// expect table: 04 00 01 00 00 00 00 00 // the text + 4
// expect table+8: 08 40 01 00 00 00 00 00 // the data + 0x10 - 8
// expect table+16: 00 40 01 00 // the data + 8 - 8
.globl _main
_main:  nop
        nop
        .data
_table: .quad _external + 4
        .quad _external + 0x10
        .long _external + 8
