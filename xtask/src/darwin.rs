//! `cargo xtask darwin-run`: builds the emulator of an Apple Silicon process, a package of its own.

use crate::{Result, cargo, root, run};

pub(crate) fn build() -> Result<()> {
    let package = root().join("tools/darwin-run");
    // Beside its sources whatever the workspace's configuration is: that is where users look for it.
    run(cargo().args(["build", "--release", "--locked", "--target-dir", "target"]).current_dir(&package))?;
    println!("{}", package.join("target/release/kiln-darwin-run").display());
    Ok(())
}
