//! Functions of random signatures, each called here and by the C compiler's own caller: results and side effects are equal.
#![allow(unsafe_code)] // Loads and calls what the compiler made.

use std::fmt::Write as _;
use std::process::Command;

use kiln::{Linker, Os, Target};

use super::arguments::Arguments;
use super::place::{Convention, place};
use super::signature::{Scalar, Signature, Type};
use super::trampoline::Frame;

const FUNCTIONS: usize = 400;

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A type with its name in C, and whether it may stand behind `...`, where narrower ones are widened.
const TYPES: [(Scalar, &str, bool); 12] = [
    (Scalar::Bool, "_Bool", false),
    (Scalar::Int(1, true), "signed char", false),
    (Scalar::Int(1, false), "unsigned char", false),
    (Scalar::Int(2, true), "short", false),
    (Scalar::Int(2, false), "unsigned short", false),
    (Scalar::Int(4, true), "int", true),
    (Scalar::Int(4, false), "unsigned", true),
    (Scalar::Int(8, true), "long long", true),
    (Scalar::Int(8, false), "unsigned long long", true),
    (Scalar::F32, "float", false),
    (Scalar::F64, "double", true),
    (Scalar::Ptr, "void *", true),
];

/// A value as the command line has it, and as C has it.
fn value(random: &mut Random, kind: Scalar, name: &str) -> (String, String) {
    match kind {
        Scalar::Bool => {
            let value = random.below(2) == 1;
            (value.to_string(), u8::from(value).to_string())
        }
        Scalar::F32 | Scalar::F64 => {
            let value = (random.below(1 << 20) as f64 - 500_000.0) / 64.0;
            (format!("{value:?}"), format!("({name}){value:?}"))
        }
        Scalar::Ptr => {
            let value = random.next();
            (format!("{value:#x}"), format!("(void *){value:#x}ULL"))
        }
        Scalar::Int(size, signed) => {
            let bits = u32::from(size) * 8;
            let raw = random.next() << 12 | random.next() & 0xfff;
            // The lowest number of a type cannot be written in C as such.
            let value = if signed { i128::from((raw as i64) >> (64 - bits)) } else { i128::from(raw >> (64 - bits)) };
            let value = if value == i128::from(i64::MIN) { 0 } else { value };
            let suffix = if signed { "LL" } else { "ULL" };
            (value.to_string(), format!("({name})({value}{suffix})"))
        }
    }
}

struct Function {
    signature: String,
    words: Vec<String>,
}

/// The functions, and the C source of them and of their callers.
fn generate(seed: u64) -> (Vec<Function>, String) {
    let mut random = Random(seed);
    let mut source = String::from(
        "unsigned char record[4096]; unsigned long long used;
static void put(const void *p, unsigned long long n) { __builtin_memcpy(record + used, p, n); used += n; }
static unsigned long long sum(void) {
    unsigned long long h = 1469598103934665603ULL;
    for (unsigned long long i = 0; i < used; i++) h = (h ^ record[i]) * 1099511628211ULL;
    return h;
}
",
    );
    let mut functions = Vec::new();
    for number in 0..FUNCTIONS {
        let fixed = random.below(if number % 4 == 0 { 20 } else { 10 });
        let is_variadic = fixed > 0 && random.below(4) == 0;
        // For Apple's systems clang does not find the narrow arguments that it puts on the stack before the variable ones: its
        // callers leave four bytes for each, its functions look for them packed. So these stay in registers there.
        let in_registers = is_variadic && Target::host().os() == Os::MacOs;
        let fixed = if in_registers { fixed.min(8) } else { fixed };
        let more = if is_variadic { random.below(12) } else { 0 };
        let (result, result_name, _) = TYPES[random.below(TYPES.len())];
        let (mut kinds, mut words, mut declared, mut passed, mut body) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), String::new());
        for index in 0..fixed + more {
            let variadic = index >= fixed;
            let (kind, name, _) = loop {
                let found = TYPES[random.below(TYPES.len())];
                if found.2 || !variadic {
                    break found;
                }
            };
            if index == fixed {
                kinds.push("...".to_owned());
            }
            kinds.push(kind.to_string());
            let (word, in_c) = value(&mut random, kind, name);
            words.push(word);
            passed.push(in_c);
            if variadic {
                let _ = writeln!(body, "    {{ {name} v = __builtin_va_arg(list, {name}); put(&v, sizeof v); }}");
            } else {
                declared.push(format!("{name} a{index}"));
                let _ = writeln!(body, "    put(&a{index}, sizeof a{index});");
            }
        }
        if is_variadic && more == 0 {
            kinds.push("...".to_owned());
        }
        let (mut list, mut start, mut end) = (declared.join(", "), String::new(), "");
        if is_variadic {
            list += ", ...";
            start = format!("    __builtin_va_list list; __builtin_va_start(list, a{});\n", fixed - 1);
            end = "    __builtin_va_end(list);\n";
        }
        let list = if list.is_empty() { "void" } else { &list };
        let returned = match result {
            Scalar::F32 | Scalar::F64 => format!("({result_name})(sum() % 100000) / 8"),
            _ => format!("({result_name})sum()"),
        };
        let _ = write!(
            source,
            "{result_name} f{number}({list}) {{\n{start}{body}{end}    return {returned};\n}}
void call{number}(void *out) {{ {result_name} r = f{number}({}); __builtin_memcpy(out, &r, sizeof r); }}
",
            passed.join(", ")
        );
        functions.push(Function { signature: format!("{result}({})", kinds.join(", ")), words });
    }
    (functions, source)
}

/// Compiles `source` with a compiler for the host.
fn compile(compiler: &[&str], source: &str) -> Vec<u8> {
    let folder = std::env::temp_dir().join(format!("kiln-signatures-{}-{}", std::process::id(), compiler.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let (c, object) = (folder.join("f.c"), folder.join("f.o"));
    std::fs::write(&c, source).unwrap();
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(["-w", "-O2", "-c"]).arg(&c).arg("-o").arg(&object);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let object = std::fs::read(object).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    object
}

/// Calls every function both ways.
fn compare(compiler: &[&str], seed: u64) {
    let (functions, source) = generate(seed);
    let object = compile(compiler, &source);
    let mut linker = Linker::new(Target::host());
    linker.add_object("f.o", object).unwrap();
    // SAFETY: the functions were generated just above, and need nothing.
    let module = unsafe { linker.load() }.unwrap();
    let record = module.address("record").unwrap() as *mut [u8; 4096];
    let used = module.address("used").unwrap() as *mut u64;
    let taken = || {
        // SAFETY: the module's own variable, which nothing uses while no function of it is called.
        let bytes = unsafe { record.read() };
        // SAFETY: likewise.
        let length = unsafe { used.replace(0) };
        bytes[..length as usize].to_vec()
    };
    for (number, function) in functions.iter().enumerate() {
        // SAFETY: the generator has given it this type.
        let caller = unsafe { module.function::<extern "C" fn(*mut u64)>(&format!("call{number}")) }.unwrap();
        let mut expected = 0u64;
        caller.call(&raw mut expected);
        let expected_record = taken();

        let signature = Signature::parse(&function.signature).unwrap();
        let arguments = Arguments::read(&signature, &function.words).map_err(|why| why.0).unwrap();
        let placed = place(Convention::of(Target::host()), &arguments.passed);
        let address = module.address(&format!("f{number}")).unwrap() as usize;
        let mut frame = Frame::new(address, &placed);
        {
            let _one = ONE_CALL.lock().unwrap();
            // SAFETY: the function has this signature, and this test alone makes calls.
            unsafe { frame.call() };
        }
        let found_record = taken();
        let Type::Scalar(result) = signature.result else { unreachable!("the generator makes scalars") };
        let bits = match result {
            Scalar::F32 | Scalar::F64 => frame.after.vector[0][0],
            _ => frame.after.general[0],
        };
        let mask = u64::MAX >> (64 - 8 * result.size() as u32);
        let call = format!("f{number}: {} {:?}", function.signature, function.words);
        assert_eq!(found_record, expected_record, "{call}");
        assert_eq!(bits & mask, expected, "{call}");
        // The compiler's function keeps the convention; that the trampoline sees it is worth a look, too.
        assert_eq!(frame.lost(), None, "{call}");
        let many = |count, really| {
            // SAFETY: as above.
            unsafe { frame.repeat(std::num::NonZeroUsize::new(count).unwrap(), really) };
            taken()
        };
        assert_eq!(many(2, true), expected_record.repeat(2), "{call}");
        assert!(many(2, false).is_empty(), "{call}");
    }
}

/// The trampoline makes one call at a time.
static ONE_CALL: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn as_gcc_calls() {
    let name = Target::host().gnu_prefix().map_or_else(|| "cc".to_owned(), |prefix| format!("{prefix}-gcc"));
    compare(&[&name], 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn as_clang_calls() {
    compare(&["clang", "-target", Target::host().llvm_triple()], 0xd1b5_4a32_d192_ed03);
}
