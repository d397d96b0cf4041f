//! Headers of test programs: how a program is run for its test (see `examples/README.md`).

/// What a program's header says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Arguments (`test-args: a b`).
    pub args: Vec<String>,
    /// Standard input, one line each (`stdin: text`).
    pub stdin: String,
    /// Environment variables (`env: NAME=VALUE`).
    pub env: Vec<String>,
    /// The folder to preopen (`dir: .`).
    pub dir: Option<String>,
    /// Exit code (`exit: 42`).
    pub exit: i32,
}

impl Header {
    /// Reads the header of a program: its first lines, as far as they start with `marker` (`//!`
    /// in Rust, `;` in assembler text).
    ///
    /// # Panics
    /// Where an exit code is no number.
    pub fn of(source: &str, marker: &str) -> Header {
        let mut header = Header::default();
        for line in source.lines().map_while(|line| line.strip_prefix(marker)) {
            let Some((key, value)) = line.trim_start().split_once(':') else {
                continue;
            };
            let value = value.strip_prefix(' ').unwrap_or(value);
            match key {
                "test-args" => header
                    .args
                    .extend(value.split_whitespace().map(str::to_owned)),
                "stdin" => header.stdin += &format!("{value}\n"),
                "env" => header.env.push(value.to_owned()),
                "dir" => header.dir = Some(value.to_owned()),
                "exit" => header.exit = value.trim().parse().expect("an exit code is a number"),
                _ => {}
            }
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn known_keys_are_read_and_prose_is_not() {
        let source = "//! Prose: with a colon.\n//!\n//! test-args: a  b\n//! stdin: x y\n\
                      //! stdin:\n//! env: A=b=c\n//! dir: .\n//! exit: 42\n\n//! exit: 1\n";
        let expected = Header {
            args: vec!["a".into(), "b".into()],
            stdin: "x y\n\n".into(),
            env: vec!["A=b=c".into()],
            dir: Some(".".into()),
            exit: 42,
        };
        assert_eq!(Header::of(source, "//!"), expected);
        assert_eq!(Header::of("fn main() {}", "//!"), Header::default());
    }
}
