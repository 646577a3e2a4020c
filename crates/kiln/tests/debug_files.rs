//! What debuggers are given, of objects of every format and architecture, linked at an address where nothing runs: read back with
//! `object` and `gimli`, and compared with the plan and with the sources.
#![cfg(target_os = "linux")] // Where the tools are.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use gimli::{AttributeValue, EndianSlice, LittleEndian, Operation};
use kiln::{Arch, Linker, Target, TargetAddr};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

const BASE: u64 = 0x7_1000_0000;

/// Two files, the second with a copy of what the first has, too.
const FIRST: &str = "struct pair { int left, right; };
int shared;
static int twice(struct pair *pair) {
    return pair->left + pair->right;
}
int first(int n) {
    struct pair pair = { n, n };
    return twice(&pair) + shared;
}
";
const SECOND: &str = "struct pair { int left, right; };
extern int shared;
int own = 3;
int second(struct pair *pair) {
    shared = own;
    return pair->left;
}
";

/// Compiles C with debug information for a target; by clang, which knows them all.
fn compile(target: Target, name: &str, source: &str, options: &[&str]) -> Vec<u8> {
    in_a_folder(|folder| {
        std::fs::write(folder.join(name), source).unwrap();
        let mut command = Command::new("clang");
        command
            .arg(format!("--target={}", target.llvm_triple()))
            .args(["-g", "-O0", "-fPIC", "-c", name, "-o", "out.o"]);
        run(command.args(options).current_dir(folder));
        std::fs::read(folder.join("out.o")).unwrap()
    })
}

fn in_a_folder<T>(work: impl FnOnce(&Path) -> T) -> T {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("kiln-debug-files-{}-{number}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let result = work(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    result
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn linker(target: Target, objects: &[(&str, Vec<u8>)]) -> Linker<'static> {
    let mut linker = Linker::new(target);
    for (name, object) in objects {
        linker.add_object(name, object.clone()).unwrap();
    }
    linker
}

/// What a debugger learns: functions with their addresses and the lines that their code begins with, and variables with theirs.
#[derive(Debug, Default, PartialEq)]
struct Told {
    functions: BTreeMap<String, (u64, String)>,
    variables: BTreeMap<String, u64>,
}

fn read(files: &[Vec<u8>]) -> Told {
    let mut told = Told::default();
    for file in files {
        let file = object::File::parse(&**file).unwrap();
        let section = |id: gimli::SectionId| {
            let data = file.section_by_name(id.name()).map_or(&[][..], |section| section.data().unwrap());
            Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
        };
        let dwarf = gimli::Dwarf::load(section).unwrap();
        let mut units = dwarf.units();
        while let Some(header) = units.next().unwrap() {
            let unit = dwarf.unit(header).unwrap();
            let mut lines = BTreeMap::new();
            let mut rows = unit.line_program.clone().unwrap().rows();
            while let Some((header, row)) = rows.next_row().unwrap() {
                if let (Some(line), false) = (row.line(), row.end_sequence()) {
                    let path = row.file(header).unwrap().path_name();
                    let path = dwarf.attr_string(&unit, path).unwrap().to_string_lossy().into_owned();
                    lines.entry(row.address()).or_insert(format!("{path}:{line}"));
                }
            }
            let mut entries = unit.entries();
            while let Some(entry) = entries.next_dfs().unwrap() {
                let Some(name) = entry.attr_value(gimli::DW_AT_name) else { continue };
                let name = dwarf.attr_string(&unit, name).unwrap().to_string_lossy().into_owned();
                if entry.tag() == gimli::DW_TAG_subprogram
                    && let Some(value) = entry.attr_value(gimli::DW_AT_low_pc)
                {
                    let address = dwarf.attr_address(&unit, value).unwrap().unwrap();
                    told.functions.insert(name, (address, lines[&address].clone()));
                } else if entry.tag() == gimli::DW_TAG_variable
                    && let Some(AttributeValue::Exprloc(place)) = entry.attr_value(gimli::DW_AT_location)
                    && let Ok(Some(operation)) = place.operations(unit.encoding()).next()
                {
                    let address = match operation {
                        Operation::Address { address } => address,
                        Operation::AddressIndex { index } => dwarf.address(&unit, index).unwrap(),
                        // In the thread's storage.
                        Operation::UnsignedConstant { value } => value,
                        _ => continue,
                    };
                    told.variables.insert(name, address);
                }
            }
        }
    }
    told
}

/// What they should be told, by the plan.
fn planned(linker: &Linker<'_>) -> Told {
    let plan = linker.plan(TargetAddr(BASE)).unwrap();
    let address = |name: &str| plan.symbols().iter().find(|symbol| symbol.name == name).unwrap().address.0;
    let function = |name: &str, line: &str| (name.to_owned(), (address(name), line.to_owned()));
    let functions =
        [function("first", "first.c:6"), function("second", "second.c:4"), function("twice", "first.c:3")].into();
    let variables = ["own", "shared"].map(|name| (name.to_owned(), address(name))).into();
    Told { functions, variables }
}

const TARGETS: [Target; 4] = [Target::X86_64_LINUX, Target::AARCH64_LINUX, Target::X86_64_MACOS, Target::AARCH64_MACOS];

#[test]
fn every_format_and_architecture() {
    for target in TARGETS {
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            let objects = [
                ("first.o", compile(target, "first.c", FIRST, &[version])),
                ("second.o", compile(target, "second.c", SECOND, &[version])),
            ];
            let linker = linker(target, &objects);
            let files = linker.debug_files(TargetAddr(BASE)).unwrap();
            // Mach-O's sections of debug information refer to each other by plain offsets.
            let expected = if target.os() == kiln::Os::MacOs { 3 } else { 1 };
            assert_eq!(files.len(), expected, "{target} {version}");
            assert_eq!(read(&files), planned(&linker), "{target} {version}");
        }
    }
}

/// One object is one file, whatever its format: it holds the symbols, and the call frame information where the image has it.
#[test]
fn symbols_and_frames() {
    for target in TARGETS {
        let mut linker = linker(target, &[("first.o", compile(target, "first.c", FIRST, &[]))]);
        linker.define_address("unused", TargetAddr(1));
        let plan = linker.plan(TargetAddr(BASE)).unwrap();
        let files = linker.debug_files(TargetAddr(BASE)).unwrap();
        assert_eq!(files.len(), 1, "{target}");
        let file = object::File::parse(&*files[0]).unwrap();
        let machine = match target.arch() {
            Arch::X86_64 => object::Architecture::X86_64,
            Arch::Aarch64 => object::Architecture::Aarch64,
        };
        assert_eq!(file.architecture(), machine);
        let symbols: BTreeMap<_, _> =
            file.symbols().map(|symbol| (symbol.name().unwrap().to_owned(), symbol.address())).collect();
        let expected: BTreeMap<_, _> =
            plan.symbols().iter().map(|symbol| (symbol.name.clone(), symbol.address.0)).collect();
        assert_eq!(symbols, expected, "{target}");
        let function = file.symbols().find(|symbol| symbol.name() == Ok("first")).unwrap();
        assert!(function.is_global() && function.kind() == object::SymbolKind::Text);
        let text = file.section_by_index(function.section_index().unwrap()).unwrap();
        assert_eq!(text.name(), Ok(".text"));
        assert!((text.address()..text.address() + text.size()).contains(&function.address()));
        assert_eq!(text.data().unwrap_or_default(), b"", "the code is in memory");
        // Apple's compilers for arm64 leave it to the compact tables, of which such records are made.
        let frames = file.section_by_name(".eh_frame").unwrap();
        let in_image = &plan.image()[(frames.address() - BASE) as usize..][..frames.size() as usize];
        assert_eq!(frames.data().unwrap(), in_image, "{target}");
        use gimli::UnwindSection;
        let bases = gimli::BaseAddresses::default().set_eh_frame(frames.address());
        let table = gimli::EhFrame::new(in_image, LittleEndian);
        let first = function.address();
        let description = table.fde_for_address(&bases, first, gimli::EhFrame::cie_from_offset).unwrap();
        assert_eq!(description.initial_address(), first);
        readelf(&files[0]);
    }
}

/// Another reader of such files has nothing to complain of.
fn readelf(file: &[u8]) {
    in_a_folder(|folder| {
        std::fs::write(folder.join("file"), file).unwrap();
        let mut command = Command::new("readelf");
        command.args(["--wide", "--all", "--lint", "file"]).current_dir(folder);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.to_lowercase().contains("warning"), "{said}");
    });
}

/// Compressed in every way that compilers and binutils have.
#[test]
#[cfg(feature = "debug-info")]
fn compressed() {
    for target in [Target::X86_64_LINUX, Target::AARCH64_LINUX] {
        let plain = [("first.o", "first.c", FIRST), ("second.o", "second.c", SECOND)]
            .map(|(name, file, source)| (name, compile(target, file, source, &[])));
        for format in ["zlib", "zstd"] {
            let objects = plain.clone().map(|(name, object)| (name, compress(&object, format)));
            let has_compressed = |object: &[u8]| {
                let file = object::File::parse(object).unwrap();
                file.sections()
                    .any(|section| section.compressed_file_range().unwrap().format != object::CompressionFormat::None)
            };
            assert!(objects.iter().all(|(_, object)| has_compressed(object)), "{format}");
            let linker = linker(target, &objects);
            assert_eq!(read(&linker.debug_files(TargetAddr(BASE)).unwrap()), planned(&linker), "{target} {format}");
        }
    }
}

fn compress(object: &[u8], format: &str) -> Vec<u8> {
    in_a_folder(|folder| {
        std::fs::write(folder.join("in.o"), object).unwrap();
        let format = format!("--compress-debug-sections={format}");
        run(Command::new("llvm-objcopy-22").args([&format, "in.o", "out.o"]).current_dir(folder));
        std::fs::read(folder.join("out.o")).unwrap()
    })
}

/// Without the feature it is refused by name.
#[test]
#[cfg(not(feature = "debug-info"))]
fn compressed() {
    let object = compress(&compile(Target::X86_64_LINUX, "first.c", FIRST, &[]), "zlib");
    let error = linker(Target::X86_64_LINUX, &[("first.o", object)]).debug_files(TargetAddr(BASE)).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("its feature `debug-info`"), "{error}");
    assert_eq!((error.input_name(), error.section_name()), (Some("first.o"), Some(".debug_abbrev")));
}

/// A number in a header costs no memory, and what is no compressed data is an error that says where.
#[test]
#[cfg(feature = "debug-info")]
fn damaged_compression() {
    let object = compress(&compile(Target::X86_64_LINUX, "first.c", FIRST, &[]), "zlib");
    let file = object::File::parse(&*object).unwrap();
    let range = file.section_by_name(".debug_info").unwrap().compressed_file_range().unwrap();
    // The header of such a section: type, nothing, size, alignment.
    let header = range.offset as usize - 24;
    for size in [u64::MAX, u64::from(u32::MAX), 1 << 30] {
        let mut object = object.clone();
        object[header + 8..header + 16].copy_from_slice(&size.to_le_bytes());
        let linker = linker(Target::X86_64_LINUX, &[("first.o", object)]);
        assert!(linker.plan(TargetAddr(BASE)).is_ok(), "nobody asks for debug information");
        let error = linker.debug_files(TargetAddr(BASE)).unwrap_err();
        let expected = format!("do not make the {size:#x} that are promised");
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!((error.input_name(), error.section_name()), (Some("first.o"), Some(".debug_info")));
    }
    let mut object = object.clone();
    object[range.offset as usize..][..8].fill(0xff);
    let error = linker(Target::X86_64_LINUX, &[("first.o", object)]).debug_files(TargetAddr(BASE)).unwrap_err();
    assert_eq!((error.input_name(), error.section_name()), (Some("first.o"), Some(".debug_info")));
    assert_eq!(error.next_step(), Some("make it again with -gz=none"));
}

/// Types in groups, of which one copy is kept, and references to the others mean it.
#[test]
fn groups() {
    let source =
        |name: &str| format!("struct pair {{ int left, right; }};\nint {name}(struct pair *p) {{ return p->left; }}\n");
    let options = ["-gdwarf-4", "-fdebug-types-section"];
    let object = |name: &str| compile(Target::X86_64_LINUX, &format!("{name}.cpp"), &source(name), &options);
    let size = |files: &[Vec<u8>]| {
        let file = object::File::parse(&*files[0]).unwrap();
        file.section_by_name(".debug_types").unwrap().size()
    };
    let one = linker(Target::X86_64_LINUX, &[("a.o", object("a"))]);
    let two = linker(Target::X86_64_LINUX, &[("a.o", object("a")), ("b.o", object("b"))]);
    let (one, files) = (one.debug_files(TargetAddr(BASE)).unwrap(), two.debug_files(TargetAddr(BASE)).unwrap());
    assert_eq!(size(&one), size(&files), "one copy");
    let functions: Vec<_> = read(&files).functions.into_iter().map(|(name, (_, line))| (name, line)).collect();
    assert_eq!(functions, [("a".to_owned(), "a.cpp:2".to_owned()), ("b".to_owned(), "b.cpp:2".to_owned())]);
}

/// A function of a group whose other copy is in the image is nowhere.
#[test]
fn discarded_functions() {
    let source =
        "inline int __attribute__((noinline)) twice(int n) { return n + n; }\nint NAME() { return twice(1); }\n";
    let object = |name: &str| {
        let file = format!("{name}.cpp");
        compile(Target::X86_64_LINUX, &file, &source.replace("NAME", name), &["-ffunction-sections"])
    };
    let linker = linker(Target::X86_64_LINUX, &[("a.o", object("a")), ("b.o", object("b"))]);
    let files = linker.debug_files(TargetAddr(BASE)).unwrap();
    let file = object::File::parse(&*files[0]).unwrap();
    let section = |id: gimli::SectionId| {
        let data = file.section_by_name(id.name()).map_or(&[][..], |section| section.data().unwrap());
        Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(section).unwrap();
    let mut units = dwarf.units();
    let mut addresses = Vec::new();
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().unwrap() {
            let is_twice = entry
                .attr_value(gimli::DW_AT_name)
                .is_some_and(|name| dwarf.attr_string(&unit, name).unwrap().slice() == b"twice");
            if let (true, Some(value)) = (is_twice, entry.attr_value(gimli::DW_AT_low_pc)) {
                addresses.push(dwarf.attr_address(&unit, value).unwrap().unwrap());
            }
        }
    }
    let plan = linker.plan(TargetAddr(BASE)).unwrap();
    let twice = plan.symbols().iter().find(|symbol| symbol.name == "_Z5twicei").unwrap().address.0;
    assert_eq!(addresses, [twice, 0]);
}

/// Macros that two files have from one header: both mean the copy that is kept.
#[test]
fn macros_in_groups() {
    let object = |name: &str| {
        in_a_folder(|folder| {
            let file = format!("{name}.c");
            std::fs::write(folder.join("header.h"), "#define FIRST 1\n#define SECOND 2\n").unwrap();
            std::fs::write(
                folder.join(&file),
                format!("#include \"header.h\"\nint {name}(void) {{ return FIRST; }}\n"),
            )
            .unwrap();
            let mut command = Command::new("x86_64-linux-gnu-gcc");
            run(command.args(["-g3", "-fPIC", "-c", &file, "-o", "out.o"]).current_dir(folder));
            std::fs::read(folder.join("out.o")).unwrap()
        })
    };
    let linker = linker(Target::X86_64_LINUX, &[("a.o", object("a")), ("b.o", object("b"))]);
    let files = linker.debug_files(TargetAddr(BASE)).unwrap();
    let text = in_a_folder(|folder| {
        std::fs::write(folder.join("file"), &files[0]).unwrap();
        let output = Command::new("readelf").args(["--debug-dump=macro", "file"]).current_dir(folder).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    });
    let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert_eq!(count("FIRST 1"), 1, "{text}");
    let mut imports: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("DW_MACRO_import")) {
        *imports.entry(line.rsplit(' ').next().unwrap()).or_default() += 1;
    }
    assert!(!imports.is_empty() && imports.values().all(|count| *count == 2), "{imports:?}\n{text}");
}

/// Where a thread-local variable is said to be in the module's storage.
#[test]
fn thread_local_variables() {
    let source =
        "__thread int padding = 1;\n__thread int variable = 2;\nint get(void) { return padding + variable; }\n";
    let object = compile(Target::X86_64_LINUX, "threads.c", source, &["-ftls-model=initial-exec"]);
    let linker = linker(Target::X86_64_LINUX, &[("threads.o", object)]);
    assert_eq!(
        read(&linker.debug_files(TargetAddr(BASE)).unwrap()).variables,
        [("padding".to_owned(), 0), ("variable".to_owned(), 4),].into()
    );
}
