//! Which assemblers there are for a target, in which order, how each is called, and what to install if there is none.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Syntax;
use crate::error::{Error, Result};
use crate::target::{Os, Target};

/// How a tool takes its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    /// GNU `as`.
    Gnu,
    /// `llvm-mc`.
    Mc,
    /// A compiler for one target.
    Gcc,
    /// A compiler for the target it is told.
    Clang,
    /// `zig cc`: as clang, but with its own names of targets.
    Zig,
}

impl Style {
    fn preprocesses(self) -> bool {
        matches!(self, Style::Gcc | Style::Clang | Style::Zig)
    }

    fn of(words: &[String], host: Target) -> Style {
        let program = words.first().map(|word| word.rsplit('/').next().unwrap_or(word)).unwrap_or_default();
        if program.contains("clang") {
            Style::Clang
        } else if program.starts_with("zig") || words.iter().any(|word| word == "ziglang") {
            Style::Zig
        } else if program.contains("llvm-mc") {
            Style::Mc
        } else if program.contains("cc") {
            // Apple's `cc` and `gcc` are clang.
            if host.os() == Os::MacOs { Style::Clang } else { Style::Gcc }
        } else {
            Style::Gnu
        }
    }
}

/// An assembler of this machine. Its `Display` is the words that call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tool {
    words: Vec<String>,
    program: PathBuf,
    style: Style,
}

impl Tool {
    /// The tool that the user names by `words`, or `None` if there are none.
    pub(super) fn named(words: &str, path: &OsStr, syntax: Syntax) -> Result<Option<Tool>> {
        let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let Some(first) = words.first() else { return Ok(None) };
        let program = which(first, path).ok_or_else(|| {
            Error::assembler(format!("KILN_AS names `{first}`, and there is no such program"))
                .help("set KILN_AS to a program in PATH or to the path of one, or leave it unset")
        })?;
        let style = Style::of(&words, Target::host());
        if style == Style::Zig && !words.iter().any(|word| word == "cc") {
            words.push("cc".to_owned());
        }
        let tool = Tool { words, program, style };
        if syntax == Syntax::Preprocessed && !style.preprocesses() {
            return Err(Error::assembler(format!("KILN_AS names `{tool}`, which has no preprocessor"))
                .help("set KILN_AS to a C compiler, or rename the file to `.s` if it needs no preprocessor"));
        }
        Ok(Some(tool))
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments that assemble standard input to `out`.
    pub(super) fn args(
        &self,
        target: Target,
        syntax: Syntax,
        include: &[PathBuf],
        debug: bool,
        out: &Path,
    ) -> Vec<OsString> {
        let users = &self.words[1..];
        let has = |option: &str| users.iter().any(|word| word.split('=').next() == Some(option));
        let has_target = ["-target", "--target", "-triple", "--triple"].into_iter().any(has);
        let mut args: Vec<OsString> = users.iter().map(OsString::from).collect();
        match self.style {
            Style::Clang if !has_target => args.extend(["-target".into(), target.llvm_triple().into()]),
            Style::Zig if !has_target => args.extend(["-target".into(), zig_target(target).into()]),
            Style::Mc if !has_target => args.push(format!("-triple={}", target.llvm_triple()).into()),
            _ => {}
        }
        let has_debug = users.iter().any(|word| word.starts_with("-g"));
        if debug && !has_debug {
            args.push("-g".into());
        } else if self.style == Style::Zig && !has_debug {
            // It alone makes debug information unasked: of its temporary files.
            args.push("-g0".into());
        }
        match self.style {
            Style::Gnu => {}
            Style::Mc => args.push("-filetype=obj".into()),
            Style::Gcc | Style::Clang | Style::Zig => args.extend(["-x", syntax.language(), "-c"].map(OsString::from)),
        }
        for dir in include {
            args.extend(["-I".into(), dir.into()]);
        }
        args.extend(["-o".into(), out.into(), "-".into()]);
        args
    }

    /// The command line with these arguments, quoted for a shell.
    pub(super) fn typed(&self, args: &[OsString]) -> String {
        let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%".contains(c);
        let words = self.words.iter().take(1).map(|word| word.as_str().into());
        let words = words.chain(args.iter().map(|arg| arg.to_string_lossy()));
        let quoted = words.map(|word| match word.is_empty() || !word.chars().all(plain) {
            true => format!("'{}'", word.replace('\'', r"'\''")),
            false => word.into_owned(),
        });
        quoted.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// Zig's name for `target`; of its two names for Windows, the one that needs no SDK.
fn zig_target(target: Target) -> String {
    let triple = target.to_string();
    let arch = triple.split('-').next().unwrap_or_default();
    let rest = match target.os() {
        Os::Linux => "linux-gnu",
        Os::MacOs => "macos",
        Os::Windows => "windows-gnu",
    };
    format!("{arch}-{rest}")
}

/// A place in the order of tools.
#[derive(PartialEq, Eq, Debug)]
enum Wanted {
    /// A program, with its first arguments.
    Program(String, &'static [&'static str], Style),
    /// All `NAME-<version>` there are, newest first.
    Versions(&'static str, Style),
    /// The Python package that carries zig.
    PythonZig,
}

impl Wanted {
    fn program(name: impl Into<String>, style: Style) -> Wanted {
        Wanted::Program(name.into(), &[], style)
    }

    fn tools(self, path: &OsStr) -> Vec<Tool> {
        match self {
            Wanted::Program(name, args, style) => {
                let program = which(&name, path);
                let words = std::iter::once(name).chain(args.iter().map(ToString::to_string)).collect();
                program.map(|program| Tool { words, program, style }).into_iter().collect()
            }
            Wanted::Versions(name, style) => versions(name, path)
                .into_iter()
                .map(|(version, program)| Tool { words: vec![format!("{name}-{version}")], program, style })
                .collect(),
            Wanted::PythonZig => {
                let Some(program) = which("python3", path) else { return Vec::new() };
                let there = Command::new(&program)
                    .args(["-m", "ziglang", "version"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success());
                let words = ["python3", "-m", "ziglang", "cc"].map(str::to_owned).to_vec();
                if there { vec![Tool { words, program, style: Style::Zig }] } else { Vec::new() }
            }
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Program(name, ..) => write!(f, "`{name}`"),
            Wanted::Versions(name, _) => write!(f, "`{name}-<version>`"),
            Wanted::PythonZig => f.write_str("the Python package `ziglang`"),
        }
    }
}

/// What is looked for on `host`, best first.
fn wanted(host: Target, target: Target, syntax: Syntax) -> Vec<Wanted> {
    let own = host == target && host.os() == Os::Linux;
    let mut wanted = Vec::new();
    // The name with the prefix comes first: in an emulated process the plain name is the emulating machine's assembler.
    let gnu = target.gnu_prefix().map(|prefix| match syntax {
        Syntax::Plain => Wanted::program(format!("{prefix}-as"), Style::Gnu),
        Syntax::Preprocessed => Wanted::program(format!("{prefix}-gcc"), Style::Gcc),
    });
    let (first, last) = if own { (gnu, None) } else { (None, gnu) };
    wanted.extend(first);
    match syntax {
        Syntax::Plain if own => wanted.push(Wanted::program("as", Style::Gnu)),
        Syntax::Preprocessed if own => wanted.extend(["cc", "gcc"].map(|name| Wanted::program(name, Style::Gcc))),
        _ => {}
    }
    wanted.push(Wanted::program("clang", Style::Clang));
    if host.os() == Os::MacOs && target.os() == Os::MacOs {
        wanted.push(Wanted::program("cc", Style::Clang));
    }
    wanted.push(Wanted::Versions("clang", Style::Clang));
    if syntax == Syntax::Plain {
        wanted.extend([Wanted::program("llvm-mc", Style::Mc), Wanted::Versions("llvm-mc", Style::Mc)]);
    }
    wanted.push(Wanted::Program("zig".to_owned(), &["cc"], Style::Zig));
    wanted.extend(last);
    // It starts an interpreter to be looked for.
    wanted.push(Wanted::PythonZig);
    wanted
}

/// The tools of this machine, best first; each is looked for only when it is asked for.
pub(super) fn tools(target: Target, syntax: Syntax, path: &OsStr) -> impl Iterator<Item = Tool> {
    wanted(Target::host(), target, syntax).into_iter().flat_map(move |wanted| wanted.tools(path))
}

/// The directories of `path`. An empty one, the current directory to a shell, is left out: what lies next to a source
/// is not to be run.
fn dirs(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|dir| !dir.as_os_str().is_empty())
}

fn which(name: &str, path: &OsStr) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|program| is_executable(program));
    }
    dirs(path).map(|dir| dir.join(name)).find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    program.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// All `name-<version>` in `path`, newest first; of two with one version, the one found first.
fn versions(name: &str, path: &OsStr) -> Vec<(u32, PathBuf)> {
    let mut found = BTreeMap::new();
    for entry in dirs(path).filter_map(|dir| dir.read_dir().ok()).flatten().flatten() {
        let file = entry.file_name();
        let version = file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('-')?.parse().ok());
        if let Some(version) = version.filter(|_| is_executable(&entry.path())) {
            found.entry(Reverse(version)).or_insert(entry.path());
        }
    }
    found.into_iter().map(|(Reverse(version), program)| (version, program)).collect()
}

/// The error that there is no tool.
pub(super) fn missing(target: Target, syntax: Syntax, path: &OsStr) -> Error {
    let wanted: Vec<String> = wanted(Target::host(), target, syntax).iter().map(ToString::to_string).collect();
    let looked = format!("looked in PATH for {}", wanted.join(", "));
    let plain = match syntax {
        Syntax::Plain => None,
        Syntax::Preprocessed => tools(target, Syntax::Plain, path).next(),
    };
    let gap = if Target::host() == target { Missing::Own } else { Missing::Cross };
    let install = to_install(target, syntax, gap);
    match plain {
        Some(tool) => Error::assembler(format!(
            "no assembler with a preprocessor for {target}: `{tool}` is here, and has none; {looked}"
        ))
        .help(format!("{install}; or rename the file to `.s` if it needs no preprocessor")),
        None => Error::assembler(format!("no assembler for {target}: {looked}")).help(install),
    }
}

/// What a machine lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// An assembler for itself.
    Own,
    /// One for another target.
    Cross,
}

/// What to type here to get an assembler.
pub(super) fn to_install(target: Target, syntax: Syntax, gap: Missing) -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    to_install_on(Target::host().os(), &release, target, syntax, gap)
}

fn to_install_on(os: Os, release: &str, target: Target, syntax: Syntax, gap: Missing) -> String {
    let package = match (gap, syntax) {
        (Missing::Cross, _) => "clang",
        (Missing::Own, Syntax::Plain) => "binutils",
        (Missing::Own, Syntax::Preprocessed) => "gcc",
    };
    if os == Os::MacOs {
        return "install one: `xcode-select --install`; or name one in KILN_AS".to_owned();
    }
    // Systems that are named after themselves in `ID`, or after the one that they derive from in `ID_LIKE`.
    let ids = release.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    let ids: Vec<&str> = ids.flat_map(|ids| ids.trim_matches(['"', '\'']).split_whitespace()).collect();
    let gnu = target.gnu_prefix().filter(|_| gap == Missing::Cross && target.os() == Os::Linux);
    let (command, cross) = match () {
        () if ids.contains(&"debian") => ("apt-get install", gnu.map(|gnu| format!("gcc-{}", gnu.replace('_', "-")))),
        () if ids.contains(&"fedora") => ("dnf install", gnu.map(|gnu| format!("gcc-{gnu}"))),
        () if ids.contains(&"arch") => ("pacman -S", gnu.map(|gnu| format!("{gnu}-gcc"))),
        () if ids.contains(&"alpine") => ("apk add", None),
        () if ids.contains(&"suse") => ("zypper install", None),
        () => return format!("install {package}, or name another assembler in KILN_AS"),
    };
    let or = cross.map(|cross| format!(" or `{command} {cross}`")).unwrap_or_default();
    format!("install one: `{command} {package}`{or}; or name one in KILN_AS")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(host: Target, target: Target, syntax: Syntax) -> Vec<String> {
        wanted(host, target, syntax).iter().map(|wanted| wanted.to_string().replace('`', "")).collect()
    }

    fn words(words: &str) -> Vec<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    fn tool(line: &str, style: Style) -> Tool {
        Tool { words: words(line), program: "/bin/tool".into(), style }
    }

    fn typed(line: &str, style: Style, target: Target, syntax: Syntax, include: &[PathBuf]) -> String {
        let tool = tool(line, style);
        tool.typed(&tool.args(target, syntax, include, false, Path::new("out.o")))
    }

    #[test]
    fn order_on_linux() {
        for host in [Target::X86_64_LINUX, Target::AARCH64_LINUX] {
            let gnu = host.gnu_prefix().unwrap();
            let llvm = ["clang", "clang-<version>", "llvm-mc", "llvm-mc-<version>", "zig"].map(str::to_owned);
            let python = "the Python package ziglang".to_owned();
            let own = [vec![format!("{gnu}-as"), "as".to_owned()], llvm.to_vec(), vec![python.clone()]].concat();
            assert_eq!(names(host, host, Syntax::Plain), own);
            assert_eq!(
                names(host, host, Syntax::Preprocessed)[..5],
                [&format!("{gnu}-gcc"), "cc", "gcc", "clang", "clang-<version>"]
            );
            for target in Target::ALL.into_iter().filter(|&target| target != host) {
                let gnu: Vec<String> = target.gnu_prefix().map(|gnu| format!("{gnu}-as")).into_iter().collect();
                let cross = [llvm.to_vec(), gnu, vec![python.clone()]].concat();
                assert_eq!(names(host, target, Syntax::Plain), cross, "{target}");
                assert!(!names(host, target, Syntax::Preprocessed).iter().any(|name| name.contains("llvm-mc")));
            }
        }
    }

    #[test]
    fn order_on_macos() {
        let host = Target::AARCH64_MACOS;
        for target in [host, Target::X86_64_MACOS] {
            assert_eq!(names(host, target, Syntax::Plain)[..3], ["clang", "cc", "clang-<version>"]);
        }
        assert!(names(host, Target::X86_64_LINUX, Syntax::Plain).iter().all(|name| name != "cc" && name != "as"));
    }

    #[test]
    fn the_name_tells_the_style() {
        let linux = Target::X86_64_LINUX;
        for (line, style) in [
            ("clang", Style::Clang),
            ("/opt/llvm/bin/clang-19 -v", Style::Clang),
            ("zig cc", Style::Zig),
            ("python3 -m ziglang cc", Style::Zig),
            ("/usr/bin/llvm-mc-14", Style::Mc),
            ("gcc-12 -v", Style::Gcc),
            ("cc", Style::Gcc),
            ("/opt/clang/bin/as", Style::Gnu),
        ] {
            assert_eq!(Style::of(&words(line), linux), style, "{line}");
        }
        assert_eq!(Style::of(&words("/usr/bin/cc"), Target::AARCH64_MACOS), Style::Clang);
    }

    #[test]
    fn each_style_has_its_arguments() {
        let (apple, linux) = (Target::AARCH64_MACOS, Target::X86_64_LINUX);
        let triple = apple.llvm_triple();
        let include = [PathBuf::from("it's")];
        for (line, style, target, expected) in [
            ("as", Style::Gnu, linux, r"as -I 'it'\''s' -o out.o -".to_owned()),
            ("cc", Style::Gcc, linux, r"cc -x assembler -c -I 'it'\''s' -o out.o -".to_owned()),
            ("clang", Style::Clang, apple, format!(r"clang -target {triple} -x assembler -c -I 'it'\''s' -o out.o -")),
            ("llvm-mc", Style::Mc, apple, format!(r"llvm-mc -triple={triple} -filetype=obj -I 'it'\''s' -o out.o -")),
        ] {
            assert_eq!(typed(line, style, target, Syntax::Plain, &include), expected);
        }
        let zig = typed("zig cc", Style::Zig, apple, Syntax::Preprocessed, &[]);
        assert_eq!(
            zig,
            format!("zig cc -target {} -g0 -x assembler-with-cpp -c -o out.o -", {
                let triple = apple.to_string();
                triple.replace("-apple-darwin", "-macos")
            })
        );
        for target in Target::ALL {
            let zig = zig_target(target);
            assert_eq!(zig.parse::<Target>().unwrap(), target, "{zig}");
        }
    }

    #[test]
    fn the_users_target_and_debug_information_stay() {
        for line in ["clang --target=x", "clang -target x", "clang -g --target x"] {
            let typed = typed(line, Style::Clang, Target::AARCH64_MACOS, Syntax::Plain, &[]);
            assert_eq!(typed, format!("{line} -x assembler -c -o out.o -"));
        }
        let mc = typed("llvm-mc --triple=x", Style::Mc, Target::AARCH64_MACOS, Syntax::Plain, &[]);
        assert_eq!(mc, "llvm-mc --triple=x -filetype=obj -o out.o -");
        let zig = typed("zig cc -g -target x", Style::Zig, Target::AARCH64_MACOS, Syntax::Plain, &[]);
        assert_eq!(zig, "zig cc -g -target x -x assembler -c -o out.o -");
    }

    #[test]
    fn named_by_the_user() {
        let path = OsStr::new("/bin:/usr/bin");
        assert_eq!(Tool::named(" \t ", path, Syntax::Plain).unwrap(), None);
        let shell = Tool::named(" sh  -x ", path, Syntax::Plain).unwrap().unwrap();
        assert_eq!((shell.to_string().as_str(), shell.style), ("sh -x", Style::Gnu));
        let error = Tool::named("sh", path, Syntax::Preprocessed).unwrap_err();
        assert_eq!(error.to_string(), "KILN_AS names `sh`, which has no preprocessor");
        let error = Tool::named("/no/such -x", path, Syntax::Plain).unwrap_err();
        assert_eq!(error.to_string(), "KILN_AS names `/no/such`, and there is no such program");
        assert!(error.is_assembler() && error.next_step().is_some());
    }

    #[test]
    fn programs_in_path() {
        let root = std::env::temp_dir().join(format!("kiln-find-{}", std::process::id()));
        let dirs = [root.join("a"), root.join("b")];
        for (dir, file, mode) in [
            (0, "clang-9", 0o755),
            (0, "clang-14", 0o644),
            (0, "clang-format-15", 0o755),
            (1, "clang-9", 0o755),
            (1, "clang-14", 0o755),
            (1, "clang-101", 0o755),
        ] {
            std::fs::create_dir_all(&dirs[dir]).unwrap();
            let file = dirs[dir].join(file);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths(&dirs).unwrap();
        let found = versions("clang", &path);
        let first = (which("clang-14", &path), which("clang-9", &path), which("a", root.as_os_str()));
        std::fs::remove_dir_all(&root).unwrap();
        let expected = [(101, dirs[1].join("clang-101")), (14, dirs[1].join("clang-14")), (9, dirs[0].join("clang-9"))];
        assert_eq!(found, expected);
        assert_eq!(first, (Some(dirs[1].join("clang-14")), Some(dirs[0].join("clang-9")), None));
        assert_eq!(super::dirs(OsStr::new("::/bin:")).collect::<Vec<_>>(), [PathBuf::from("/bin")]);
    }

    #[test]
    fn what_to_install() {
        let target = Target::X86_64_LINUX;
        let gnu = target.gnu_prefix().unwrap();
        let dashes = gnu.replace('_', "-");
        for (release, own, cross) in [
            ("ID=debian\n", "apt-get install", format!(" or `apt-get install gcc-{dashes}`")),
            ("NAME=x\nID=ubuntu\nID_LIKE=debian\n", "apt-get install", format!(" or `apt-get install gcc-{dashes}`")),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install", format!(" or `dnf install gcc-{gnu}`")),
            ("ID=arch\n", "pacman -S", format!(" or `pacman -S {gnu}-gcc`")),
            ("ID=alpine\n", "apk add", String::new()),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", "zypper install", String::new()),
        ] {
            let on = |syntax, gap| to_install_on(Os::Linux, release, target, syntax, gap);
            let end = "; or name one in KILN_AS";
            assert_eq!(on(Syntax::Plain, Missing::Own), format!("install one: `{own} binutils`{end}"));
            assert_eq!(on(Syntax::Preprocessed, Missing::Own), format!("install one: `{own} gcc`{end}"));
            assert_eq!(on(Syntax::Plain, Missing::Cross), format!("install one: `{own} clang`{cross}{end}"));
            let apple = to_install_on(Os::Linux, release, Target::AARCH64_MACOS, Syntax::Plain, Missing::Cross);
            assert_eq!(apple, format!("install one: `{own} clang`{end}"));
        }
        assert_eq!(
            to_install_on(Os::Linux, "", target, Syntax::Plain, Missing::Own),
            "install binutils, or name another assembler in KILN_AS"
        );
        assert_eq!(
            to_install_on(Os::MacOs, "", Target::AARCH64_MACOS, Syntax::Plain, Missing::Own),
            "install one: `xcode-select --install`; or name one in KILN_AS"
        );
    }
}
