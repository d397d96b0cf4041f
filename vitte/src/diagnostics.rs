//! What can be wrong with a source: one table of codes, and how errors are shown.

use codespan_reporting::diagnostic::{self, Label};
use codespan_reporting::term::{self, Config};

use crate::source::{Sources, Span};

/// The most errors that are kept of a program; the rest are counted.
pub const ERRORS_MAX: usize = 1000;

/// The longest line, in bytes, that is shown with an error.
const SHOWN_LINE_MAX: usize = 4096;

/// The table of error codes: identifier, number, meaning.
macro_rules! codes {
    ($($name:ident $number:literal $meaning:literal;)*) => {
        /// What kind of error it is; the number stays the same in every version.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All codes, by their numbers.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The code as users see it.
            pub fn number(self) -> &'static str {
                match self { $(Code::$name => $number,)* }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    Character "E0101" "A character that no token starts with.";
    OpenString "E0102" "A string without end.";
    OpenComment "E0103" "A comment without end.";
    Number "E0104" "A number that is malformed or too large.";
    Escape "E0105" "An unknown escape sequence in a string.";
    TooLong "E0106" "A source file that is too long.";
    Expected "E0201" "Something else was expected here.";
    TooDeep "E0202" "Code nested too deeply.";
    StatementEnd "E0203" "Two statements without a line end or `;` between them.";
    Misplaced "E0204" "A declaration where there can be none.";
    Target "E0205" "Something that cannot be assigned to.";
    UnknownName "E0301" "A name that nothing has.";
    UnknownType "E0302" "A type that does not exist.";
    Duplicate "E0303" "A name that is given twice.";
    UnknownMember "E0304" "A field, method, variant or member of a module that does not exist.";
    EarlyUse "E0305" "A top-level variable that is used before it has a value.";
    NoValue "E0306" "A type or module where a value is needed.";
    Mismatch "E0401" "A value of another type than is needed.";
    Unknown "E0402" "A type that cannot be inferred.";
    ArgumentCount "E0403" "A call with too many or too few arguments.";
    Operator "E0404" "An operator that these types do not have.";
    NotCallable "E0405" "A call of something that is no function.";
    Constant "E0406" "An assignment to something that does not change.";
    NoReturn "E0407" "A function whose end can be reached without a result.";
    Exhaustive "E0408" "A `match` that does not cover every value.";
    Unreachable "E0409" "A pattern that can never be reached.";
    Fields "E0410" "A struct value with missing or repeated fields.";
    MayBeNull "E0411" "A value that may be null, used as if it were not.";
    Unused "E0412" "A value that is computed and dropped.";
    OutsideLoop "E0413" "`break` or `continue` outside of a loop.";
    OutsideFunction "E0414" "`return` outside of a function.";
    NestedOptional "E0415" "An optional value of an optional value.";
    KeyType "E0416" "A type that maps cannot have as keys.";
    NotIterable "E0417" "A value that `for` cannot go through.";
    InfiniteType "E0418" "A type that would contain itself.";
    Range "E0419" "A number that its type does not have.";
    TooLarge "E0420" "A program with too many declarations of a kind.";
    Prototype "E0421" "A native function whose prototype is wrong, or does not have its types.";
    NoModule "E0501" "A module that does not exist or cannot be read.";
    Cycle "E0502" "Modules that import each other.";
    TooManyModules "E0503" "Too many modules.";
    Assembly "E0601" "VITBC text that makes no sense.";
}

/// An error in a source.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is said at the place that is underlined.
    pub label: String,
    /// Other places that have to do with it, and why.
    pub also: Vec<(Span, String)>,
    /// What to do about it.
    pub hint: String,
}

impl Diagnostic {
    /// An error with its place and what to do about it.
    #[cold]
    pub fn new(code: Code, span: Span, message: String, hint: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message,
            span,
            label: String::new(),
            also: Vec::new(),
            hint: hint.into(),
        }
    }

    /// With a text at the place that is underlined.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.label = text.into();
        self
    }

    /// With another place that has to do with it.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.also.push((span, text.into()));
        self
    }
}

/// The errors of a program, in the order of their places, at most [`ERRORS_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    errors: Vec<Diagnostic>,
    dropped: usize,
}

impl Diagnostics {
    /// Adds an error.
    pub fn push(&mut self, error: Diagnostic) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        } else {
            self.dropped += 1;
        }
    }

    /// Adds all of the others.
    pub fn append(&mut self, others: Diagnostics) {
        self.dropped += others.dropped;
        for error in others.errors {
            self.push(error);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// How many there are, those included that were not kept.
    pub fn count(&self) -> usize {
        self.errors.len() + self.dropped
    }

    /// Whether no more are kept, only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() == ERRORS_MAX
    }

    /// Those that were kept.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.errors.iter()
    }

    /// Sorts them by place.
    pub(crate) fn sort(&mut self) {
        self.errors
            .sort_by_key(|error| (error.span.file, error.span.start, error.span.end));
    }

    /// The errors as users see them: code and message, the place underlined, the hint.
    pub fn render(&self, sources: &Sources) -> String {
        let mut text = String::new();
        for error in &self.errors {
            render(error, sources, &mut text);
        }
        let count = self.count();
        let noun = if count == 1 { "error" } else { "errors" };
        match self.dropped {
            0 => text.push_str(&format!("{count} {noun}\n")),
            dropped => text.push_str(&format!("{count} {noun}, {dropped} of them not shown\n")),
        }
        text
    }
}

/// Shows one error.
fn render(error: &Diagnostic, sources: &Sources, text: &mut String) {
    let spans = error.also.iter().map(|(span, _)| *span);
    let long = spans
        .chain([error.span])
        .any(|span| sources.line_len(span) > SHOWN_LINE_MAX);
    let shown = if long {
        None
    } else {
        let place = |span: Span| (span.file as usize, span.range());
        let (file, range) = place(error.span);
        let mut labels = vec![Label::primary(file, range).with_message(&error.label)];
        for (span, text) in &error.also {
            let (file, range) = place(*span);
            labels.push(Label::secondary(file, range).with_message(text));
        }
        let report = diagnostic::Diagnostic::error()
            .with_code(error.code.number())
            .with_message(&error.message)
            .with_labels(labels)
            .with_notes(vec![format!("hint: {}", error.hint)]);
        term::emit_into_string(&Config::default(), sources, &report).ok()
    };
    let shown = shown.unwrap_or_else(|| {
        let (line, byte) = sources.line_and_byte(error.span);
        let name = sources.name_of(error.span.file);
        format!(
            "error[{}]: {}\n  at {name}:{line}, byte {byte} of the line\n  = hint: {}\n\n",
            error.code.number(),
            error.message,
            error.hint
        )
    });
    text.push_str(&shown);
}

/// A piece of a source for a message: short, and in one line.
pub(crate) fn shorten(text: &str) -> String {
    const LEN_MAX: usize = 40;
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(LEN_MAX) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}...", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_unique() {
        let numbers: Vec<_> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    #[test]
    fn errors_beyond_the_limit_are_counted() {
        let mut sources = Sources::default();
        let file = sources.add("a.vit", "x\n".to_owned());
        let mut errors = Diagnostics::default();
        let span = Span {
            file,
            start: 0,
            end: 1,
        };
        for _ in 0..ERRORS_MAX + 3 {
            errors.push(Diagnostic::new(Code::Unused, span, "m".to_owned(), "h"));
        }
        assert_eq!(errors.count(), ERRORS_MAX + 3);
        assert!(
            errors
                .render(&sources)
                .ends_with("1003 errors, 3 of them not shown\n")
        );
    }

    #[test]
    fn long_lines_are_not_shown() {
        let mut sources = Sources::default();
        let file = sources.add("a.vit", "x".repeat(SHOWN_LINE_MAX + 1));
        let mut errors = Diagnostics::default();
        let span = Span {
            file,
            start: 3,
            end: 4,
        };
        errors.push(Diagnostic::new(Code::Unused, span, "m".to_owned(), "h"));
        let shown = errors.render(&sources);
        assert_eq!(
            shown,
            "error[E0412]: m\n  at a.vit:1, byte 4 of the line\n  = hint: h\n\n1 error\n"
        );
    }
}
