//! Counting: what a word is, and how often each one has come.

use std::collections::BTreeMap;

/// What has been seen in a text so far.
#[derive(Default)]
pub struct Counts {
    lines: u64,
    words: u64,
    characters: u64,
    /// By the word in lower case.
    frequencies: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds one line, given without its line break.
    pub fn add_line(&mut self, line: &str) {
        self.lines += 1;
        self.characters += line.chars().count() as u64;
        for word in words(line) {
            self.words += 1;
            *self.frequencies.entry(word.to_lowercase()).or_insert(0) += 1;
        }
    }

    /// The number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The number of words.
    pub fn words(&self) -> u64 {
        self.words
    }

    /// The number of characters, line breaks not counted.
    pub fn characters(&self) -> u64 {
        self.characters
    }

    /// The number of words that differ in more than case.
    pub fn different_words(&self) -> usize {
        self.frequencies.len()
    }

    /// The most frequent words, at most `limit`; equally frequent ones in alphabetical order.
    pub fn most_frequent(&self, limit: usize) -> Vec<(&str, u64)> {
        let mut ranking: Vec<(&str, u64)> = self
            .frequencies
            .iter()
            .map(|(word, &count)| (word.as_str(), count))
            .collect();
        // The sort is stable, and the map is in alphabetical order already.
        ranking.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        ranking.truncate(limit);
        ranking
    }
}

/// The words of a line: runs of letters and digits, and apostrophes within.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{words, Counts};

    #[test]
    fn apostrophes_belong_to_words_only_within() {
        let found: Vec<&str> = words("'don't' '' x-ray 3rd").collect();
        assert_eq!(found, ["don't", "x", "ray", "3rd"]);
    }

    #[test]
    fn equally_frequent_words_are_in_alphabetical_order() {
        let mut counts = Counts::default();
        counts.add_line("b a c B");
        assert_eq!(counts.most_frequent(2), [("b", 2), ("a", 1)]);
    }
}
