//! Tells the program how it was built, since a figure from a build without optimisation is none.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let opt_level = std::env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo:rustc-env=BENCH_OPT_LEVEL={opt_level}");
}
