//! The `dotvm` binary; everything is in the library, which the end-to-end tests link, too.

fn main() -> ! {
    dotvm_cli::main()
}
