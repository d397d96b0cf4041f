//! Sizes and times, as they are written on the command line and shown to people.

use std::time::Duration;

/// Parses a number of bytes: `4096`, `64K`, `64M`, `1.5GiB`. A unit is a power of 1024.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let unit = unit
        .strip_suffix("iB")
        .or_else(|| unit.strip_suffix('B'))
        .unwrap_or(unit);
    let factor: u64 = match unit {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1 << 40,
        _ => return Err("the units of sizes are K, M, G and T (of 1024)".to_owned()),
    };
    match number.parse::<u64>() {
        Ok(number) => number
            .checked_mul(factor)
            .ok_or_else(|| "too large".to_owned()),
        Err(_) => {
            let bytes = fraction(number)? * factor as f64;
            // All sizes up to this one are exact in an `f64`, fractions aside.
            if bytes > (1_u64 << 53) as f64 {
                return Err("too large".to_owned());
            }
            Ok(bytes as u64)
        }
    }
}

/// Parses a time: `500ms`, `2s`, `1.5s`, `1m`, `1h`. The unit is required.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err("a unit is missing: write 500ms, 2s or 1m".to_owned()),
        _ => return Err("the units of times are us, ms, s, m and h".to_owned()),
    };
    Duration::try_from_secs_f64(fraction(number)? * seconds).map_err(|_| "too large".to_owned())
}

/// Splits a number from its unit.
fn split(text: &str) -> Result<(&str, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    if end == 0 {
        return Err("it does not start with a number".to_owned());
    }
    Ok((&text[..end], text[end..].trim_start()))
}

fn fraction(number: &str) -> Result<f64, String> {
    number
        .parse()
        .map_err(|_| format!("{number} is not a number"))
}

/// A number of bytes for people: `17 B`, `1.5 KiB`, `64.0 MiB`.
pub(crate) fn show_size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A time for people: `17 µs`, `1.234 ms`, `2.345 s`.
pub(crate) fn show_time(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.3} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.3} s", time.as_secs_f64()),
    }
}

/// A time, in seconds since 1970, as a date and time of UTC: `2026-11-22T18:00:00Z`.
pub(crate) fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The days of eras of 400 years, which start in March (Howard Hinnant, `civil_from_days`).
    let days = u128::from(days) + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u128::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::fmt::Write as _;

    #[test]
    fn sizes() {
        let mut out = String::new();
        for text in [
            "0",
            "4096",
            "64K",
            "64k",
            "64KiB",
            "64 MB",
            "1.5M",
            "1G",
            "2T",
            "",
            "M",
            "-1",
            "1.2.3",
            "5X",
            "99999999999999999999",
            "18446744073709551615T",
            "1e3",
        ] {
            match parse_size(text) {
                Ok(bytes) => writeln!(out, "{text:?} {bytes} = {}", show_size(bytes)).unwrap(),
                Err(error) => writeln!(out, "{text:?} error: {error}").unwrap(),
            }
        }
        expect![[r#"
            "0" 0 = 0 B
            "4096" 4096 = 4.0 KiB
            "64K" 65536 = 64.0 KiB
            "64k" 65536 = 64.0 KiB
            "64KiB" 65536 = 64.0 KiB
            "64 MB" 67108864 = 64.0 MiB
            "1.5M" 1572864 = 1.5 MiB
            "1G" 1073741824 = 1.0 GiB
            "2T" 2199023255552 = 2.0 TiB
            "" error: it does not start with a number
            "M" error: it does not start with a number
            "-1" error: it does not start with a number
            "1.2.3" error: 1.2.3 is not a number
            "5X" error: the units of sizes are K, M, G and T (of 1024)
            "99999999999999999999" error: too large
            "18446744073709551615T" error: too large
            "1e3" error: the units of sizes are K, M, G and T (of 1024)
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn times() {
        let mut out = String::new();
        for text in [
            "500ms",
            "2s",
            "1.5s",
            "1m",
            "2h",
            "250us",
            "250 µs",
            "0s",
            "5",
            "",
            "s",
            "-1s",
            "1d",
            "1..5s",
            "999999999999999999999999h",
        ] {
            match parse_time(text) {
                Ok(time) => writeln!(out, "{text:?} {time:?} = {}", show_time(time)).unwrap(),
                Err(error) => writeln!(out, "{text:?} error: {error}").unwrap(),
            }
        }
        expect![[r#"
            "500ms" 500ms = 500.000 ms
            "2s" 2s = 2.000 s
            "1.5s" 1.5s = 1.500 s
            "1m" 60s = 60.000 s
            "2h" 7200s = 7200.000 s
            "250us" 250µs = 250 µs
            "250 µs" 250µs = 250 µs
            "0s" 0ns = 0 µs
            "5" error: a unit is missing: write 500ms, 2s or 1m
            "" error: it does not start with a number
            "s" error: it does not start with a number
            "-1s" error: it does not start with a number
            "1d" error: the units of times are us, ms, s, m and h
            "1..5s" error: 1..5 is not a number
            "999999999999999999999999h" error: too large
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn times_are_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
        assert!(utc(u64::MAX).ends_with('Z'));
    }
}
