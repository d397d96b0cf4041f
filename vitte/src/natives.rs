//! The functions of the runtime that programs call: one table.
//!
//! Functions of `core` and `io` need no import. Those whose first parameter is a string, an array or
//! a map and whose module has the type's name are methods, too: `s.trim()` is `string.trim(s)`.

/// A type in the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum T {
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `string`
    Str,
    /// No value.
    Void,
    /// Never comes back.
    Never,
    /// What has a text: `int`, `float`, `bool`, `string`, and optionals, arrays and maps of such.
    Shown,
    /// Any number of the kind above.
    ShownRest,
    /// `int` or `float`, the same everywhere in the row.
    Num,
    /// Any type, the same everywhere in the row.
    A,
    /// What maps can have as keys, the same everywhere in the row.
    K,
    /// `array<T>`
    Array(&'static T),
    /// `map<T, U>`
    Map(&'static T, &'static T),
    /// `T?`
    Opt(&'static T),
    /// `fn() -> T`
    Fn(&'static T),
}

/// What a program must be allowed to do for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Standard input and output.
    Console,
    /// Files.
    Files,
    /// Clocks.
    Clock,
    /// Random numbers.
    Random,
    /// Arguments, environment, exit.
    System,
    /// The database.
    Database,
}

/// A row of the table.
#[derive(Debug)]
pub struct Native {
    /// The module.
    pub module: &'static str,
    /// The name in it.
    pub name: &'static str,
    /// Types of parameters.
    pub params: &'static [T],
    /// The type of the result.
    pub result: T,
    /// What the program must be allowed to do.
    pub needs: Needs,
    /// What it does, in a sentence.
    pub meaning: &'static str,
}

impl Native {
    /// The name with the module, as bytecode has it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.module, self.name)
    }
}

macro_rules! natives {
    ($($module:ident { $($name:ident ($($param:expr),*) $result:expr, $needs:ident, $meaning:literal;)* })*) => {
        /// All native functions, by modules.
        pub const NATIVES: &[Native] = &[$($(Native {
            module: stringify!($module),
            name: stringify!($name),
            params: &[$($param),*],
            result: $result,
            needs: Needs::$needs,
            meaning: $meaning,
        },)*)*];

        /// The modules of native functions.
        pub const MODULES: &[&str] = &[$(stringify!($module)),*];
    };
}

use T::{A, Array, Bool, Float, Fn, Int, K, Map, Never, Num, Opt, Shown, ShownRest, Str, Void};

natives! {
    core {
        int(Float) Int, Nothing, "The integral part; traps where `int` does not have it.";
        int(Str) Opt(&Int), Nothing, "The integer that the text is, or null.";
        int(Bool) Int, Nothing, "1 for true, 0 for false.";
        float(Int) Float, Nothing, "The nearest float.";
        float(Str) Opt(&Float), Nothing, "The float that the text is, or null.";
        str(Shown) Str, Nothing, "The value as text.";
        len(Str) Int, Nothing, "The number of characters.";
        len(Array(&A)) Int, Nothing, "The number of elements.";
        len(Map(&K, &A)) Int, Nothing, "The number of entries.";
        panic(Str) Never, Nothing, "Stops the program with a message.";
        assert(Bool) Void, Nothing, "Stops the program when the condition is false.";
        assert(Bool, Str) Void, Nothing, "Stops the program with a message when the condition is false.";
    }
    io {
        print(Shown) Void, Console, "Writes the value as text.";
        println(Shown) Void, Console, "Writes the value as text, and a line end.";
        println() Void, Console, "Writes a line end.";
        read_line() Opt(&Str), Console, "Reads a line, without its end; null at the end of the input.";
        open(Str, Str) Opt(&Int), Files, "Opens a file to read (`r`), write (`w`, which empties it) or append (`a`); null if that fails.";
        read(Int, Int) Opt(&Str), Files, "Reads that many bytes, and the rest of the last character; fewer at the end of the file, null behind it.";
        write(Int, Str) Int, Files, "Writes text; gives the number of bytes.";
        close(Int) Void, Files, "Closes a file; its handle means nothing any more.";
    }
    math {
        abs(Num) Num, Nothing, "The absolute value; of the least integer a trap.";
        min(Num, Num) Num, Nothing, "The lesser of two numbers.";
        max(Num, Num) Num, Nothing, "The greater of two numbers.";
        pow(Float, Float) Float, Nothing, "The first to the power of the second.";
        sqrt(Float) Float, Nothing, "The square root.";
        sin(Float) Float, Nothing, "The sine.";
        cos(Float) Float, Nothing, "The cosine.";
        tan(Float) Float, Nothing, "The tangent.";
        floor(Float) Float, Nothing, "Rounds down.";
        ceil(Float) Float, Nothing, "Rounds up.";
        rand() Float, Random, "A random number from 0 up to 1, without 1.";
        rand_range(Int, Int) Int, Random, "A random integer from the first up to the second, without that.";
    }
    string {
        len(Str) Int, Nothing, "The number of characters.";
        substr(Str, Int, Int) Str, Nothing, "That many characters from a position on, fewer where the text ends.";
        split(Str, Str) Array(&Str), Nothing, "The parts between separators.";
        join(Array(&Str), Str) Str, Nothing, "All strings, with a separator between them.";
        replace(Str, Str, Str) Str, Nothing, "With each occurrence of one text replaced by another.";
        find(Str, Str) Opt(&Int), Nothing, "Where a text first occurs, or null.";
        trim(Str) Str, Nothing, "Without ASCII white space at both ends.";
        upper(Str) Str, Nothing, "In upper case.";
        lower(Str) Str, Nothing, "In lower case.";
        format(Str, ShownRest) Str, Nothing, "With each `{}` replaced by the next value.";
    }
    array {
        len(Array(&A)) Int, Nothing, "The number of elements.";
        push(Array(&A), A) Void, Nothing, "Adds an element at the end.";
        pop(Array(&A)) Opt(&A), Nothing, "Takes the last element; null if there is none.";
        insert(Array(&A), Int, A) Void, Nothing, "Adds an element at a position.";
        remove(Array(&A), Int) A, Nothing, "Takes the element at a position.";
        slice(Array(&A), Int, Int) Array(&A), Nothing, "A new array of the elements from one position up to another, without that.";
        reverse(Array(&A)) Void, Nothing, "Turns the order around.";
        clear(Array(&A)) Void, Nothing, "Removes all elements.";
        join(Array(&Str), Str) Str, Nothing, "All strings, with a separator between them.";
        contains(Array(&K), K) Bool, Nothing, "Whether there is such an element.";
    }
    map {
        len(Map(&K, &A)) Int, Nothing, "The number of entries.";
        has(Map(&K, &A), K) Bool, Nothing, "Whether there is an entry with that key.";
        get(Map(&K, &A), K) Opt(&A), Nothing, "The value at a key, or null.";
        remove(Map(&K, &A), K) Bool, Nothing, "Removes an entry; tells whether there was one.";
        keys(Map(&K, &A)) Array(&K), Nothing, "All keys, in the order in which they came.";
        values(Map(&K, &A)) Array(&A), Nothing, "All values, in the order of their keys.";
        clear(Map(&K, &A)) Void, Nothing, "Removes all entries.";
    }
    time {
        now() Float, Clock, "Seconds since 1970.";
        sleep(Float) Void, Clock, "Waits that many seconds.";
    }
    system {
        args() Array(&Str), System, "The arguments of the program.";
        os_name() Str, System, "The name of the operating system.";
        arch() Str, System, "The name of the machine's architecture.";
        env_get(Str) Opt(&Str), System, "A variable of the environment, or null.";
        env_set(Str, Str) Void, System, "Sets a variable of the environment.";
        exit(Int) Never, System, "Ends the program with a code.";
    }
    db {
        get(Str) Opt(&Str), Database, "The value at a key, or null.";
        put(Str, Str) Void, Database, "Sets the value at a key.";
        delete(Str) Bool, Database, "Removes a key; tells whether it was there.";
        scan(Str) Map(&Str, &Str), Database, "All entries whose keys start with a prefix, in their order.";
        transaction(Fn(&Bool)) Bool, Database, "Calls a function, and keeps its changes of the database if it gives true.";
    }
}

/// The rows of that name; several where a function takes different types.
pub fn find<'n>(module: &'n str, name: &'n str) -> impl Iterator<Item = u32> + 'n {
    let rows = NATIVES.iter().enumerate();
    rows.filter(move |(_, row)| row.module == module && row.name == name)
        .map(|(i, _)| i as u32)
}

/// The module whose functions need no import and have one of that name.
pub fn prelude(name: &str) -> Option<&'static str> {
    ["core", "io"]
        .into_iter()
        .find(|module| find(module, name).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_without_import_are_not_ambiguous() {
        let io = NATIVES.iter().filter(|row| row.module == "io");
        for row in io {
            assert!(find("core", row.name).next().is_none(), "{}", row.name);
        }
    }

    #[test]
    fn rows_of_one_name_differ_in_count_or_first_type() {
        for (i, row) in NATIVES.iter().enumerate() {
            for other in &NATIVES[i + 1..] {
                let same = row.full_name() == other.full_name()
                    && row.params.len() == other.params.len()
                    && row.params.first() == other.params.first();
                assert!(!same, "{}", row.full_name());
            }
        }
    }
}
