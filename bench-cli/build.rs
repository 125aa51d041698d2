//! Tells the program how it was built.

use std::env;
use std::path::Path;
use std::process::Command;

use crc::{CRC_64_XZ, Crc};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo:rustc-env=BENCH_RUSTC={}", version.unwrap_or_default());
    println!("cargo:rustc-env=BENCH_PROFILE={}", profile());
    println!("cargo:rustc-env=BENCH_FEATURES={}", features());
    println!("cargo:rustc-env=BENCH_LOCK={}", lock());
}

/// The profile's own name: cargo's variable says `release` for whatever inherits from it. The folder that is built in is
/// TARGET/PROFILE/build/PACKAGE/out.
fn profile() -> String {
    let out = env::var("OUT_DIR").unwrap_or_default();
    let folder = Path::new(&out).ancestors().nth(3).and_then(Path::file_name);
    folder.map_or_else(|| env::var("PROFILE").unwrap_or_default(), |name| name.to_string_lossy().into_owned())
}

fn features() -> String {
    let mut names: Vec<_> = env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase))
        .collect();
    names.sort();
    names.join(" ")
}

/// Of the workspace that the package lies in; empty where it lies in none.
fn lock() -> String {
    let file = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../Cargo.lock");
    let Ok(bytes) = std::fs::read(&file) else { return String::new() };
    println!("cargo:rerun-if-changed={}", file.display());
    format!("crc64:{:016x}", Crc::<u64>::new(&CRC_64_XZ).checksum(&bytes))
}
