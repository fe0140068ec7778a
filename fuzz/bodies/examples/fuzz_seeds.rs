//! Writes the inputs that the fuzzer starts from into a folder for each target.
//!
//! ```text
//! cargo run -p shaken-fuzz-bodies --example fuzz_seeds -- fuzz/corpus
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use shaken_fuzz_bodies::{Target, vectors};

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let (Some(folder), None) = (args.next(), args.next()) else {
        eprintln!("usage: fuzz_seeds FOLDER");
        return ExitCode::from(64);
    };
    match write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the seeds could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Files that are there already stay, but for those of the same name.
fn write(folder: &Path) -> io::Result<()> {
    let vectors = vectors();
    for target in Target::ALL {
        let seeds = target.seeds(&vectors);
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{i:04}")), seed)?;
        }
        println!("{}: {} seeds", folder.display(), seeds.len());
    }
    Ok(())
}
