//! Sizes, durations and moments, as people write and read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::values::time::date;

const SIZES: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Three figures and a unit: `1.50 GiB`.
pub fn bytes(bytes: u64) -> String {
    let (unit, size) = SIZES.into_iter().find(|(_, size)| bytes >= *size).unwrap_or(("B", 1));
    let figure = bytes as f64 / size as f64;
    match figure {
        _ if size == 1 => format!("{bytes} B"),
        ..9.995 => format!("{figure:.2} {unit}"),
        ..99.95 => format!("{figure:.1} {unit}"),
        _ => format!("{figure:.0} {unit}"),
    }
}

/// `8G`, `8GiB`, `512M`, `4096`: powers of 1024.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: write e.g. 512M, 8GiB or 1048576");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let size = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1u64 << 40,
        _ => return Err(wrong()),
    };
    let figure: f64 = number.parse().map_err(|_| wrong())?;
    let total = figure * size as f64;
    if total >= u64::MAX as f64 { Err(wrong()) } else { Ok(total as u64) }
}

const SPANS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// `90`, `30s`, `10m`, `2h`, `7d`, `1w`, or several of them: `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time span: write e.g. 90s, 10m, 2h, 7d or 1h30m");
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let (mut rest, mut total) = (text, 0u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let (name, seconds) = SPANS.into_iter().find(|(name, _)| rest[digits..].starts_with(name)).ok_or_else(wrong)?;
        total = count.checked_mul(seconds).and_then(|span| total.checked_add(span)).ok_or_else(wrong)?;
        rest = &rest[digits + name.len()..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

/// The largest unit that fits twice, or once: `2h`, `90s`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (name, size) = SPANS.into_iter().rev().rfind(|(_, size)| seconds >= 2 * size).unwrap_or(("s", 1));
    let (name, size) = if seconds < 120 { ("s", 1) } else { (name, size) };
    format!("{}{name}", seconds / size)
}

/// How long ago a moment of CLOCK_REALTIME was.
pub fn age(created_ns: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_nanos(created_ns.max(0) as u64))
}

/// `2026-11-24 23:52:07 UTC`
pub fn moment(realtime_ns: i64) -> String {
    let seconds = realtime_ns.div_euclid(1_000_000_000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("{} {:02}:{:02}:{:02} UTC", date(day.into()), second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_figures() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (12 << 20, "12.0 MiB"),
            (999 << 30, "999 GiB"),
            (3 << 40, "3.00 TiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn sizes_are_understood() {
        for (text, size) in
            [("4096", 4096), ("1k", 1024), ("512M", 512 << 20), ("8GiB", 8 << 30), ("1.5 G", 3 << 29), ("2TB", 2 << 40)]
        {
            assert_eq!(parse_bytes(text), Ok(size), "{text}");
        }
        for text in ["", "G", "8X", "-1", "1e99999999999999999999T", "99999999999T", "1.2.3"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_understood_and_written() {
        for (text, seconds) in [("0", 0), ("90", 90), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("2d", 172_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1y", "3 s", "-1s", "99999999999999w", "1h30"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (seconds, text) in [(0, "0s"), (119, "119s"), (120, "2m"), (7300, "2h"), (200_000, "2d"), (1_300_000, "2w")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(1_700_000_000_123_456_789), "2023-11-14 22:13:20 UTC");
        assert_eq!(moment(-1), "1969-12-31 23:59:59 UTC");
    }
}
