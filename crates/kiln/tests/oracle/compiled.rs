//! Objects that compilers make, of one source each.

use std::path::Path;
use std::process::Command;

use kiln::{Format, Target};

use crate::Case;

pub(crate) const SOURCE: &str = "\
extern int ext_data; extern int ext_call(int); static int table[64]; static long counter = 5; int shared = 7;\n\
int *pointer = &shared; int *inside = &table[7]; static const char *names[] = {\"one\", \"two\", \"three\"};\n\
static int twice(int n) { return 2 * n + (int)counter; }\n\
int (*functions[2])(int) = {twice, ext_call};\n\
const char *name(int n) { return names[n & 1]; }\n\
int pick(int n) { switch (n) { case 0: return ext_call(n); case 1: return twice(shared); case 2: return 77; \
case 3: return table[n + 1]; case 4: return 12; case 5: return (int)counter; case 6: return 1; } return -1; }\n\
double scale(double x) { return x * 3.25 + 0.1; }\n\
void store(int n) { table[n] = ext_data; ext_data = twice(n); counter += n; }\n\
char byte(int n) { static char bytes[] = \"abcdefgh\"; return bytes[n]; }\n\
short half(int n) { static short halves[] = {1, 2, 3, 4}; return halves[n]; }\n\
int start0(int n) { store(n); return pick(n) + (int)scale(n) + functions[n & 1](n) + *pointer + *inside + \
name(n)[0] + byte(n & 7) + half(n & 3); }\n";

/// Thread-local variables, with and without an initial value. The values fill words: lld with a script has zeros begin right
/// behind them, aligned or not.
pub(crate) const THREADS: &str = "\
__thread int tl = 5; __thread long zeros[5]; __thread short last = 3; __thread short own = 7;\n\
int *address(int n) { own++; return n ? &tl : (int *)&zeros[n & 3]; }\n\
int start0(int n) { tl += n; zeros[n & 3] += 3; last++; return *address(n) + own; }\n";

/// C++ whose functions have a personality, and data of the language's.
pub(crate) const EXCEPTIONS: &str = "\
extern \"C\" int ext_call(int); struct Guard { int n; ~Guard() { ext_call(n); } };\n\
extern \"C\" int thrower(int n) { Guard guard{n}; if (n > 3) throw n; return ext_call(n); }\n\
extern \"C\" int many(int n) { int a = ext_call(n), b = ext_call(a), c = ext_call(b), d = ext_call(c), e = ext_call(d); \
return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * n + ext_call(e); }\n\
extern \"C\" int plain(int n) { return many(n) + n; }\n\
extern \"C\" int start0(int n) { try { return thrower(n) + plain(n); } catch (int caught) { return caught; } \
catch (...) { return 3; } }\n";

/// A compiler, its options, and the code models to go through.
pub(crate) type Compiler<'c> = (&'c str, &'c [&'c str], &'c [&'c [&'c str]]);

/// The objects are made with all optimization levels, or two of them unless they are called `c`.
pub(crate) fn compiled(target: Target, compilers: &[Compiler<'_>], source: &str, name: &str) -> Vec<Case> {
    let folder = std::env::temp_dir().join(format!("kiln-oracle-{}-{target}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.c"), source).unwrap();
    let mut cases = Vec::new();
    for (compiler, always, models) in compilers {
        let levels: &[&str] = if name == "c" { &["-O0", "-O1", "-O2", "-O3"] } else { &["-O0", "-O2"] };
        for level in levels {
            for model in *models {
                let mut command = Command::new(compiler);
                command.args(*always).args(*model).args([*level, "-c", "a.c", "-o", "a.o"]).current_dir(&folder);
                command.args(["-fno-stack-protector", "-fno-common"]);
                assert!(command.status().unwrap().success(), "{command:?}");
                let what = format!("{compiler} {} {level} {}", always.join(" "), model.join(" "));
                let mut object = std::fs::read(folder.join("a.o")).unwrap();
                match target.format() {
                    Format::Elf => object = unmergeable(object),
                    // Of every other one, sections stay whole.
                    _ if cases.len() % 2 == 0 => object = whole(object),
                    _ => {}
                }
                let name = format!("{name}-{}", cases.len());
                cases.push(Case::new(what, target, &name, vec![("a.o".to_owned(), object)]));
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    cases
}

/// What assemblers call it to describe functions by compact unwind tables alone, where that goes.
pub(crate) const COMPACT: &str = "no-compact-unwind";

/// The same in Mach-O for each way to describe functions: `always` by call frame information, or [`COMPACT`].
pub(crate) fn macho_frames(target: Target, source: &str, ways: &[&str]) -> Vec<Case> {
    let arch = if target == Target::AARCH64_MACOS { "arm64" } else { "x86_64" };
    // For the first systems there was no compact unwinding, and linkers prefer it.
    let triple = |way: &str| match (arch, way) {
        ("x86_64", "always") => "x86_64-apple-macos10.5".to_owned(),
        _ => format!("{arch}-apple-macos11"),
    };
    let folder = std::env::temp_dir().join(format!("kiln-oracle-{}-{target}-frames", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.cc"), source).unwrap();
    let mut cases = Vec::new();
    for options in [["-O0", "-fno-omit-frame-pointer"], ["-O2", "-fomit-frame-pointer"]] {
        for way in ways {
            let run = |command: &mut Command| assert!(command.current_dir(&folder).status().unwrap().success());
            let mut clang = Command::new("clang");
            clang.args(["-target", &triple(way), "-stdlib=libc++", "-S", "-fno-stack-protector", "a.cc", "-o", "a.s"]);
            run(clang.args(options));
            let mut assembler = Command::new("llvm-mc-22");
            assembler.args([
                "-filetype=obj",
                &format!("--triple={}", triple(way)),
                &format!("--emit-dwarf-unwind={way}"),
            ]);
            run(assembler.args(["a.s", "-o", "a.o"]));
            // Not with whole sections: lld takes each function's data for the beginning of its part, whatever the field adds.
            let objects = vec![("a.o".to_owned(), std::fs::read(folder.join("a.o")).unwrap())];
            let name = format!("frames-{}", cases.len());
            cases.push(Case::new(format!("{target} {} {way}", options.join(" ")), target, &name, objects));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    cases
}

/// Takes `MH_SUBSECTIONS_VIA_SYMBOLS` from the flags (`struct mach_header_64`).
pub(crate) fn whole(mut object: Vec<u8>) -> Vec<u8> {
    object[25] &= !0x20;
    object
}

/// Takes `SHF_MERGE` and `SHF_STRINGS` from all sections: what merges equal constants has other bytes.
fn unmergeable(mut object: Vec<u8>) -> Vec<u8> {
    let number = |at: usize, len: usize| object[at..at + len].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
    // e_shoff, e_shentsize, e_shnum; sh_flags is the third field (*System V ABI*, chapter 4).
    let (start, size, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    for header in 0..count {
        object[start + header * size + 8] &= !0x30;
    }
    object
}

fn exists(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(tool).exists())
}

/// The GNU linker for a target, by its name on this machine.
pub(crate) fn gnu(prefix: &str) -> String {
    let cross = format!("{prefix}-ld");
    if exists(&cross) { cross } else { "ld".to_owned() }
}

pub(crate) fn compiler(prefix: &str) -> String {
    let cross = format!("{prefix}-gcc");
    if exists(&cross) { cross } else { "gcc".to_owned() }
}

/// What is outside too far away for branches.
pub(crate) fn far(cases: &mut [Case]) {
    for case in cases {
        case.what += " far";
        case.defines = vec![("ext".to_owned(), 0x7f00_1234_0000), ("ext_call".to_owned(), 0x7f00_0000_0000)];
        case.defines.push(("ext_data".to_owned(), 0x7f00_1235_6780));
    }
}
