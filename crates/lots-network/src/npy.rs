//! The header of a `.npy` file: signature, version, and one line
//! `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }`.
//!
//! It is read and written here and not by a library, because a file of unknown quality may come in: the headers of
//! arrays of numbers are the three entries of one line, and nothing is allocated before they are checked against what
//! there is of the file. What is written equals the output of `numpy.save` byte for byte.
//!
//! ```
//! use lots_network::npy;
//! let bytes = npy::format("<f4", &[2, 3]);
//! let (start, length) = npy::line_place(&bytes).ok_or("no array")?;
//! let header = npy::parse(std::str::from_utf8(&bytes[start..start + length])?).ok_or("no header")?;
//! assert_eq!((header.value_type.as_str(), header.shape), ("<f4", vec![2, 3]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: `NumPy` Enhancement Proposal 1, "A simple file format for `NumPy` arrays", versions 1.0 to 3.0.

const SIGNATURE: &[u8; 6] = b"\x93NUMPY";

/// `numpy.save` leaves room for so many digits of the first size, so that an array can grow in place.
const GROWTH_DIGITS: usize = 21;

/// Signature, version, length and line together are a multiple of this, so that the values can be mapped to memory.
const ALIGNMENT: usize = 64;

/// What stands in a header.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the values, such as `<f4`.
    pub value_type: String,
    /// Whether the first index changes fastest.
    pub fortran_order: bool,
    /// Sizes from the outermost.
    pub shape: Vec<usize>,
}

/// How many bytes come before the line of a file that begins with `bytes`, and how many the line has.
pub fn line_place(bytes: &[u8]) -> Option<(usize, usize)> {
    let rest = bytes.strip_prefix(SIGNATURE)?;
    match *rest {
        [1, 0, a, b, ..] => Some((10, usize::from(u16::from_le_bytes([a, b])))),
        [2 | 3, 0, a, b, c, d, ..] => Some((12, u32::from_le_bytes([a, b, c, d]) as usize)),
        _ => None,
    }
}

/// Whether a file that begins with `bytes` is a `.npy` file.
pub fn is_array(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// Everything before the values of type `value_type` (`<f4`), equal to what `numpy.save` writes.
pub fn format(value_type: &str, shape: &[usize]) -> Vec<u8> {
    format_described(&format!("'{value_type}'"), shape)
}

/// The same for values that are described by a Python expression: a quoted type, or a list of named ones.
fn format_described(description: &str, shape: &[usize]) -> Vec<u8> {
    let sizes = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    // A tuple of one has a comma.
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut line = format!("{{'descr': {description}, 'fortran_order': False, 'shape': ({sizes}{comma}), }}");
    let first_digits = shape.first().map_or(GROWTH_DIGITS, |first| first.to_string().len());
    let used = SIGNATURE.len() + 4 + line.len() + (GROWTH_DIGITS - first_digits) + 1;
    let spaces = GROWTH_DIGITS - first_digits + used.next_multiple_of(ALIGNMENT) - used;
    line.extend(std::iter::repeat_n(' ', spaces));
    line.push('\n');
    let Ok(length) = u16::try_from(line.len()) else {
        unreachable!("a shape of a few sizes fits into 65,535 characters")
    };
    [&SIGNATURE[..], &[1, 0], &length.to_le_bytes(), line.as_bytes()].concat()
}

/// The same for `rows` of values that are described by a Python expression (a quoted type, or a list of named ones),
/// each of shape `row_shape`; it has as many bytes for any number of rows.
pub fn of_rows(description: &str, rows: usize, row_shape: &[usize]) -> Vec<u8> {
    let shape: Vec<usize> = std::iter::once(rows).chain(row_shape.iter().copied()).collect();
    format_described(description, &shape)
}

/// Reads the line. `None` if it is not the header of an array of numbers.
pub fn parse(line: &str) -> Option<Header> {
    let mut rest = Scanner(line);
    let (mut value_type, mut fortran_order, mut shape) = (None, None, None);
    rest.token("{")?;
    while rest.token("}").is_none() {
        let key = rest.quoted()?;
        rest.token(":")?;
        match key {
            "descr" => value_type = Some(rest.quoted()?.to_owned()),
            "fortran_order" => fortran_order = Some(rest.boolean()?),
            "shape" => shape = Some(rest.sizes()?),
            _ => return None,
        }
        if rest.token(",").is_none() {
            rest.token("}")?;
            break;
        }
    }
    rest.0.trim().is_empty().then_some(())?;
    Some(Header { value_type: value_type?, fortran_order: fortran_order?, shape: shape? })
}

/// What is still to be read of the line.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let start = self.0.trim_start();
        let quote = start.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (text, rest) = start[1..].split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.token("True").map(|()| true).or_else(|| self.token("False").map(|()| false))
    }

    fn sizes(&mut self) -> Option<Vec<usize>> {
        self.token("(")?;
        let (text, rest) = self.0.split_once(')')?;
        self.0 = rest;
        let text = text.trim();
        let text = text.strip_suffix(',').unwrap_or(text);
        if text.is_empty() {
            return Some(Vec::new());
        }
        // Python 2 wrote long integers as `3L`.
        text.split(',').map(|size| size.trim().trim_end_matches('L').parse().ok()).collect()
    }
}
