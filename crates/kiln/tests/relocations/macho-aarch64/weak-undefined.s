// A weak reference to what is defined nowhere is 0, in its slot too.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 00 00 00 00 00 00 00 00 // 0
// expect main+8: 08 00 00 00 00 00 00 00 // 0 + 8
// expect main+16: 20 00 00 90 00 00 40 f9 // slot
// expect 0x14000: 00 00 00 00 00 00 00 00 // the slot: 0
.globl _main
        .weak_reference _maybe
_main:  .quad _maybe
        .quad _maybe + 8
        adrp x0, _maybe@GOTPAGE
        ldr x0, [x0, _maybe@GOTPAGEOFF]
