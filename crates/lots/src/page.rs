//! One self-contained HTML page that explains pictures and numbers.
//!
//! A [`Page`] is plain data; [`Page::to_html`] turns it into a file that needs nothing else: pictures are PNG in data
//! URIs, the style is inside, nothing is fetched and no script runs (a content security policy in the page says so).
//! It follows the reader's light or dark mode and is readable on a phone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::data::picture;
use crate::error::Result;
use crate::image::Image;

/// A page: a title, a sentence that says what it shows, sections, a last line.
///
/// Text may name code between backticks; everything else appears as written, whatever characters it has.
///
/// ```
/// use lots::page::{Block, Page, Section};
///
/// let section = Section::new("A layer", [Block::text("`conv1` < `conv2`")]);
/// let html = Page::new("What a network sees", "Four layers.", [section]).to_html()?;
/// assert!(html.contains("<p><code>conv1</code> &lt; <code>conv2</code></p>"));
/// # Ok::<(), lots::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The headline, also the name of the browser's tab.
    pub title: String,
    /// What the page shows, in a sentence or two.
    pub lead: String,
    /// From top to bottom.
    pub sections: Vec<Section>,
    /// The last line: how the page was made; left out if empty.
    pub footer: String,
}

/// A part of a page under its own heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// What stands in a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// What to type into a terminal.
    Command(String),
    /// A picture, mostly a rendered [`Sheet`](crate::figure::Sheet), shown at 70 % of its pixels: sheets are drawn
    /// for screens with narrow pixels.
    Picture {
        /// The pixels.
        image: Image,
        /// What is to be seen, for those who cannot see it.
        description: String,
        /// Stands below the picture; left out if empty.
        caption: String,
    },
    /// A drawing of lines and letters, such as a plot, as large as it says where there is room. It is shown as an image,
    /// so that nothing in it runs.
    Drawing {
        /// An SVG document that needs no other file.
        svg: String,
        /// Its width in pixels of the screen.
        width: usize,
        /// What is to be seen, for those who cannot see it.
        description: String,
        /// Stands below the drawing; left out if empty.
        caption: String,
    },
    /// A table whose first column names the rows.
    Table {
        /// The names of the columns.
        header: Vec<String>,
        /// A cell for each column.
        rows: Vec<Vec<String>>,
    },
}

impl Page {
    /// A page without a last line.
    pub fn new(
        title: impl Into<String>,
        lead: impl Into<String>,
        sections: impl IntoIterator<Item = Section>,
    ) -> Self {
        let sections = sections.into_iter().collect();
        Self { title: title.into(), lead: lead.into(), sections, footer: String::new() }
    }

    /// The page with this last line.
    #[must_use]
    pub fn with_footer(mut self, footer: impl Into<String>) -> Self {
        self.footer = footer.into();
        self
    }

    /// The page as the text of one HTML file, the same for the same page.
    ///
    /// # Errors
    /// [`Error::PixelCount`](crate::Error::PixelCount) if a picture has neither one channel nor three.
    pub fn to_html(&self) -> Result<String> {
        let sections: Vec<Markup> = self.sections.iter().map(section).collect::<Result<_>>()?;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="description" content=(self.lead);
                    title { (self.title) }
                    style { (PreEscaped(include_str!("../assets/page.css"))) }
                }
                body {
                    main {
                        header {
                            h1 { (self.title) }
                            @if !self.lead.is_empty() { p .lead { (inline(&self.lead)) } }
                        }
                        @for section in &sections { (section) }
                        @if !self.footer.is_empty() { footer { p { (inline(&self.footer)) } } }
                    }
                }
            }
        };
        Ok(page.into_string())
    }
}

impl Section {
    /// A section of blocks.
    pub fn new(heading: impl Into<String>, blocks: impl IntoIterator<Item = Block>) -> Self {
        Self { heading: heading.into(), blocks: blocks.into_iter().collect() }
    }
}

impl Block {
    /// A paragraph.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A picture with its description for those who cannot see it and no caption.
    pub fn picture(image: Image, description: impl Into<String>) -> Self {
        Self::Picture { image, description: description.into(), caption: String::new() }
    }
}

/// Tables with more columns than this are set closer, so that they fit on a screen.
const WIDE: usize = 7;

/// Nothing is fetched, nothing runs.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

fn section(section: &Section) -> Result<Markup> {
    let blocks: Vec<Markup> = section.blocks.iter().map(block).collect::<Result<_>>()?;
    Ok(html! {
        section {
            h2 { (inline(&section.heading)) }
            @for block in &blocks { (block) }
        }
    })
}

fn block(block: &Block) -> Result<Markup> {
    Ok(match block {
        Block::Text(text) => html! { p { (inline(text)) } },
        Block::Command(command) => html! { pre { code { (command) } } },
        Block::Picture { image, description, caption } => {
            let source = format!("data:image/png;base64,{}", BASE64.encode(picture::to_png(image)?));
            // Shown at 70 %, on narrow screens at no less than 45 % with a scroll bar, so that captions can be read.
            let style = format!("width:{}px;min-width:{}px", image.width() * 7 / 10, image.width() * 9 / 20);
            html! {
                figure {
                    div .paper tabindex="0" {
                        img src=(source) alt=(description) width=(image.width()) height=(image.height())
                            style=(style);
                    }
                    @if !caption.is_empty() { figcaption { (inline(caption)) } }
                }
            }
        }
        Block::Drawing { svg, width, description, caption } => {
            let source = format!("data:image/svg+xml;base64,{}", BASE64.encode(svg));
            // On narrow screens no smaller than half, with a scroll bar, so that its letters can be read.
            let style = format!("width:{width}px;min-width:{}px", width / 2);
            html! {
                figure {
                    div .paper tabindex="0" { img src=(source) alt=(description) style=(style); }
                    @if !caption.is_empty() { figcaption { (inline(caption)) } }
                }
            }
        }
        Block::Table { header, rows } => html! {
            div .table .dense[header.len() > WIDE] tabindex="0" {
                table {
                    thead { tr { @for name in header { th scope="col" { (inline(name)) } } } }
                    tbody { @for row in rows { (table_row(row)) } }
                }
            }
        },
    })
}

fn table_row(cells: &[String]) -> Markup {
    html! {
        tr {
            @for (index, cell) in cells.iter().enumerate() {
                @if index == 0 { th scope="row" { (inline(cell)) } } @else { td { (inline(cell)) } }
            }
        }
    }
}

/// Text with code between backticks; a backtick without a partner stays what it is.
fn inline(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (part) } @else if index == last { "`" (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_appears_as_written() {
        let evil = "<script>\"&'</script>";
        let image = Image::new(1, 1, 1, vec![0]).unwrap();
        let blocks = [
            Block::text(evil),
            Block::Command(evil.to_owned()),
            Block::Picture { image, description: evil.to_owned(), caption: evil.to_owned() },
            Block::Drawing {
                svg: evil.to_owned(),
                width: 9,
                description: evil.to_owned(),
                caption: evil.to_owned(),
            },
            Block::Table { header: vec![evil.to_owned()], rows: vec![vec![evil.to_owned(); 2]] },
        ];
        let html = Page::new(evil, evil, [Section::new(evil, blocks)]).with_footer(evil).to_html().unwrap();
        assert!(!html.contains("<script") && !html.contains("\"&'"), "{html}");
        // Title twice, lead twice, heading, text, command, two descriptions, two captions, three cells, footer.
        assert_eq!(html.matches("&lt;script&gt;&quot;&amp;").count(), 15);
    }

    #[test]
    fn pictures_are_inside_the_page() {
        let image = Image::new(3, 1, 2, (0..6).collect()).unwrap();
        let page = Page::new("t", "", [Section::new("s", [Block::picture(image.clone(), "two pixels")])]);
        let html = page.to_html().unwrap();
        let encoded = html.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let decoded = picture::decode(&BASE64.decode(encoded).unwrap(), "page".as_ref()).unwrap();
        assert_eq!(decoded, image);
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("<link"));
    }

    #[test]
    fn backticks_come_in_pairs() {
        let cases = [
            ("see `conv1` and `ip2`", "see <code>conv1</code> and <code>ip2</code>"),
            ("`a`", "<code>a</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` and ` alone", "<code>a</code> and ` alone"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(inline(text).into_string(), expected);
        }
    }
}
