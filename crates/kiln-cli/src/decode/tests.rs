#[path = "../../../kiln/tests/common/percent.rs"]
mod percent;

use kiln::Arch;

use super::lines;

/// The texts of `code` at `address`.
fn texts(arch: Arch, code: &[u8], address: u64) -> Vec<String> {
    lines(arch, code, address).into_iter().map(|line| line.text).collect()
}

/// The text of the A64 instruction `word` at 0x1234_5678.
fn a64(word: u32) -> String {
    texts(Arch::Aarch64, &word.to_le_bytes(), 0x1234_5678).concat()
}

/// Numbers that look random and are the same in each run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn every_byte_is_in_one_line() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for round in 0..percent::of(20_000) {
        let len = random(&mut state) as usize % 64;
        let code: Vec<u8> = (0..len).map(|_| (random(&mut state) >> 32) as u8).collect();
        // The end of the address space too, where targets wrap round.
        let address = if round % 2 == 0 { random(&mut state) } else { u64::MAX - len as u64 / 2 };
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let mut end = 0;
            for line in lines(arch, &code, address) {
                assert_eq!(line.offset, end);
                assert!(!line.bytes.is_empty() && !line.text.is_empty());
                assert_eq!(&code[end..end + line.bytes.len()], line.bytes);
                assert!(line.text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{}", line.text);
                end += line.bytes.len();
            }
            assert_eq!(end, len);
        }
    }
}

#[test]
fn x86_64() {
    let code = b"\xf3\x0f\x1e\xfa\x48\x89\xe5\x48\x8d\x35\x10\x00\x00\x00\xc7\x45\xfc\x2a\x00\x00\x00\x0f\x05\
        \xe8\xe4\xff\xff\xff\x75\xe2\x8b\x04\xb7\x62\xf1\x7c\x48\x10\x06\xff\x25\x00\x01\x00\x00\
        \x84\x04\xe7\x48\xb8\xef\xcd\xab\x89\x67\x45\x23\x01\x06\xc3\xe8\x00";
    let expected = [
        "endbr64",
        "mov %rsp,%rbp",
        "lea 0x10(%rip),%rsi # 0x40101e",
        "movl $0x2a,-0x4(%rbp)",
        "syscall",
        "call 0x401000",
        "jne 0x401000",
        "mov (%rdi,%rsi,4),%eax",
        "vmovups (%rsi),%zmm0",
        "jmpq *0x100(%rip) # 0x40112d",
        "test %al,(%rdi)",
        "movabs $0x123456789abcdef,%rax",
        ".byte 0x06",
        "ret",
        // A call that is cut off.
        ".byte 0xe8",
        ".byte 0x00",
    ];
    assert_eq!(texts(Arch::X86_64, code, 0x40_1000), expected);
}

#[test]
fn arm64_ends_in_bytes() {
    let code = [0xc0, 0x03, 0x5f, 0xd6, 0xff, 0xff, 0xff, 0xff, 0x48, 0x69, 0x0a];
    assert_eq!(texts(Arch::Aarch64, &code, 0), ["ret", ".inst 0xffffffff", ".byte 0x48, 0x69, 0x0a"]);
}

#[test]
fn arm64_targets_are_addresses() {
    let expected = [
        (0x9400_0002, "bl 0x12345680"),
        (0x17ff_ffff, "b 0x12345674"),
        (0x54ff_ffc1, "b.ne 0x12345670"),
        (0xb400_0043, "cbz x3, 0x12345680"),
        (0x3718_0044, "tbnz w4, #0x3, 0x12345680"),
        (0x1000_0041, "adr x1, 0x12345680"),
        (0xb000_0000, "adrp x0, 0x12346000"),
        (0x9000_0002, "adrp x2, 0x12345000"),
        (0x5800_0045, "ldr x5, 0x12345680"),
        (0x9800_0045, "ldrsw x5, 0x12345680"),
        (0xd800_0040, "prfm pldl1keep, 0x12345680"),
    ];
    for (word, text) in expected {
        assert_eq!(a64(word), text, "{word:#010x}");
    }
    assert_eq!(texts(Arch::Aarch64, &0x17ff_ffffu32.to_le_bytes(), 0), ["b 0xfffffffffffffffc"]);
}

/// What `yaxpeax-arm` alone gets wrong; all of these are as `objdump` has them.
#[test]
fn arm64_corrections() {
    let expected = [
        (0xcb24_40a5, "sub x5, x5, w4, uxtw"),
        (0x0b33_40c1, "add w1, w6, w19, uxtw"),
        (0x8b21_6d29, "add x9, x9, x1, uxtx #3"),
        (0xeb24_6b5f, "cmp x26, x4, uxtx #2"),
        (0xab35_6334, "adds x20, x25, x21, uxtx"),
        (0xcb2f_63ff, "sub sp, sp, x15"),
        (0x8b20_6fe1, "add x1, sp, x0, lsl #3"),
        (0x8b22_c020, "add x0, x1, w2, sxtw"),
        (0xcb9c_0091, "sub x17, x4, x28, asr #0"),
        (0xaafb_03fc, "mvn x28, x27, ror #0"),
        (0x387b_7a32, "ldrb w18, [x17, x27, lsl #0]"),
        (0x387b_6a32, "ldrb w18, [x17, x27]"),
        (0x387b_5a9e, "ldrb w30, [x20, w27, uxtw #0]"),
        (0xf861_d803, "ldr x3, [x0, w1, sxtw #3]"),
        (0xf861_c803, "ldr x3, [x0, w1, sxtw]"),
        (0xd51b_d05e, "msr tpidr_el0, x30"),
        (0xd53b_d041, "mrs x1, tpidr_el0"),
        (0xd53b_0020, "mrs x0, ctr_el0"),
        (0xd503_47df, "msr daifset, #0x7"),
        (0xd503_233f, "paciasp"),
        (0xd503_245f, "bti c"),
        (0xd503_201f, "nop"),
        (0xd503_2abf, "hint #0x55"),
        (0x4e11_04eb, "dup v11.16b, v7.b[8]"),
        // Allocated, but not printed rightly: data.
        (0x4f97_0a8b, ".inst 0x4f970a8b"),
        (0x6891_f7e9, ".inst 0x6891f7e9"),
        // Unallocated, or with ones missing that must be there.
        (0x0a2b_ba88, ".inst 0x0a2bba88"),
        (0x1240_0000, ".inst 0x12400000"),
        (0x9200_fc00, ".inst 0x9200fc00"),
        (0x1aa5_9033, ".inst 0x1aa59033"),
        (0xfa67_d3e4, ".inst 0xfa67d3e4"),
        (0x8b21_7529, ".inst 0x8b217529"),
        (0x8849_a3ff, ".inst 0x8849a3ff"),
        (0x6100_7fca, ".inst 0x61007fca"),
        (0x0cff_634b, ".inst 0x0cff634b"),
    ];
    for (word, text) in expected {
        assert_eq!(a64(word), text, "{word:#010x}");
    }
}
