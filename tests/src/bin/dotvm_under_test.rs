//! The `dotvm` command, built for the tests of this package. It is the same one line.

fn main() -> ! {
    dotvm_cli::main()
}
