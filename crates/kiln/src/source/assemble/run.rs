//! Runs an assembler on a text, and tells what came of it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use object::Object;

use super::Syntax;
use super::find::Tool;
use crate::error::{Error, Result};
use crate::target::{Arch, Format, Target};

/// A text to assemble.
pub(super) struct Job<'a> {
    pub(super) target: Target,
    pub(super) syntax: Syntax,
    pub(super) include: &'a [PathBuf],
    pub(super) debug: bool,
    pub(super) name: &'a str,
    pub(super) text: &'a [u8],
}

/// What came of running a tool.
pub(super) enum Outcome {
    /// The object's bytes.
    Object(Vec<u8>),
    /// The text is at fault, or the tool broke on it: another tool is not tried, it might differ silently.
    Refused(Error),
    /// The tool does not serve this target, or does not run here at all; this is why.
    Unfit(String),
}

/// What tools say that were built without the target, or do not know its name.
const UNKNOWN_TARGET: [&str; 6] = [
    "unable to create target",
    "No available targets",
    "unknown target triple",
    "unable to get target",
    "unable to parse target query",
    "unknown architecture: '",
];

/// What Apple's stand-ins say for tools that are not installed.
const STAND_IN: [&str; 2] = ["xcode-select: ", "xcrun: error: "];

impl Job<'_> {
    /// Runs `tool` on the text.
    pub(super) fn run(&self, tool: &Tool) -> Result<Outcome> {
        let scratch = Scratch::new()?;
        let marker = line_marker(self.name, self.syntax);
        let output = match self.call(tool, &scratch, &self.input(marker.as_deref())) {
            Ok(output) => output,
            Err(CallError::Spawn(error)) => return Ok(Outcome::Unfit(format!("cannot be run: {error}"))),
            Err(CallError::Input(error)) => return Err(Error::system("writing the text to a temporary file", error)),
        };
        let mut said = output.stderr;
        said.extend_from_slice(&output.stdout);
        let said = String::from_utf8_lossy(&said);
        let places = Places { name: self.name, marked: marker.is_some(), scratch: &scratch.0 };
        let lines = places.diagnostics(&said);
        if !output.status.success() {
            return Ok(self.refused(tool, &output.status.to_string(), output.status.code(), &lines));
        }
        let object = match fs::read(scratch.object()) {
            Ok(object) if !object.is_empty() => object,
            Ok(_) => return Ok(Outcome::Refused(Error::assembler(format!("`{tool}` wrote an empty file")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Outcome::Refused(Error::assembler(format!("`{tool}` wrote no object"))));
            }
            Err(error) => return Err(Error::system("reading the object from a temporary file", error)),
        };
        match self.unlike(&object) {
            Ok(None) => {}
            Ok(Some(made)) => return Ok(Outcome::Unfit(format!("makes {made}"))),
            Err(error) => {
                return Ok(Outcome::Refused(Error::assembler(format!("`{tool}` wrote no object")).caused_by(error)));
            }
        }
        for line in &lines {
            tracing::warn!("{line}");
        }
        let (source, made) = (self.text.len(), object.len());
        tracing::info!("assembled for {} by `{tool}`: {source} bytes of source, {made} bytes of object", self.target);
        Ok(Outcome::Object(object))
    }

    /// The text as the tools want it: after the marker, without a byte-order mark, with its last line ended.
    fn input<'b>(&'b self, marker: Option<&'b str>) -> [&'b [u8]; 3] {
        let text = self.text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.text);
        let end: &[u8] = if text.last().is_some_and(|&byte| byte != b'\n') { b"\n" } else { b"" };
        [marker.unwrap_or_default().as_bytes(), text, end]
    }

    /// Calls the tool. A file, not a pipe, is its standard input: a tool that does not read cannot block us then, nor
    /// kill this process by SIGPIPE.
    fn call(&self, tool: &Tool, scratch: &Scratch, input: &[&[u8]]) -> Result<Output, CallError> {
        let path = scratch.0.join("in");
        let feed = || -> io::Result<File> {
            let mut file = File::create(&path)?;
            for bytes in input {
                file.write_all(bytes)?;
            }
            File::open(&path)
        };
        let stdin = feed().map_err(CallError::Input)?;
        Command::new(tool.program())
            .args(tool.args(self.target, self.syntax, self.include, self.debug, &scratch.object()))
            .stdin(stdin)
            // Diagnostics are read here, and in English.
            .env("LC_ALL", "C")
            // Compilers keep temporary files, and a killed one leaves them.
            .env("TMPDIR", &scratch.0)
            // Zig's cache does not see when a file named by `.incbin` changes: it would return the old object.
            .env("ZIG_LOCAL_CACHE_DIR", scratch.0.join("zig"))
            .env("ZIG_GLOBAL_CACHE_DIR", scratch.0.join("zig"))
            .output()
            .map_err(CallError::Spawn)
    }

    /// What to say of a tool that failed.
    fn refused(&self, tool: &Tool, status: &str, code: Option<i32>, lines: &[String]) -> Outcome {
        // Of itself, not of a place in the text, which could say anything.
        let at_text = format!("{}:", self.name);
        for line in lines.iter().filter(|line| !line.starts_with(&at_text)) {
            if UNKNOWN_TARGET.iter().any(|says| line.contains(says)) {
                return Outcome::Unfit(format!("does not know the target: {line}"));
            }
            if STAND_IN.iter().any(|says| line.contains(says)) {
                return Outcome::Unfit(format!("cannot be run: {line}"));
            }
        }
        let said = lines.iter().map(|line| format!("\n{line}")).collect::<String>();
        match code {
            None => return Outcome::Refused(Error::assembler(format!("`{tool}` died of {status}{said}"))),
            // A shell's, or a shim's, for a program that is not there.
            Some(126 | 127) => return Outcome::Unfit(format!("cannot be run: {status}{said}")),
            Some(_) => {}
        }
        if let Some(made) = self.makes(tool) {
            return Outcome::Unfit(format!("makes {made}"));
        }
        Outcome::Refused(Error::assembler(match said.is_empty() {
            true => format!("`{tool}` refused it without a word ({status})"),
            false => format!("`{tool}` refused it:{said}"),
        }))
    }

    /// What the tool makes of an empty text, if that is not what the target needs: an assembler for another target
    /// calls every instruction unknown, and that would mislead.
    fn makes(&self, tool: &Tool) -> Option<String> {
        let scratch = Scratch::new().ok()?;
        self.call(tool, &scratch, &[]).ok().filter(|output| output.status.success())?;
        self.unlike(&fs::read(scratch.object()).ok()?).ok()?
    }

    /// What an object is, if it is not one for the target.
    fn unlike(&self, bytes: &[u8]) -> Result<Option<String>, object::Error> {
        let object = object::File::parse(bytes)?;
        let format = match object.format() {
            object::BinaryFormat::Elf => Some(Format::Elf),
            object::BinaryFormat::MachO => Some(Format::MachO),
            object::BinaryFormat::Coff => Some(Format::Coff),
            _ => None,
        };
        let arch = Arch::from_object(object.architecture());
        if (format, arch) == (Some(self.target.format()), Some(self.target.arch())) {
            return Ok(None);
        }
        let format = format.map_or_else(|| format!("{:?}", object.format()), |format| format.to_string());
        let arch = arch.map_or_else(|| format!("{:?}", object.architecture()), |arch| arch.to_string());
        Ok(Some(format!("{format} for {arch}")))
    }
}

/// Why a tool was not called.
enum CallError {
    Input(io::Error),
    Spawn(io::Error),
}

/// The line that makes the tool call the text by its name, which no file has that it reads: the assembler's own form,
/// or the preprocessor's, since clang's takes the assembler's for a comment. `None` if the name cannot stand in it.
fn line_marker(name: &str, syntax: Syntax) -> Option<String> {
    let hash = match syntax {
        Syntax::Plain => "#",
        Syntax::Preprocessed => "#line",
    };
    (!name.chars().any(char::is_control)).then(|| format!("{hash} 1 \"{}\"\n", escaped(name)))
}

fn escaped(name: &str) -> String {
    name.replace('\\', r"\\").replace('"', "\\\"")
}

/// How to read the places in what a tool says.
struct Places<'a> {
    name: &'a str,
    /// The text stands under a line marker.
    marked: bool,
    scratch: &'a Path,
}

impl Places<'_> {
    /// The lines that say something, with the user's places.
    fn diagnostics(&self, said: &str) -> Vec<String> {
        let scratch = self.scratch.to_string_lossy();
        said.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !is_noise(line))
            // A place in clang's preprocessed text, which is gone.
            .filter(|line| !(line.starts_with("Included from ") && line.contains(&*scratch)))
            .map(|line| self.line(line))
            .collect()
    }

    fn line(&self, line: &str) -> String {
        let place = ["In file included from ", "Included from ", "from "]
            .iter()
            .find_map(|lead| line.trim_start().strip_prefix(lead))
            .unwrap_or(line);
        let lead = &line[..line.len() - place.len()];
        // LLVM's assemblers print the name as it is written in the marker.
        if let Some(rest) = place.strip_prefix(&escaped(self.name)).filter(|rest| rest.starts_with(':')) {
            return format!("{lead}{}{rest}", self.name);
        }
        let stdin = ["<stdin>:", "{standard input}:", "-:"].iter().find_map(|stdin| place.strip_prefix(stdin));
        let Some(rest) = stdin else { return line.to_owned() };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match rest[..digits].parse::<u64>() {
            // Whoever says `<stdin>` in spite of the marker counts the marker as a line.
            Ok(number) if self.marked => {
                format!("{lead}{}:{}{}", self.name, number.saturating_sub(1).max(1), &rest[digits..])
            }
            _ => format!("{lead}{}:{rest}", self.name),
        }
    }
}

/// A line that says no more than that other lines say something.
fn is_noise(line: &str) -> bool {
    line.ends_with(": Assembler messages:")
        || line.contains("assembler command failed with exit code")
        || line == "compilation terminated."
        || (line.starts_with(|c: char| c.is_ascii_digit()) && line.ends_with(" generated."))
}

/// A directory for one call, that goes away with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let dir = std::env::temp_dir().join(format!("kiln-{}-{number}", std::process::id()));
            // Nobody else can have made it or can look into it.
            match DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Scratch(dir)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::system(format!("creating `{}`", dir.display()), error)),
            }
        }
    }

    fn object(&self) -> PathBuf {
        self.0.join("out.o")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("cannot remove `{}`: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines(name: &str, marked: bool, said: &str) -> Vec<String> {
        Places { name, marked, scratch: Path::new("/tmp/kiln-1-2") }.diagnostics(said)
    }

    #[test]
    fn places_are_the_users() {
        let name = r#"a "b"\c.s"#;
        for (marked, said, expected) in [
            (false, "<stdin>:3:8: error: x", r#"a "b"\c.s:3:8: error: x"#),
            (false, "{standard input}:3: Error: x", r#"a "b"\c.s:3: Error: x"#),
            (false, "-:3: x", r#"a "b"\c.s:3: x"#),
            (false, "Included from <stdin>:7:", r#"Included from a "b"\c.s:7:"#),
            (true, "Included from <stdin>:7:", r#"Included from a "b"\c.s:6:"#),
            (true, "<stdin>:1: x", r#"a "b"\c.s:1: x"#),
            (true, r#"a \"b\"\\c.s:3:8: error: x"#, r#"a "b"\c.s:3:8: error: x"#),
            (true, r#"In file included from a \"b\"\\c.s:2:"#, r#"In file included from a "b"\c.s:2:"#),
            (true, "                 from <stdin>:2:", r#"                 from a "b"\c.s:1:"#),
            (true, r#"a "b"\c.s:3: Error: x"#, r#"a "b"\c.s:3: Error: x"#),
            (true, " mov <stdin>:3, {standard input}:3", " mov <stdin>:3, {standard input}:3"),
            (true, "<instantiation>:1:1: error: x", "<instantiation>:1:1: error: x"),
            (true, "<stdin>: cannot read", r#"a "b"\c.s: cannot read"#),
        ] {
            assert_eq!(lines(name, marked, said), [expected]);
        }
    }

    #[test]
    fn noise_is_dropped_and_nothing_else() {
        let said = "\
a.s: Assembler messages:
a.s:2:8: error: x
 bogus %foo
       ^~~~
Included from /tmp/kiln-1-2/--0c3942.s:8:
/usr/include/bad.inc:2:8: error: y

clang: error: unable to execute command: Killed
1 warning and 1 error generated.
 1 error generated.
compilation terminated.
clang: error: assembler command failed with exit code 1 (use -v to see invocation)
";
        let kept = [
            "a.s:2:8: error: x",
            " bogus %foo",
            "       ^~~~",
            "/usr/include/bad.inc:2:8: error: y",
            "clang: error: unable to execute command: Killed",
            " 1 error generated.",
        ];
        assert_eq!(lines("a.s", true, said), kept);
    }

    #[test]
    fn markers_quote_the_name() {
        assert_eq!(line_marker(r#"a "b"\c.s"#, Syntax::Plain).as_deref(), Some("# 1 \"a \\\"b\\\"\\\\c.s\"\n"));
        assert_eq!(line_marker("é.S", Syntax::Preprocessed).as_deref(), Some("#line 1 \"é.S\"\n"));
        assert_eq!(line_marker("a\nb.s", Syntax::Plain), None);
    }

    #[test]
    fn input_is_made_whole() {
        let input = |text: &[u8]| {
            let job =
                Job { target: Target::host(), syntax: Syntax::Plain, include: &[], debug: false, name: "a.s", text };
            job.input(Some("# 1\n")).concat()
        };
        assert_eq!(input(b"\xEF\xBB\xBFnop"), b"# 1\nnop\n");
        assert_eq!(input(b"nop\r\n"), b"# 1\nnop\r\n");
        assert_eq!(input(b""), b"# 1\n");
    }

    /// One test, since it makes directories that another would find where its own was.
    #[test]
    fn scratch_is_private_goes_away_and_was_not_there_before() {
        use std::os::unix::fs::PermissionsExt;

        let (one, two) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.0, two.0);
        assert_eq!(fs::metadata(&one.0).unwrap().permissions().mode() & 0o777, 0o700);
        let path = one.0.clone();
        fs::write(one.object(), "x").unwrap();
        drop(one);
        assert!(!path.exists());

        let (stem, number) = two.0.to_str().unwrap().rsplit_once('-').unwrap();
        let number: u32 = number.parse().unwrap();
        // Another test may take the next number: a few of them.
        let theirs: Vec<PathBuf> = (number + 1..number + 9).map(|number| format!("{stem}-{number}").into()).collect();
        let made: Vec<&PathBuf> = theirs.iter().filter(|dir| fs::create_dir(dir).is_ok()).collect();
        let next = Scratch::new();
        made.iter().for_each(|dir| fs::remove_dir(dir).unwrap());
        assert!(!made.is_empty() && !made.contains(&&next.unwrap().0));
    }
}
