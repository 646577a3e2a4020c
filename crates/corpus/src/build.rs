//! Sources become objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::fetch::{c_files, part_name};
use crate::{Library, Result, at, folder, run};

/// A C or C++ compiler with the options that make a difference.
#[derive(Clone, Copy, Debug)]
pub struct Compiler<'a> {
    /// The folder under `target/corpus` for what it makes: one for each combination of program and options.
    pub folder: &'a str,
    /// The program.
    pub program: &'a str,
    /// Its options.
    pub options: &'a [&'a str],
}

impl Compiler<'_> {
    /// What the figures are about: `cc -O2 -fPIC`.
    pub const BENCH: Compiler<'static> = Compiler { folder: "bench", program: "cc", options: &["-O2", "-fPIC"] };

    /// The library's objects, one for each source, compiled if that has not been done yet.
    ///
    /// # Errors
    ///
    /// The sources cannot be had, or the compiler refuses them.
    pub fn objects(&self, library: &Library) -> Result<Vec<PathBuf>> {
        let made_of = format!("{library:?} {self:?}");
        self.made(library.name, &made_of, |into| {
            let krate = library.crate_folder()?;
            let mut options: Vec<String> = library.options.iter().map(|option| (*option).to_owned()).collect();
            options.extend(library.header_folders()?.iter().map(|folder| format!("-I{}", folder.display())));
            let sources = c_files(&krate, library.sources)?;
            let jobs: Vec<(PathBuf, PathBuf)> = sources
                .into_iter()
                .map(|source| {
                    let name = part_name(source.strip_prefix(&krate).unwrap_or(&source));
                    (source, into.join(name))
                })
                .collect();
            self.compile(&jobs, &options)
        })
    }

    /// The library as one object, as `ld -r` merges it.
    ///
    /// # Errors
    ///
    /// As [`objects`](Compiler::objects), or the linker refuses.
    pub fn merged(&self, library: &Library) -> Result<PathBuf> {
        let parts = self.objects(library)?;
        let name = format!("{}-merged", library.name);
        let made = self.made(&name, &format!("{library:?} {self:?} ld -r"), |into| {
            run(Command::new("ld").arg("-r").arg("-o").arg(into.join(format!("{}.o", library.name))).args(&parts))
        })?;
        made.into_iter().next().ok_or_else(|| format!("{name}: nothing was made"))
    }

    /// The object of a source text of ours; `extension` says its language.
    ///
    /// # Errors
    ///
    /// The compiler refuses it.
    pub fn object(&self, name: &str, extension: &str, text: &str, headers: &[PathBuf]) -> Result<PathBuf> {
        let options: Vec<String> = headers.iter().map(|folder| format!("-I{}", folder.display())).collect();
        let made = self.made(name, &format!("{self:?} {options:?}\n{text}"), |into| {
            let source = into.join(format!("{name}.{extension}"));
            fs::write(&source, text).map_err(at(&source))?;
            self.compile(&[(source.clone(), into.join(format!("{name}.o")))], &options)?;
            fs::remove_file(&source).map_err(at(&source))
        })?;
        made.into_iter().next().ok_or_else(|| format!("{name}: nothing was made"))
    }

    /// The files in the folder `name`, which `make` fills if they are not there or are made of something else. Several
    /// processes may want the same at once: a folder appears when it is whole.
    pub(crate) fn made(
        &self,
        name: &str,
        made_of: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Vec<PathBuf>> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let parent = folder().join(self.folder);
        let (whole, stamp) = (parent.join(name), "made-of");
        let is_current = || fs::read_to_string(whole.join(stamp)).is_ok_and(|text| text == made_of);
        if !is_current() {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let new = parent.join(format!("{name}.{}-{number}.new", std::process::id()));
            fs::create_dir_all(&new).map_err(at(&new))?;
            make(&new)?;
            fs::write(new.join(stamp), made_of).map_err(at(&new))?;
            if whole.exists() {
                fs::remove_dir_all(&whole).map_err(at(&whole))?;
            }
            if let Err(error) = fs::rename(&new, &whole) {
                // Somebody else was faster.
                fs::remove_dir_all(&new).map_err(at(&new))?;
                if !is_current() {
                    return Err(at(&whole)(error));
                }
            }
        }
        let entries = fs::read_dir(&whole).map_err(at(&whole))?;
        let files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<PathBuf>>>();
        let mut files = files.map_err(at(&whole))?;
        files.retain(|file| file.file_name().is_some_and(|name| name != stamp));
        files.sort();
        Ok(files)
    }

    /// Compiles each source to its object, on all cores.
    fn compile(&self, jobs: &[(PathBuf, PathBuf)], options: &[String]) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        let worker = || {
            while let Some((source, object)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut command = Command::new(self.program);
                command.arg("-c").args(self.options).args(options).arg("-o").arg(object).arg(source);
                if let Err(error) = run(&mut command) {
                    next.store(jobs.len(), Ordering::Relaxed);
                    failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
                }
            }
        };
        thread::scope(|scope| {
            let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
            for _ in 1..cores.min(jobs.len()) {
                scope.spawn(worker);
            }
            worker();
        });
        failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
    }
}
