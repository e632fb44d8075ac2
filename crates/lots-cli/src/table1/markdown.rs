//! A page as Markdown, one block after the other; pictures lie beside it.

use lots::page::{Block, Page};

/// The text of the page.
///
/// - `picture`: the file of the page's pictures, counted from 0.
pub(super) fn of(page: &Page, picture: impl Fn(usize) -> String) -> String {
    let mut parts = vec![format!("# {}", page.title), lines(&page.lead)];
    let mut pictures = 0;
    for section in &page.sections {
        parts.push(format!("## {}", section.heading));
        for block in &section.blocks {
            parts.push(match block {
                Block::Text(paragraph) => lines(paragraph),
                Block::Command(command) => format!("```sh\n{command}\n```"),
                Block::Table { header, rows } => table(header, rows),
                Block::Picture { description, caption, .. } | Block::Drawing { description, caption, .. } => {
                    pictures += 1;
                    let picture = format!("![{description}]({})", picture(pictures - 1));
                    if caption.is_empty() { picture } else { format!("{picture}\n\n{}", lines(caption)) }
                }
            });
        }
    }
    parts.push(lines(&page.footer));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

/// One sentence a line.
fn lines(text: &str) -> String {
    text.replace(". ", ".\n")
}

/// The first column to the left, the others to the right.
fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let mut rule = vec!["---".to_owned()];
    rule.resize(header.len(), "--:".to_owned());
    let mut table = vec![line(header), line(&rule)];
    table.extend(rows.iter().map(|row| line(row)));
    table.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lots::Image;
    use lots::page::Section;

    #[test]
    fn every_block_has_its_markdown() {
        let image = Image::new(1, 1, 1, vec![0]).unwrap();
        let blocks = [
            Block::text("One. Two."),
            Block::Command("lots demo".to_owned()),
            Block::picture(image, "a dot"),
            Block::Table {
                header: vec!["a".to_owned(), "b".to_owned()],
                rows: vec![vec!["x|y".to_owned(), "1".to_owned()]],
            },
        ];
        let page = Page::new("Title", "Lead.", [Section::new("Part", blocks)]).with_footer("End.");
        let expected = "# Title\n\nLead.\n\n## Part\n\nOne.\nTwo.\n\n```sh\nlots demo\n```\n\n![a dot](0.png)\n\n\
                        | a | b |\n| --- | --: |\n| x\\|y | 1 |\n\nEnd.\n";
        assert_eq!(of(&page, |index| format!("{index}.png")), expected);
    }
}
