//! Functions of libSystem as a program uses them, which `libsystem.c` prints the results of.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod build;

use std::process::Command;

/// What C and POSIX say that they give; the numbers of `struct lconv` are those of the C locale.
const EXPECTED: &str = "\
seek: 5 5 56 7 012
back: xy67 12
append: 0123456789end
end: 1 0 1 3
part: 2 of 3, at 10
exclusive: 17
reopened: written to the stream
temporary: 1 1 5 there
locale: C C null . [] 127
case: 0 1 0 1
utc: 2001-09-09 01:46:40 day 252, weekday 0, offset 0 UTC
local: 2000-01-02 03:04:05 +0100 CET, weekday 0, 946778645
normal: 2000-03-01, 951865200
format: Sunday 02 January 2000|02|00|AM|Sun Jan  2 03:04:05 2000|52|%
no room: 0, exactly: 4
difference: -2.5
clock: runs
system: 3 there, shell 1
reads: one two, status 4
writes: HELLO, status 0
lock: 1
";

#[test]
fn functions_do_what_c_and_posix_say() {
    let program = build::program("libsystem.c");
    let folder = build::folder().join(format!("libsystem-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln-darwin-run"));
    // A zone by its rule, which no list of zones is needed for.
    let output = command.arg(program).current_dir(&folder).env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3").output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    assert_eq!(String::from_utf8_lossy(&output.stdout), EXPECTED);
}
