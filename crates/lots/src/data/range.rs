//! Which images of many: the range at the end of `FILE[0..1000]`.

use std::ops::Range;

use crate::error::{Error, Result};

/// A range of image indices as it is written: `[a..b]` (without b), `[a..]`, `[..b]`, `[a]` (one image).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageRange {
    start: usize,
    end: Option<usize>,
}

impl ImageRange {
    /// All images.
    pub const ALL: Self = Self { start: 0, end: None };

    /// Parses what stands between the brackets. `None` if it is no range or an empty one.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let Some((start, end)) = text.split_once("..") else {
            let start = number(text)?;
            return Some(Self { start, end: Some(start.checked_add(1)?) });
        };
        let start = if start.trim().is_empty() { 0 } else { number(start)? };
        let end = if end.trim().is_empty() { None } else { Some(number(end)?) };
        (end.is_none_or(|end| start < end)).then_some(Self { start, end })
    }

    /// The indices among `count` images; `name` is what messages call them.
    ///
    /// # Errors
    /// [`Error::RangeOutside`] if there are not so many.
    pub fn of(&self, count: usize, name: &str) -> Result<Range<usize>> {
        let end = self.end.unwrap_or(count);
        if self.start >= end || end > count {
            return Err(Error::RangeOutside { range: self.to_string(), count, name: name.to_owned() });
        }
        Ok(self.start..end)
    }
}

impl std::fmt::Display for ImageRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.end {
            Some(end) => write!(formatter, "[{}..{end}]", self.start),
            None => write!(formatter, "[{}..]", self.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_what_rust_ranges_select() {
        let cases = [
            ("0..3", Some(0..3)),
            ("2..", Some(2..5)),
            ("..2", Some(0..2)),
            ("..", Some(0..5)),
            ("4", Some(4..5)),
            (" 1 .. 2 ", Some(1..2)),
            ("0..6", None),
            ("5", None),
            ("5..", None),
            ("18446744073709551614..18446744073709551615", None),
        ];
        for (text, expected) in cases {
            assert_eq!(ImageRange::parse(text).unwrap().of(5, "digits").ok(), expected, "{text}");
        }
        let error = ImageRange::parse("3..9").unwrap().of(5, "digits").unwrap_err();
        assert_eq!(error.to_string(), "`digits` holds 5 images, expected enough for the range [3..9]");
        assert_eq!(error.hint().unwrap(), "its images are counted from 0 to 4");
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in [
            "",
            "a",
            "-1",
            "3..2",
            "3..3",
            "1..2..3",
            "1:2",
            "1,2",
            "1..=2",
            "99999999999999999999",
            "18446744073709551615",
        ] {
            assert_eq!(ImageRange::parse(text), None, "{text}");
        }
    }
}
