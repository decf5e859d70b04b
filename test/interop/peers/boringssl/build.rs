fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let source = vendored::source("boring-sys").join("deps/boringssl");
    let build = vendored::cmake(&source, &["CMAKE_C_FLAGS=-O1", "CMAKE_CXX_FLAGS=-O1"], &["ssl"]);
    println!("cargo::rustc-link-search=native={}", build.display());
    println!("cargo::rustc-link-lib=static=ssl");
    println!("cargo::rustc-link-lib=static=crypto");
    println!("cargo::rustc-link-lib=stdc++");
}
