//! Trap codes: the one table of reasons for which a running program is stopped.

use std::fmt;

macro_rules! traps {
    ($($name:ident = $code:literal $message:literal $doc:literal;)*) => {
        /// Why a program was stopped. `repr(u8)` from 1, so that 0 can mean "no trap" where machine
        /// code returns a status.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum TrapCode {
            $(#[doc = $doc] $name = $code,)*
        }

        impl TrapCode {
            /// Every trap code.
            pub const ALL: &'static [TrapCode] = &[$(TrapCode::$name),*];

            /// The trap with that status code.
            pub fn from_code(code: u8) -> Option<TrapCode> {
                match code {
                    $($code => Some(TrapCode::$name),)*
                    _ => None,
                }
            }

            /// The trap's name, as documented.
            pub const fn name(self) -> &'static str {
                match self {
                    $(TrapCode::$name => stringify!($name),)*
                }
            }

            /// When it happens, in one sentence.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $doc,)*
                }
            }

            /// One line for people. Where WebAssembly's specification suite names a message,
            /// this is it.
            pub const fn message(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $message,)*
                }
            }
        }
    };
}

traps! {
    Unreachable = 1 "unreachable executed" "A `trap` instruction was executed.";
    MemoryOutOfBounds = 2 "out of bounds memory access" "A load, store or bulk operation left the memory or the data segment.";
    TableOutOfBounds = 3 "out of bounds table access" "A table operation left the table or the element segment.";
    UndefinedElement = 4 "undefined element" "An indirect call's index lies outside the table.";
    UninitializedElement = 5 "uninitialized element" "An indirect call met a null reference.";
    IndirectCallTypeMismatch = 6 "indirect call type mismatch" "An indirect call met a function of another type.";
    IntegerDivideByZero = 7 "integer divide by zero" "An integer division or remainder by zero.";
    IntegerOverflow = 8 "integer overflow" "The smallest integer divided by -1, a checked sum, difference or product that does not fit, or a float out of the integer's range.";
    InvalidConversionToInteger = 9 "invalid conversion to integer" "A NaN converted to an integer.";
    StackExhausted = 10 "call stack exhausted" "Calls nested deeper than the stack limit allows.";
    OutOfFuel = 11 "all fuel consumed" "The fuel limit was reached.";
    Timeout = 12 "wall-time limit reached" "The wall-time limit was reached.";
    Interrupted = 13 "interrupted" "The embedder asked the program to stop.";
    MemoryLimit = 14 "memory limit reached" "More memory was asked for than the limits allow.";
    InvalidFree = 15 "free of an address that is not allocated" "`free` got an address that `alloc` did not give, or freed it twice.";
    TableLimit = 16 "table limit reached" "A table was to grow past the embedder's limit.";
    NullReference = 17 "null reference" "An instruction that wants an object met a null reference.";
    NullFunctionReference = 18 "null function reference" "`call_ref` met a null reference.";
    NullExceptionReference = 19 "null exception reference" "`throw_ref` met a null reference.";
    CastFailure = 20 "cast failure" "An instruction met a reference to an object of another type.";
    ArrayOutOfBounds = 21 "out of bounds array access" "An instruction left an array.";
    InvalidHandle = 22 "invalid handle" "A service got a handle that names nothing, or something of another kind than it takes.";
    InvalidArgument = 23 "invalid argument" "A service got a number of an algorithm, a length or a count that it does not take.";
    HandleLimit = 24 "limit of handles reached" "A service was to give more handles than a program may have.";
    DatabaseLimit = 25 "database limit reached" "Something is longer than a database takes, or there is more of it than its limits allow.";
    DatabaseMisuse = 26 "wrong use of the database" "A name that is none, a query or the field of an index that is wrong, a transaction that is not there.";
    DatabaseFailure = 27 "database failure" "A database could not be opened, read or written, or others keep it busy.";
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for TrapCode {}

#[cfg(test)]
mod tests {
    use super::TrapCode;

    #[test]
    fn codes_round_trip_and_start_at_one() {
        for (i, &trap) in TrapCode::ALL.iter().enumerate() {
            assert_eq!(trap as usize, i + 1);
            assert_eq!(TrapCode::from_code(trap as u8), Some(trap));
        }
        assert_eq!(TrapCode::from_code(0), None);
    }
}
