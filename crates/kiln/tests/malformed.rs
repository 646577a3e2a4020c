//! Damaged objects: whatever the bytes are, reading and linking them returns, without a panic and without asking for
//! much memory.
//!
//! Debug builds check arithmetic for overflow, so a sum of two numbers of the file that does not fit is a panic here.
//! Every object of `SOURCES` is cut off everywhere, has single fields set to extreme values everywhere, and has bytes
//! changed at random, always the same ones. What was found once has a test of its own, at the end.
#![allow(clippy::unwrap_used, clippy::panic)]
// The allocator that counts needs `unsafe impl`, and hands every call to the system's.
#![allow(unsafe_code)]

#[path = "common/percent.rs"]
mod percent;
#[path = "common/commons.rs"]
mod commons;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use kiln::{Arch, Assembler, Contents, Format, Linker, Syntax, Target, TargetAddr};

/// The most that one allocation may ask for, in bytes. The objects have some KiB.
const MOST: usize = 1 << 18;

/// Memory that is zeros already costs address space until it is written, and an image is as large as its sections say:
/// up to 2 GiB, and what rounds it up to pages.
const MOST_ZEROED: usize = (1 << 31) + 0x1_0000;

/// The longest time that one object may take: thousands of times what it does take.
const LONGEST: Duration = Duration::from_secs(5);

struct Counting;

thread_local! {
    /// The largest allocation of this thread, and the largest one of zeros.
    static LARGEST: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(written: usize, zeroed: usize) {
    // A thread that ends allocates too, when its variables are gone.
    _ = LARGEST.try_with(|largest| {
        let (most_written, most_zeroed) = largest.get();
        largest.set((most_written.max(written), most_zeroed.max(zeroed)));
    });
}

// SAFETY: every method hands its arguments to the system's allocator as they are, and returns what that returns.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, 0);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Objects with a bit of everything that Kiln takes: code, constants, data, zeros, common symbols, weak ones, GOT slots,
/// stubs, section symbols and, in Mach-O, pairs.
const SOURCES: [(Target, &str); 6] = [
    (
        Target::X86_64_LINUX,
        "
        .globl main
        .type main, @function
main:   call external
        call distant
        mov external@GOTPCREL(%rip), %rax
        lea table + 8(%rip), %rcx
        movl $1, shared(%rip)
        .weak maybe
        .quad maybe
        .size main, . - main
        .section .text.second, \"ax\", @progbits
        .p2align 4
second: jmp main
        .section .rodata.str, \"aMS\", @progbits, 1
.Ltext: .string \"text\"
        .section .data.rel.ro, \"aw\"
        .quad .Ltext, main - .
        .data
        .p2align 4
table:  .quad main, external
        .bss
        .zero 24
        .comm shared, 24, 16
        .comm other, 8, 8
        .section .debug_info, \"\", @progbits
        .long main
        .section .tdata, \"awT\", @progbits
own:    .quad 5
        .comm tentative, 40, 8
        .section .init, \"ax\", @progbits
        mov %fs:own@tpoff, %eax
        nop
        .section .note.gnu.property, \"a\"
        .long 4, 16, 5
        .asciz \"GNU\"
        .long 0xc0000002, 4, 3, 0",
    ),
    (
        Target::AARCH64_LINUX,
        "
        .globl main
main:   bl external
        bl distant
        adrp x0, :got:external
        ldr x0, [x0, :got_lo12:external]
        adrp x1, table + 8
        ldr x1, [x1, :lo12:table + 8]
        movz x2, #:abs_g0_nc:shared
        movk x2, #:abs_g3:shared
        .weak maybe
        .xword maybe
        .section .text.second, \"ax\", %progbits
        .p2align 4
second: b main
        .section .rodata
.Ltext: .string \"text\"
        .data
        .p2align 4
table:  .xword main, external, .Ltext
        .word main - .
        .bss
        .zero 24
        .comm shared, 24, 16
        .comm other, 8, 8
        .section .tdata, \"awT\", %progbits
own:    .quad 5
        .section .fini, \"ax\", %progbits
        add x0, x0, #:tprel_hi12:own
        .section .note.gnu.property, \"a\"
        .long 4, 16, 5
        .asciz \"GNU\"
        .long 0xc0000000, 4, 3, 0",
    ),
    (
        Target::AARCH64_MACOS,
        "
        .globl _main
_main:  bl _external + 4
        bl _distant
        adrp x0, _external@GOTPAGE
        ldr x0, [x0, _external@GOTPAGEOFF]
        adrp x1, _table@PAGE + 8
        ldr x1, [x1, _table@PAGEOFF + 8]
        .weak_reference _maybe
        .quad _maybe
        .section __TEXT, __second, regular, pure_instructions
        .p2align 4
_second: b _main
        .cstring
Ltext:  .asciz \"text\"
        .data
        .p2align 4
_table: .quad _main, _external - _main + 8, Ltext
        .long _external@GOT - .
        .long _main - _table
        .zerofill __DATA, __bss, _zeros, 24, 3
        .comm _shared, 24, 4
        .comm _other, 8, 3
        .subsections_via_symbols
        adrp x0, _variable@TLVPPAGE
        ldr x0, [x0, _variable@TLVPPAGEOFF]
        .tbss _variable$tlv$init, 8, 3
        .section __DATA,__thread_vars,thread_local_variables
_variable: .quad __tlv_bootstrap, 0, _variable$tlv$init",
    ),
    (
        Target::X86_64_MACOS,
        "
        .globl _main
_main:  call _external
        call _distant
        mov _external@GOTPCREL(%rip), %rax
        movl $1, _shared(%rip)
        movb $1, Ltable + 8(%rip)
        .weak_reference _maybe
        .quad _maybe
        .section __TEXT, __second, regular, pure_instructions
        .p2align 4
_second: jmp _main
        .cstring
Ltext:  .asciz \"text\"
        .data
        .p2align 4
Ltable: .quad _main, Ltext, Ltable + 8
        .quad _main - Ltable
        .zerofill __DATA, __bss, _zeros, 24, 3
        .comm _shared, 24, 4
        .comm _other, 8, 3
        .section __TEXT,__more,regular,pure_instructions
        mov _variable@TLVP(%rip), %rdi
        .tbss _variable$tlv$init, 8, 3
        .section __DATA,__thread_vars,thread_local_variables
_variable: .quad __tlv_bootstrap, 0, _variable$tlv$init",
    ),
    (
        Target::X86_64_WINDOWS,
        "
        .globl main
main:   call external
        lea table + 8(%rip), %rcx
        movl $1, shared(%rip)
        .section .second, \"xr\"
        .p2align 4
second: jmp main
        .section .rdata, \"dr\"
text:   .asciz \"text\"
        .rva main
        .data
        .p2align 4
table:  .quad main, external, text + 1
        .bss
        .zero 24
        .comm shared, 24
        .section a_long_name_of_a_section, \"dw\"
a_long_name_of_a_symbol: .long 1",
    ),
    (
        Target::AARCH64_WINDOWS,
        "
        .globl main
main:   bl external
        bl distant
        adrp x1, table + 8
        ldr x1, [x1, :lo12:table + 8]
        cbz x1, main
        .section .second, \"xr\"
        .p2align 4
second: b main
        .section .rdata, \"dr\"
text:   .asciz \"text\"
        .rva main
        .data
        .p2align 4
table:  .quad main, external, text + 1
        .long main - .
        .comm shared, 24",
    ),
];

fn object(target: Target) -> Vec<u8> {
    let (_, source) = SOURCES.iter().find(|(of, _)| *of == target).unwrap();
    let assembler = Assembler::find(target, Syntax::Plain).unwrap();
    let mut object = assembler.assemble("valid.s", format!("{source}\n").as_bytes()).unwrap();
    if source.contains("tentative") {
        commons::make_thread_local(&mut object, 40);
    }
    object
}

/// Reads and links `bytes` in every way. Whether they linked.
fn take(target: Target, bytes: &[u8]) -> bool {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        if let Ok(contents) = Contents::read("damaged.o", bytes, arch) {
            _ = (contents.text(), contents.entry());
            let relocations = (0..contents.sections().len()).flat_map(|section| contents.relocations(section));
            for relocation in relocations.filter_map(|relocation| relocation.defined) {
                assert!(relocation.0 < contents.sections().len());
            }
        }
    }
    let mut linker = Linker::new(target);
    // Where every kind reaches, and where only a stub does.
    for (name, address) in [("external", 0x1_0010_0000), ("distant", 0x7f00_0000_0000)] {
        linker.define_address(name, TargetAddr(address));
    }
    if linker.add_object("damaged.o", bytes).is_err() {
        return false;
    }
    // Aligned to whatever a section may ask for, and then not.
    let plans = [0x1_0000_0000, 0x1000, 0xffff_ffff_ffff_f000].map(|base| linker.plan(TargetAddr(base)));
    for plan in plans.iter().flatten() {
        for symbol in plan.symbols() {
            _ = plan.bytes_at(symbol.address);
        }
    }
    _ = linker.keep_only(".text", None);
    _ = linker.keep_only("__text", Some(0..u64::MAX));
    plans[0].is_ok()
}

/// Whether `bytes` linked, or what is wrong with how they are taken.
fn fault(target: Target, bytes: &[u8]) -> Result<bool, String> {
    fault_of(|| take(target, bytes))
}

fn fault_of(take: impl FnOnce() -> bool) -> Result<bool, String> {
    LARGEST.set((0, 0));
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(take));
    let (written, zeroed) = LARGEST.get();
    let took = start.elapsed();
    let Ok(linked) = result else { return Err("panics".to_owned()) };
    if written > MOST || zeroed > MOST_ZEROED {
        return Err(format!("asks for {written:#x} bytes at once, and for {zeroed:#x} bytes of zeros"));
    }
    if took > LONGEST {
        return Err(format!("takes {took:?}"));
    }
    Ok(linked)
}

/// Writes `value` over `len` bytes at `at`, as far as there are any.
fn patch(bytes: &mut [u8], at: usize, len: usize, value: u64) {
    for (to, from) in bytes.iter_mut().skip(at).take(len).zip(value.to_le_bytes()) {
        *to = from;
    }
}

/// A pseudo-random number generator (Marsaglia, *Xorshift RNGs*): the same numbers on every machine.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

struct Report {
    target: Target,
    faults: Vec<String>,
    linked: usize,
    tried: usize,
}

impl Report {
    fn new(target: Target) -> Report {
        Report { target, faults: Vec::new(), linked: 0, tried: 0 }
    }

    fn tries(&mut self, bytes: &[u8], what: impl FnOnce() -> String) {
        self.tried += 1;
        match fault(self.target, bytes) {
            Ok(linked) => self.linked += usize::from(linked),
            Err(fault) => self.faults.push(format!("{}: {fault}: {}", self.target, what())),
        }
    }

    /// One in `share` must have linked, at least: what is refused at once tests the readers alone.
    fn end(self, share: Option<usize>) {
        let faults = &self.faults;
        assert!(
            faults.is_empty(),
            "{} of {}:\n{}",
            faults.len(),
            self.tried,
            faults[..faults.len().min(40)].join("\n")
        );
        if let Some(share) = share {
            assert!(
                self.linked * share >= self.tried,
                "{}: only {} of {} linked",
                self.target,
                self.linked,
                self.tried
            );
        }
    }
}

fn cut_off(target: Target) {
    let whole = object(target);
    assert!(take(target, &whole), "the valid object of {target} does not link");
    let mut report = Report::new(target);
    for length in (0..whole.len()).step_by(percent::step()) {
        report.tries(&whole[..length], || format!("the first {length} bytes"));
    }
    report.end(None);
}

fn extreme(target: Target) {
    let whole = object(target);
    let mut report = Report::new(target);
    // COFF's records have 10 and 18 bytes, so fields of it stand at odd multiples of 2.
    let step = if target.format() == Format::Coff { 2 } else { 4 };
    for at in (0..whole.len()).step_by(step * percent::step()) {
        let end = whole.len() as u64;
        let narrow = [0, 1, 30, end - 1, 0x20_0000, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
        let wide = [0x4000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, u64::MAX];
        for (len, value) in narrow.map(|value| (4, value)).into_iter().chain(wide.map(|value| (8, value))) {
            let mut bytes = whole.clone();
            patch(&mut bytes, at, len, value);
            report.tries(&bytes, || format!("{value:#x} in the {len} bytes at {at:#x}"));
        }
    }
    report.end(Some(5));
}

fn random(target: Target) {
    let whole = object(target);
    let mut report = Report::new(target);
    for seed in 1..=percent::of(3000) as u64 {
        let mut random = Xorshift(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut bytes = whole.clone();
        let mut changes = Vec::new();
        for _ in 0..=random.below(4) {
            let (at, value) = (random.below(whole.len()), random.next());
            let (len, value) = match random.below(4) {
                0 => (1, u64::from(whole[at]) ^ 1 << (value % 8)),
                1 => (1, value & 0xff),
                2 => (2, value & 0xffff),
                // A number that another place of the file has.
                _ => (4, u64::from(whole[random.below(whole.len())])),
            };
            patch(&mut bytes, at, len, value);
            changes.push(format!("{value:#x} in the {len} bytes at {at:#x}"));
        }
        report.tries(&bytes, || changes.join(", "));
    }
    report.end(Some(5));
}

macro_rules! tests {
    ($($name:ident $target:ident)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn cut_off() {
                super::cut_off(Target::$target);
            }

            #[test]
            fn extreme() {
                super::extreme(Target::$target);
            }

            #[test]
            fn random() {
                super::random(Target::$target);
            }
        }
    )*};
}

tests! {
    elf_x86_64 X86_64_LINUX
    elf_aarch64 AARCH64_LINUX
    macho_aarch64 AARCH64_MACOS
    macho_x86_64 X86_64_MACOS
    coff_x86_64 X86_64_WINDOWS
    coff_aarch64 AARCH64_WINDOWS
}

/// The room between two functions is filled with traps, a GiB of it too.
/// A Mach-O relocation of a symbol that does not exist, or that has no name.
#[test]
fn relocations_of_no_symbol() {
    for (target, branch) in [(Target::AARCH64_MACOS, "bl"), (Target::X86_64_MACOS, "call")] {
        let text = format!(".globl _main\n_main: {branch} _external\n");
        let valid = Assembler::find(target, Syntax::Plain).unwrap().assemble("a.s", text.as_bytes()).unwrap();
        let field = |at: usize| u32::from_le_bytes(*valid[at..].first_chunk().unwrap()) as usize;
        let error = |at: usize, len: usize, value: u64| {
            let mut bytes = valid.clone();
            patch(&mut bytes, at, len, value);
            let mut linker = Linker::new(target);
            let added = linker.add_object("a.o", bytes).map(|_| ());
            added.and_then(|()| linker.plan(TargetAddr(0x1000)).map(drop)).unwrap_err().to_string()
        };
        // Behind the header and the segment's command, of the first section: `reloff`.
        let relocation = field(32 + 72 + 56);
        let offset = if branch == "bl" { 0 } else { 1 };
        for number in [3, 0xff_ffff] {
            assert_eq!(
                error(relocation + 4, 3, number),
                format!("a.o: __text+{offset:#x}: a relocation names symbol {number}, which does not exist")
            );
        }
        // LC_SYMTAB: the second record of the table has the name of `_external`.
        let mut command = 32;
        while field(command) != 2 {
            command += field(command + 4);
        }
        let external = (0..field(command + 12)).map(|number| field(command + 8) + 16 * number);
        let external = external.into_iter().find(|at| valid[at + 5] == 0).unwrap();
        assert_eq!(
            error(external, 4, 0),
            "undefined symbol ``, wanted by a.o (the file gives it no name: it is damaged)"
        );
    }
}

#[test]
fn code_aligned_to_a_huge_number() {
    let target = Target::X86_64_LINUX;
    let object = |align: u32| {
        let source = format!(
            ".globl main\nmain: ret\n.section .text.second, \"ax\", @progbits\n.p2align {align}\n.globl second\nsecond: ret\n"
        );
        Assembler::find(target, Syntax::Plain).unwrap().assemble("aligned.s", source.as_bytes()).unwrap()
    };
    let huge = object(30);
    assert_eq!(fault(target, &huge), Ok(false));
    let error = Linker::new(target).add_object("aligned.o", &huge[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "aligned.o: .text.second: code aligned to 0x40000000 is not supported, only up to 2 MiB"
    );
    let most = object(21);
    let mut linker = Linker::new(target);
    let plan = linker.add_object("aligned.o", &most[..]).unwrap().plan(TargetAddr(0x20_0000)).unwrap();
    assert_eq!(plan.address("second"), Some(TargetAddr(0x40_0000)));
}

/// Objects as compilers make them, with what the assembly above has not: exceptions, groups, thread-local variables,
/// initializers, properties, and COFF with the other header.
mod compiled {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    const SOURCE: &str = r#"
        struct S { S(); ~S(); int n; };
        extern void other(int);
        inline int shared(int x) { static int calls; S s; other(x); return ++calls; }
        THREAD int variable = 3; THREAD long zeros[4]; static THREAD char text[16] = "text";
        struct Base { virtual ~Base(); virtual int f() { return 1; } };
        struct Derived : Base { int f() override { return variable + (int)zeros[1] + text[2]; } };
        Base *make() { return new Derived; }
        __attribute__((constructor)) void first() { other(1); }
        const char *const names[] = { "one", "two", "three" };
        int f(int x) { S s; try { other(x); return shared(x); } catch (int e) { return e; } catch (S &e) { return e.n; } }
        int g(int x) { switch (x) { case 0: return 5; case 1: return f(2); case 2: return 9; case 3: return names[x % 3][0];
                       case 4: return 7; case 5: return 1; } return make()->f(); }"#;

    /// By clang for `triple`: with `_Thread_local` storage as the system has it.
    fn compile(triple: &str, options: &[&str]) -> Vec<u8> {
        let thread = if triple.ends_with("msvc") { "-DTHREAD=__declspec(thread)" } else { "-DTHREAD=__thread" };
        let mut command = Command::new("clang++");
        command.args(["-target", triple, "-w", "-O1", "-std=c++17", thread, "-fexceptions", "-fcxx-exceptions"]);
        command.args(options).args(["-x", "c++", "-c", "-", "-o", "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(SOURCE.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command:?}");
        output.stdout
    }

    /// The same COFF object with the header for many sections, whose symbols have 20 bytes (*PE Format*, in `winnt.h`:
    /// `ANON_OBJECT_HEADER_BIGOBJ`).
    fn with_the_other_header(object: &[u8]) -> Vec<u8> {
        const GROWTH: u32 = 56 - 20;
        let u16_at = |at: usize| u16::from_le_bytes([object[at], object[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(*object[at..].first_chunk().unwrap());
        let (sections, symbols, table) = (u32::from(u16_at(2)), u32_at(12), u32_at(8));
        assert_eq!(u16_at(16), 0, "no optional header");
        let mut new = vec![0, 0, 0xff, 0xff, 2, 0];
        new.extend(&object[..2]);
        new.extend(&object[4..8]);
        new.extend([0xc7, 0xa1, 0xba, 0xd1, 0xee, 0xba, 0xa9, 0x4b, 0xaf, 0x20, 0xfa, 0xf6, 0x6a, 0xa4, 0xdc, 0xb8]);
        new.extend([0; 16]);
        for number in [sections, table + GROWTH, symbols] {
            new.extend(number.to_le_bytes());
        }
        new.extend(&object[20..table as usize]);
        for section in 0..sections as usize {
            // What points into the file: contents, relocations.
            for field in [20, 24] {
                let at = 56 + 40 * section + field;
                let old = u32::from_le_bytes(*new[at..].first_chunk().unwrap());
                if old != 0 {
                    patch(&mut new, at, 4, u64::from(old + GROWTH));
                }
            }
        }
        let end = (table + 18 * symbols) as usize;
        let (mut records, mut auxiliary) = (object[table as usize..end].chunks_exact(18), 0);
        for record in &mut records {
            if auxiliary > 0 {
                auxiliary -= 1;
                new.extend(record);
                new.extend([0, 0]);
                continue;
            }
            new.extend(&record[..14]);
            // Its section's number, with a sign and twice as wide.
            let sign = if record[13] & 0x80 != 0 { 0xff } else { 0 };
            new.truncate(new.len() - 2);
            new.extend([record[12], record[13], sign, sign]);
            new.extend(&record[14..18]);
            auxiliary = record[17];
        }
        new.extend(&object[end..]);
        new
    }

    /// An object, or an archive, and where it is linked.
    struct Whole {
        target: Target,
        bytes: Vec<u8>,
        base: u64,
        is_archive: bool,
    }

    fn whole(target: Target, bytes: Vec<u8>) -> Whole {
        Whole { target, bytes, base: 0x1_0000_0000, is_archive: false }
    }

    impl Whole {
        fn take(&self, bytes: &[u8]) -> kiln::Result<()> {
            let mut linker = Linker::new(self.target);
            // From a low address, by veneers.
            let outside = if self.base < 1 << 32 { 0x7f00_0000_0000 } else { self.base + 0x10_0000 };
            linker.resolver(move |_| Some(TargetAddr(outside)));
            match self.is_archive {
                true => linker.add_whole_archive("damaged.a", bytes)?,
                false => linker.add_object("damaged.o", bytes)?,
            };
            linker.audit(TargetAddr(self.base)).map(drop)
        }
    }

    fn mutate(whole: &Whole) {
        let (target, valid) = (whole.target, &whole.bytes);
        whole.take(valid).unwrap_or_else(|error| panic!("the valid object of {target}: {error}"));
        let (mut faults, mut linked) = (Vec::new(), 0);
        let tries = percent::of(600);
        for seed in 1..=tries as u64 {
            let mut random = Xorshift(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
            let mut bytes = valid.clone();
            let mut changes = String::new();
            for _ in 0..=random.below(3) {
                let (at, value) = (random.below(valid.len()), random.next());
                let (len, value) = match random.below(5) {
                    0 => (1, u64::from(valid[at]) ^ 1 << (value % 8)),
                    1 => (1, value & 0xff),
                    2 => (4, value % valid.len() as u64),
                    3 => (4, [0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff][random.below(4)]),
                    _ => (8, [0, u64::MAX, 1 << 63, 0x4000_0000][random.below(4)]),
                };
                patch(&mut bytes, at, len, value);
                changes += &format!(" {value:#x} in the {len} bytes at {at:#x}");
            }
            match fault_of(|| whole.take(&bytes).is_ok()) {
                Ok(is_linked) => linked += usize::from(is_linked),
                Err(fault) => faults.push(format!("{target}: {fault}:{changes}")),
            }
        }
        assert!(faults.is_empty(), "{} of {tries}:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
        // A fifth, but of a few it is chance how many.
        let wanted = if tries < 300 { 1 } else { tries / 5 };
        assert!(linked >= wanted, "{target}: only {linked} of {tries} linked");
    }

    #[test]
    fn elf() {
        mutate(&whole(Target::X86_64_LINUX, compile("x86_64-linux-gnu", &["-fPIC", "-fcf-protection"])));
        let fixed = compile("x86_64-linux-gnu", &["-fno-pic"]);
        mutate(&Whole { base: 0x40_0000, ..whole(Target::X86_64_LINUX, fixed) });
        mutate(&whole(Target::AARCH64_LINUX, compile("aarch64-linux-gnu", &["-fPIC", "-mbranch-protection=standard"])));
    }

    #[test]
    fn macho() {
        mutate(&whole(Target::AARCH64_MACOS, compile("arm64-apple-macos14", &[])));
        mutate(&whole(Target::X86_64_MACOS, compile("x86_64-apple-macos14", &[])));
    }

    #[test]
    fn coff() {
        let object = compile("x86_64-pc-windows-msvc", &[]);
        mutate(&whole(Target::X86_64_WINDOWS, with_the_other_header(&object)));
        mutate(&whole(Target::X86_64_WINDOWS, object));
        mutate(&whole(Target::X86_64_WINDOWS, compile("x86_64-w64-mingw32", &[])));
        mutate(&whole(Target::AARCH64_WINDOWS, compile("aarch64-pc-windows-msvc", &[])));
    }

    /// A section's number of 32 bits may be any.
    #[test]
    fn numbers_of_sections() {
        let valid = with_the_other_header(&object(Target::X86_64_WINDOWS));
        let field = |at: usize| u32::from_le_bytes(*valid[at..].first_chunk().unwrap()) as usize;
        let (table, symbols) = (field(48), field(52));
        assert!(symbols > 5);
        for (symbol, number) in
            (0..symbols).flat_map(|symbol| [1 << 31, u32::MAX, 1 << 30].map(|number| (symbol, number)))
        {
            let mut bytes = valid.clone();
            patch(&mut bytes, table + 20 * symbol + 12, 4, number.into());
            assert_eq!(fault(Target::X86_64_WINDOWS, &bytes).err(), None, "{number:#x} of symbol {symbol}");
        }
    }

    /// With two members, of which one has a long name, and no table of symbols.
    #[test]
    fn archives() {
        let members = [
            ("a_long_name_of_a_member.o/", compile("x86_64-linux-gnu", &["-fPIC"])),
            ("small.o/", object(Target::X86_64_LINUX)),
        ];
        let header = |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
        let names = format!("{}\n", members[0].0);
        let mut archive = [b"!<arch>\n", header("//", names.len()).as_bytes(), names.as_bytes()].concat();
        for (name, bytes) in [("/0", &members[0].1), (members[1].0, &members[1].1)] {
            archive.resize(archive.len().next_multiple_of(2), b'\n');
            archive.extend(header(name, bytes.len()).as_bytes());
            archive.extend(bytes);
        }
        mutate(&Whole { is_archive: true, ..whole(Target::X86_64_LINUX, archive) });
    }
}
