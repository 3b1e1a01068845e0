//! numpy's datetime64 and timedelta64: counts of units, since 1970 or as they are.

use std::fmt::Write;

/// A unit and how many of it are counted at once: `[25s]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    name: &'static str,
    times: i64,
}

/// Those of a fixed length, in attoseconds.
const FIXED: [(&str, i128); 11] = [
    ("W", 604_800_000_000_000_000_000_000),
    ("D", 86_400_000_000_000_000_000_000),
    ("h", 3_600_000_000_000_000_000_000),
    ("m", 60_000_000_000_000_000_000),
    ("s", 1_000_000_000_000_000_000),
    ("ms", 1_000_000_000_000_000),
    ("us", 1_000_000_000_000),
    ("ns", 1_000_000_000),
    ("ps", 1_000_000),
    ("fs", 1000),
    ("as", 1),
];
const DAY: i128 = FIXED[1].1;
const SECOND: i128 = FIXED[4].1;

impl Unit {
    /// `[25s]`, or nothing at all for a count without a unit.
    pub fn parse(brackets: &str) -> Option<Unit> {
        if brackets.is_empty() {
            return Some(Unit { name: "", times: 1 });
        }
        let inside = brackets.strip_prefix('[')?.strip_suffix(']')?;
        let digits = inside.len() - inside.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (times, name) = inside.split_at(digits);
        let known = FIXED.iter().map(|row| row.0).chain(["Y", "M"]).find(|known| *known == name)?;
        Some(Unit { name: known, times: if times.is_empty() { 1 } else { times.parse().ok()? } })
    }

    /// A moment, as ISO 8601 has it, as precise as the unit.
    pub fn moment(self, count: i64) -> String {
        let count = i128::from(count) * i128::from(self.times);
        match self.name {
            "" => count.to_string(),
            "Y" => year(1970 + count),
            "M" => format!("{}-{:02}", year(1970 + count.div_euclid(12)), count.rem_euclid(12) + 1),
            name => {
                let length = FIXED.iter().find(|row| row.0 == name).map_or(SECOND, |row| row.1);
                let (day, in_day) = match length >= DAY {
                    true => (count * (length / DAY), 0),
                    false => {
                        let per_day = DAY / length;
                        (count.div_euclid(per_day), count.rem_euclid(per_day) * length)
                    }
                };
                date(day) + &clock(in_day, length)
            }
        }
    }

    /// A duration: a number and the unit.
    pub fn span(self, count: i64) -> String {
        let count = i128::from(count) * i128::from(self.times);
        if self.name.is_empty() { count.to_string() } else { format!("{count} {}", self.name) }
    }
}

/// The time of a day, as precise as a unit of that length: nothing for days.
fn clock(in_day: i128, length: i128) -> String {
    let mut text = String::new();
    let seconds = in_day / SECOND;
    if length < DAY {
        let _ = write!(text, "T{:02}", seconds / 3600);
    }
    if length < 3600 * SECOND {
        let _ = write!(text, ":{:02}", seconds / 60 % 60);
    }
    if length < 60 * SECOND {
        let _ = write!(text, ":{:02}", seconds % 60);
    }
    if length < SECOND {
        let digits = (SECOND / length).ilog10() as usize;
        let _ = write!(text, ".{:0digits$}", in_day % SECOND / length);
    }
    text
}

/// A day of the proleptic Gregorian calendar, by its number since 1970-01-01.
///
/// The algorithm is Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last.
pub fn date(day: i128) -> String {
    const DAYS_OF_400_YEARS: i128 = 146_097;
    let day = day + 719_468; // from 0000-03-01 on
    let era = day.div_euclid(DAYS_OF_400_YEARS);
    let of_era = day.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let this_year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{}-{month:02}-{day_of_month:02}", year(this_year))
}

fn year(year: i128) -> String {
    if year < 0 { format!("-{:04}", -year) } else { format!("{year:04}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_precise_as_their_unit() {
        // Compared with numpy 2.4.
        for (unit, count, text) in [
            ("[Y]", 30, "2000"),
            ("[M]", -1, "1969-12"),
            ("[W]", 1, "1970-01-08"),
            ("[D]", 11_016, "2000-02-29"),
            ("[D]", -1, "1969-12-31"),
            ("[D]", -719_529, "-0001-12-31"),
            ("[h]", 25, "1970-01-02T01"),
            ("[m]", -1, "1969-12-31T23:59"),
            ("[s]", 1_700_000_000, "2023-11-14T22:13:20"),
            ("[ms]", -1, "1969-12-31T23:59:59.999"),
            ("[ns]", 1, "1970-01-01T00:00:00.000000001"),
            ("[as]", 1, "1970-01-01T00:00:00.000000000000000001"),
            ("[25s]", 3, "1970-01-01T00:01:15"),
            ("", 7, "7"),
            ("[ns]", i64::MAX, "2262-04-11T23:47:16.854775807"),
        ] {
            assert_eq!(Unit::parse(unit).unwrap().moment(count), text, "{count} {unit}");
        }
    }

    #[test]
    fn far_moments_do_not_overflow() {
        for unit in ["Y", "M", "W", "D", "h", "as", "2147483647W", "2147483647Y"] {
            let unit = Unit::parse(&format!("[{unit}]")).unwrap();
            for count in [i64::MIN + 1, i64::MAX] {
                assert!(!unit.moment(count).is_empty() && !unit.span(count).is_empty());
            }
        }
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(Unit::parse("[25s]").unwrap().span(-2), "-50 s");
        assert_eq!(Unit::parse("").unwrap().span(3), "3");
        assert_eq!(Unit::parse("[q]"), None);
    }
}
