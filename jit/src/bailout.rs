//! Why a function stays in the interpreter.

use std::fmt;

macro_rules! bailouts {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// A reason for not compiling something. The interpreter runs it all the same.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Bailout {
            $(#[doc = $doc] $name,)*
        }

        impl Bailout {
            /// Every reason.
            pub const ALL: &[Bailout] = &[$(Bailout::$name),*];

            /// The reason in a few words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Bailout::$name => $text,)*
                }
            }
        }
    };
}

bailouts! {
    Malformed "does not verify" "The function does not verify: calling it is an error.";
    TooLarge "too large" "The body is longer than what is worth the time and memory of compiling.";
    TooComplex "too many values where paths join, locals, or catches" "Joins of paths have more values on the operand stack than is reasonable, blocks more locals, or something thrown more ways to be caught.";
    FrameTooLarge "frame too large to be tracked" "Its native frame is so large that recursion could end sooner than in the interpreter, which metering rules out.";
    Debugged "tail calls or catches, under a debugger" "It tail-calls or catches exceptions, and a debugger is to be able to have its frames in threaded code.";
    NoSuchLoop "no such loop" "The loop to be entered cannot be reached.";
    Codegen "not supported by the code generator" "Cranelift refused the function.";
    Processor "instructions that this processor lacks" "The processor has no instructions for what it does with vectors.";
    CodeCache "code cache full" "There is no room left for native code.";
    NoHost "no compiler for this machine" "The machine, or its operating system, is not one that native code is made for.";
}

impl fmt::Display for Bailout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Bailout {}
