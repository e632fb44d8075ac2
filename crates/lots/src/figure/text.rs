//! Letters: measuring, breaking and drawing lines of text in Inter.

use ab_glyph::{Font, FontRef, Glyph, point};

use super::canvas::Canvas;

/// How a line of text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TextStyle {
    pub(super) weight: Weight,
    /// Pixels per em.
    pub(super) size: f32,
    /// Grey level of the letters, 0 is black.
    pub(super) ink: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    SemiBold,
}

/// Both weights of the embedded font.
pub(super) struct Letters {
    regular: FontRef<'static>,
    semi_bold: FontRef<'static>,
}

/// A part of a text that stays on one line, and what joins it to the part before on the same line.
struct Token<'a> {
    separator: &'static str,
    text: &'a str,
}

impl Letters {
    pub(super) fn embedded() -> Self {
        let font = |bytes| FontRef::try_from_slice(bytes).expect("the embedded font is complete");
        Self {
            regular: font(include_bytes!("../../assets/inter/Inter-Regular.otf")),
            semi_bold: font(include_bytes!("../../assets/inter/Inter-SemiBold.otf")),
        }
    }

    /// Pixels from the start of the line to its end.
    pub(super) fn width(&self, text: &str, style: TextStyle) -> f32 {
        let font = self.font(style.weight);
        let units: f32 = text.chars().map(|letter| font.h_advance_unscaled(font.glyph_id(letter))).sum();
        units * style.size / units_per_em(font)
    }

    /// Prose in lines no wider than `max_width`, broken between words, else inside a word.
    pub(super) fn wrap(&self, text: &str, style: TextStyle, max_width: f32) -> Vec<String> {
        let mut tokens = Vec::new();
        self.words(text, " ", style, max_width, &mut tokens);
        self.fill(&tokens, style, max_width)
    }

    /// A caption in as few lines as fit, broken at ` · ` and after `: ` first, and as equal in width as they can be.
    pub(super) fn wrap_balanced(&self, text: &str, style: TextStyle, max_width: f32) -> Vec<String> {
        let tokens = self.phrases(text, style, max_width);
        let widest_token = tokens.iter().map(|token| self.width(token.text, style)).fold(0.0, f32::max);
        let mut best = self.fill(&tokens, style, max_width);
        let mut width = max_width - 2.0;
        while width >= widest_token {
            let narrower = self.fill(&tokens, style, width);
            if narrower.len() > best.len() {
                break;
            }
            best = narrower;
            width -= 2.0;
        }
        best
    }

    /// Draws one line with its left end at `x` and its baseline at `baseline`.
    pub(super) fn draw(&self, canvas: &mut Canvas, text: &str, style: TextStyle, x: usize, baseline: usize) {
        let font = self.font(style.weight);
        let per_unit = style.size / units_per_em(font);
        // ab_glyph scales by the height of the font, ascent to descent, not by its em.
        let scale = per_unit * font.height_unscaled();
        let mut pen = x as f32;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            let glyph = Glyph { id, scale: scale.into(), position: point(pen, baseline as f32) };
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|column, row, coverage| {
                    let (x, y) = (corner.x as i64 + i64::from(column), corner.y as i64 + i64::from(row));
                    canvas.blend(x, y, style.ink, coverage);
                });
            }
            pen += font.h_advance_unscaled(id) * per_unit;
        }
    }

    fn font(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::SemiBold => &self.semi_bold,
        }
    }

    /// What stands between ` · ` and after `: `; the words of what is wider than a line.
    fn phrases<'a>(&self, text: &'a str, style: TextStyle, max_width: f32) -> Vec<Token<'a>> {
        let mut tokens = Vec::new();
        for item in text.split(" · ") {
            let mut separator = " · ";
            for phrase in item.split_inclusive(": ") {
                let phrase = phrase.strip_suffix(' ').unwrap_or(phrase);
                if self.width(phrase, style) <= max_width {
                    tokens.push(Token { separator, text: phrase });
                } else {
                    self.words(phrase, separator, style, max_width, &mut tokens);
                }
                separator = " ";
            }
        }
        tokens
    }

    /// Adds the words of a text, in parts where one is wider than a line; `first` joins it to what is there.
    fn words<'a>(
        &self,
        text: &'a str,
        first: &'static str,
        style: TextStyle,
        max_width: f32,
        tokens: &mut Vec<Token<'a>>,
    ) {
        let mut separator = first;
        for word in text.split_whitespace() {
            for part in self.break_word(word, style, max_width) {
                tokens.push(Token { separator, text: part });
                separator = "";
            }
            separator = " ";
        }
    }

    /// The word in parts that fit, each at least one letter long.
    fn break_word<'a>(&self, word: &'a str, style: TextStyle, max_width: f32) -> Vec<&'a str> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (index, letter) in word.char_indices() {
            let end = index + letter.len_utf8();
            if index > start && self.width(&word[start..end], style) > max_width {
                parts.push(&word[start..index]);
                start = index;
            }
        }
        parts.push(&word[start..]);
        parts
    }

    fn fill(&self, tokens: &[Token], style: TextStyle, max_width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for token in tokens {
            if let Some(line) = lines.last_mut() {
                let longer = format!("{line}{}{}", token.separator, token.text);
                if self.width(&longer, style) <= max_width {
                    *line = longer;
                    continue;
                }
            }
            lines.push(token.text.to_owned());
        }
        lines
    }
}

fn units_per_em(font: &FontRef) -> f32 {
    font.units_per_em().expect("the embedded font states its em")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: TextStyle = TextStyle { weight: Weight::Regular, size: 20.0, ink: 0 };

    #[test]
    fn the_font_has_every_sign_that_captions_use() {
        let letters = Letters::embedded();
        for font in [&letters.regular, &letters.semi_bold] {
            for sign in "→∞·−×±η≤≥₂½–—…äéß°".chars() {
                assert_ne!(font.glyph_id(sign).0, 0, "`{sign}` is missing");
            }
        }
    }

    #[test]
    fn measures_break_at_the_dots_into_balanced_lines() {
        let letters = Letters::embedded();
        let lines = letters.wrap_balanced("PASS 0.71 · L2 1034 · L∞ 136", STYLE, 224.0);
        assert_eq!(lines, ["PASS 0.71", "L2 1034 · L∞ 136"]);
    }

    #[test]
    fn prose_breaks_between_words() {
        let letters = Letters::embedded();
        let lines = letters.wrap("L2: a norm, L∞: another · more", STYLE, 180.0);
        assert_eq!(lines, ["L2: a norm, L∞:", "another · more"]);
    }

    #[test]
    fn a_caption_breaks_after_its_colon() {
        let letters = Letters::embedded();
        let lines = letters.wrap_balanced("fast gradient sign: 4 → 9", STYLE, 224.0);
        assert_eq!(lines, ["fast gradient sign:", "4 → 9"]);
    }

    #[test]
    fn no_line_is_wider_than_allowed() {
        let letters = Letters::embedded();
        for text in ["Donaudampfschifffahrtsgesellschaft: African hunting dog → cat", "", " · ", "→", "a  b"]
        {
            for max_width in [25.0, 60.0, 140.0] {
                for lines in
                    [letters.wrap(text, STYLE, max_width), letters.wrap_balanced(text, STYLE, max_width)]
                {
                    for line in &lines {
                        assert!(letters.width(line, STYLE) <= max_width, "`{line}` in {max_width}");
                    }
                    let kept: String = lines.concat().split_whitespace().collect();
                    let given: String = text.split_whitespace().collect();
                    assert!(kept == given || text == " · " || text.is_empty(), "`{kept}` of `{given}`");
                }
            }
        }
    }
}
