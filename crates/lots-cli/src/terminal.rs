//! [`Terminal`]: the only place that knows standard output, standard error, colours and progress bars.
//!
//! Results go to standard output, everything else to standard error. Colours follow `NO_COLOR` and whether a terminal
//! listens; they never carry meaning alone. A reader that has gone away (`lots layers … | head`) is no error.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lots::data::folder::LeftOut;
use lots::data::identities::NoPictures;
use serde::Serialize;

use crate::args::Globals;
use crate::failure::{Failure, Result};

const BOLD: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const RESET: anstyle::Reset = anstyle::Reset;

/// Where a command speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    json: bool,
    quiet: bool,
}

/// How a column of a table is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

impl Terminal {
    /// What `--json` and `--quiet` ask for.
    pub(crate) fn new(globals: &Globals) -> Self {
        Self { json: globals.json, quiet: globals.quiet }
    }

    /// Prints a result: with `--json` the value, else the text. The text is left out with `--quiet`.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        if self.json {
            let mut json =
                serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
            json.push('\n');
            print(&json)
        } else if self.quiet {
            Ok(())
        } else {
            print(&text())
        }
    }

    /// Says something on standard error, unless `--quiet`.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.quiet {
            complain(text.as_ref());
        }
    }

    /// Says that pictures are not looked at.
    pub(crate) fn leave_out(self, role: &str, left_out: Option<&LeftOut>) {
        if let Some(left_out) = left_out {
            self.say(format!("{role}: left out {left_out}"));
        }
    }

    /// Says what lies among pictures and is none.
    pub(crate) fn leave_out_no_pictures(self, left_out: &NoPictures) {
        for sentence in left_out.sentences() {
            self.say(format!("left out {}", plain(&sentence)));
        }
    }

    /// A progress bar on standard error with the time that is left; nothing where nobody watches.
    pub(crate) fn progress(self, total: u64, unit: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let template =
            format!("{{bar:28}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left{{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}

/// Tells a failure: `error: …`, indented context, an empty line, `hint: …`.
pub(crate) fn tell(failure: &Failure) {
    let mut lines = vec![format!("{ERROR}error:{RESET} {}", plain(failure.message()))];
    lines.extend(failure.context().iter().map(|line| format!("  {}", plain(line))));
    if let Some(hint) = failure.hint() {
        lines.extend([String::new(), format!("{HINT}hint:{RESET} {}", plain(hint))]);
    }
    complain(&lines.join("\n"));
}

/// A text from a stranger, such as the name of a file or an identity, without the power to move the cursor, to colour or to
/// break the line: control characters are written as Rust writes them, and so are those that end a line or turn the order of letters.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let turns = |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_strange = |letter: char| letter.is_control() || turns(letter);
    if !text.contains(is_strange) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_strange(letter) { plain.extend(letter.escape_default()) } else { plain.push(letter) }
    }
    Cow::Owned(plain)
}

/// Columns with a heading, as wide as their widest cell, two spaces between.
///
/// - `rows`: what is in their cells stays in its line.
pub(crate) fn table(header: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| plain(cell).into_owned()).collect()).collect();
    let count = |text: &str| text.chars().count();
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, (name, _))| {
            rows.iter().map(|row| count(&row[column])).chain([count(name)]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[&str]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let padding = " ".repeat(widths[column] - count(cell));
                match header[column].1 {
                    Align::Left => format!("{cell}{padding}"),
                    Align::Right => format!("{padding}{cell}"),
                }
            })
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let names: Vec<&str> = header.iter().map(|(name, _)| *name).collect();
    let mut text = format!("{BOLD}{}{RESET}\n", line(&names));
    for row in &rows {
        text += &line(&row.iter().map(String::as_str).collect::<Vec<_>>());
        text.push('\n');
    }
    text
}

/// A name from a file as a cell of a table: [`plain`], at most so many characters, the middle left out where it has more.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let characters: Vec<char> = plain(text).chars().collect();
    if characters.len() <= most {
        return characters.into_iter().collect();
    }
    let kept = most.saturating_sub(1);
    let (start, end) = (kept / 2, characters.len() - kept.div_ceil(2));
    characters[..start].iter().chain(&['…']).chain(&characters[end..]).collect()
}

/// `431080` as `431,080`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 pair`, `25,050 pairs`.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output ({error})")))
        }
        _ => Ok(()),
    }
}

/// Standard error has no other place to complain to if it fails.
fn complain(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_do_not_reach_the_terminal_as_they_are() {
        assert_eq!(plain("anna O\u{301} 李 \"A\" \\"), "anna O\u{301} 李 \"A\" \\");
        assert_eq!(
            plain("a\n\u{1b}[31mb\u{202e}c\u{9b}\u{2028}"),
            "a\\n\\u{1b}[31mb\\u{202e}c\\u{9b}\\u{2028}"
        );
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (520, "520"), (25_050, "25,050"), (1_431_080, "1,431,080")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_is_not_many() {
        let texts = [0, 1, 2, 1500].map(|number| counted(number, "pair", "pairs"));
        assert_eq!(texts, ["0 pairs", "1 pair", "2 pairs", "1,500 pairs"]);
    }

    #[test]
    fn long_names_lose_their_middle() {
        for (name, text) in [
            ("conv1", "conv1"),
            ("conv3_10", "conv3_10"),
            ("conv3_100", "con…_100"),
            ("größe/größe", "grö…röße"),
            ("a\n\u{1b}[2Jb", "a\\n…[2Jb"),
        ] {
            assert_eq!(shortened(name, 8), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["conv1".to_owned(), "520".to_owned()], vec!["η".to_owned(), "25050".to_owned()]];
        let text = anstream::adapter::strip_str(&table(&[("name", Align::Left), ("n", Align::Right)], &rows))
            .to_string();
        assert_eq!(text, "name       n\nconv1    520\nη      25050\n");
    }
}
