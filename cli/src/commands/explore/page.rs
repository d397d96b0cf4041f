//! One file of everything: markup, style, script and data.
//!
//! Data is in elements that browsers do not execute, one for each function and file, and is parsed when a function is
//! opened. Nothing of a program becomes markup: the script puts all of it on the page as text. Besides, the page
//! allows no other script than its own, by the hash of that, and nothing from anywhere else.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::model::Model;
use crate::base64;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const MARKUP: &str = include_str!("page.html");

/// The page about a program.
///
/// # Errors
/// None, unless the library for JSON has some.
pub(super) fn page(model: &Model) -> serde_json::Result<String> {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{MARKUP}",
        hash(STYLE),
        hash(SCRIPT),
        escaped(model.program()),
    );
    data(&mut text, "model", model)?;
    for (number, content) in model.texts.iter().enumerate() {
        data(&mut text, &format!("t{number}"), content)?;
    }
    for (index, body) in model.indices().zip(&model.bodies) {
        data(&mut text, &format!("f{index}"), body)?;
    }
    let _ = write!(text, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    Ok(text)
}

/// Adds data as JSON, without characters by which it could end the element, in a line of its own.
fn data(text: &mut String, id: &str, value: &impl Serialize) -> serde_json::Result<()> {
    let _ = write!(text, "<script type=\"application/json\" id=\"{id}\">");
    for c in serde_json::to_string(value)?.chars() {
        match c {
            // These are in strings only.
            '<' | '>' | '&' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    *text += "</script>\n";
    Ok(())
}

/// Text as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// What a page says of a script or style that it allows.
fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    format!("'sha256-{}'", base64::encode(digest.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stays_data() {
        let mut text = String::new();
        data(&mut text, "x", &"</script><!--&\"").unwrap();
        assert_eq!(
            text,
            "<script type=\"application/json\" id=\"x\">\"\\u003c/script\\u003e\\u003c!--\\u0026\\\"\"</script>\n"
        );
        assert_eq!(escaped("<a&b>"), "&lt;a&amp;b&gt;");
    }
}
