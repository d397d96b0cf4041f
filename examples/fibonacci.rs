//! The program of the overview: greets, and computes a Fibonacci number by its recursive
//! definition. (`fib.rs` is the same recursion as a benchmark.)

fn main() {
    println!("Hello, DotVM!");
    let result = calculate_fibonacci(10);
    println!("Fibonacci(10) = {}", result);
}

fn calculate_fibonacci(n: u32) -> u32 {
    match n {
        0 => 0,
        1 => 1,
        _ => calculate_fibonacci(n - 1) + calculate_fibonacci(n - 2),
    }
}
