//! Mach-O objects that no compiler made, as assembly: random sections, symbols, instructions and data that refer to them. The same for
//! the same seed.

use std::fmt::Write;

use crate::generate::Random;

/// How the instructions and data of one object refer to `{}`, a symbol with or without a number added.
const X86_64: [&str; 9] = [
    "lea {}(%rip), %rax",
    "movb $1, {}(%rip)",
    "movw $1, {}(%rip)",
    "movl $1, {}(%rip)",
    "call {}",
    "jmp {}",
    "movq {}@GOTPCREL(%rip), %rcx",
    "cmpq {}@GOTPCREL(%rip), %rcx",
    "movl {}(%rip), %ecx",
];
const AARCH64: [&str; 8] = [
    "bl {}",
    "b {}",
    "adrp x1, {}@PAGE\nadd x1, x1, {}@PAGEOFF",
    "adrp x1, {}@PAGE\nldrb w2, [x1, {}@PAGEOFF]",
    "adrp x1, {}@PAGE\nldr w2, [x1, {}@PAGEOFF]",
    "adrp x1, {}@PAGE\nldr x2, [x1, {}@PAGEOFF]",
    "adrp x1, {}@PAGE\nldr q2, [x1, {}@PAGEOFF]",
    "adrp x1, {}@GOTPAGE\nldr x2, [x1, {}@GOTPAGEOFF]",
];
const SECTIONS: [(&str, &str); 5] = [
    ("__TEXT,__text,regular,pure_instructions", "text"),
    ("__TEXT,__more,regular,pure_instructions", "more"),
    ("__TEXT,__const", "const"),
    ("__DATA,__data", "data"),
    ("__DATA,__other", "other"),
];

/// Two texts that refer to each other's symbols.
pub(crate) fn texts(x86: bool, seed: u64) -> [String; 2] {
    let mut random = Random::new(seed);
    [0, 1].map(|number| text(x86, &mut random, number))
}

fn text(x86: bool, random: &mut Random, number: usize) -> String {
    let mut text = String::new();
    for (index, (section, name)) in SECTIONS.iter().enumerate() {
        let is_code = index < 2;
        writeln!(text, ".section {section}\n.p2align 4").unwrap();
        // From the first section on a symbol that others see begins each.
        let first = if (number, index) == (0, 0) { "_start0".to_owned() } else { format!("_{name}{number}_0") };
        for symbol in 0..1 + random.below(3) {
            let global = if symbol == 0 { first.clone() } else { format!("_{name}{number}_{symbol}") };
            let hidden = if random.below(4) == 0 && global != "_start0" { ".private_extern" } else { ".globl" };
            writeln!(text, ".p2align 4\n{hidden} {global}\n{global}:").unwrap();
            if symbol > 0 && random.below(2) == 0 {
                writeln!(text, "_{name}{number}_{symbol}_local:").unwrap();
            }
            for _ in 0..2 + random.below(6) {
                let line = if is_code { code(x86, random, number) } else { data(x86, random, number, &first) };
                writeln!(text, "{line}").unwrap();
            }
            if is_code {
                writeln!(text, "{}", if x86 { "ret" } else { "ret\nnop" }).unwrap();
            }
        }
    }
    text
}

/// A symbol of either object, or of neither.
fn symbol(random: &mut Random, number: usize) -> String {
    let (_, name) = SECTIONS[random.below(5) as usize];
    match random.below(4) {
        0 => "_ext".to_owned(),
        1 if name != "text" => format!("_{name}{}_0", 1 - number),
        _ if name == "text" && number == 0 => "_start0".to_owned(),
        _ => format!("_{name}{number}_0"),
    }
}

fn code(x86: bool, random: &mut Random, number: usize) -> String {
    let name = symbol(random, number);
    let forms: &[&str] = if x86 { &X86_64 } else { &AARCH64 };
    let form = forms[random.below(forms.len() as u64) as usize];
    let is_plain = !form.contains("GOT") && !["call", "jmp", "bl", "b "].iter().any(|branch| form.starts_with(branch));
    let addend = if is_plain { 16 * random.below(4) } else { 0 };
    let target = if addend == 0 { name } else { format!("{name}+{addend}") };
    // On arm64 the number stands behind the word for the part.
    match (x86, addend) {
        (false, 1..) => {
            let (bare, _) = target.split_once('+').unwrap();
            form.replace("{}@PAGEOFF", &format!("{bare}@PAGEOFF+{addend}"))
                .replace("{}@PAGE", &format!("{bare}@PAGE+{addend}"))
        }
        _ => form.replace("{}", &target),
    }
}

/// `own` is a symbol of this section: JITLink takes a difference for one from here, or to here.
fn data(x86: bool, random: &mut Random, number: usize, own: &str) -> String {
    let name = symbol(random, number);
    // The minuend must be of this object.
    let is_here = name != "_ext" && !name.contains(&format!("{}_0", 1 - number));
    match random.below(5) {
        0 => format!(".quad {name}"),
        1 => format!(".quad {name} + {}", random.below(64)),
        2 if is_here => format!(".quad {name} - {own}"),
        3 if is_here => format!(".long {name} - {own} + {}\n.long 0", random.below(64)),
        4 if x86 => format!(".long {name}@GOTPCREL\n.long 0"),
        4 => format!("Lgot{0}:\n.long {name}@GOT - Lgot{0}\n.long 0", random.next()),
        _ => format!(".quad {}", random.next()),
    }
}
