// A GOT load of what the image holds takes the address itself, and needs no slot: `adrp` of its page, `add` for `ldr`.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 20 00 00 90 00 0c 00 91 // adrp x0, value; add x0, x0, value
// expect main+8: 03 00 00 90 62 00 00 91 // adrp x3, main; add x2, x3, main
// expect-entries: 0 0
.globl _main, _value
_main:  adrp x0, _value@GOTPAGE
        ldr x0, [x0, _value@GOTPAGEOFF]
        adrp x3, _main@GOTPAGE
        ldr x2, [x3, _main@GOTPAGEOFF]
        .section __TEXT,__const
        .byte 1, 2, 3
_value: .byte 4
