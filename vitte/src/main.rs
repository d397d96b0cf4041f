//! The `vitte` binary; everything is in the library.

fn main() -> std::process::ExitCode {
    vitte::cli::main()
}
