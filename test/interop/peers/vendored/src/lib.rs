//! For build scripts: builds the C library that a `-sys` crate carries, with CMake and with our own configuration.
//!
//! The crates' own build scripts want libclang (bindgen) or autotools, and leave out features that the tests need.
//! The crate is named as a dependency of a platform that does not exist, so that Cargo pins it, checks its hash
//! and downloads it, but does not build it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The directory of the locked version of `package`.
pub fn source(package: &str) -> PathBuf {
    let output = Command::new(env::var("CARGO").unwrap())
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env::var("CARGO_MANIFEST_DIR").unwrap())
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata = String::from_utf8(output.stdout).unwrap();
    let directory = format!("/{package}-");
    let manifest = metadata
        .split("\"manifest_path\":\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .find(|path| path.contains(&directory))
        .unwrap_or_else(|| panic!("{package} is not among the dependencies"));
    Path::new(manifest).parent().unwrap().into()
}

/// Configures and builds `targets` of the CMake project in `source`; answers its build directory.
pub fn cmake(source: &Path, definitions: &[&str], targets: &[&str]) -> PathBuf {
    let build = Path::new(&env::var("OUT_DIR").unwrap()).join("library");
    fs::create_dir_all(&build).unwrap();
    run(Command::new("cmake")
        .arg("-S")
        .arg(source)
        .arg("-B")
        .arg(&build)
        .arg("-DCMAKE_BUILD_TYPE=Release")
        .arg("-DBUILD_SHARED_LIBS=OFF")
        .args(definitions.iter().map(|definition| format!("-D{definition}"))));
    run(Command::new("cmake")
        .arg("--build")
        .arg(&build)
        .args(["--parallel", &env::var("NUM_JOBS").unwrap()])
        .arg("--target")
        .args(targets));
    build
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} failed");
}
