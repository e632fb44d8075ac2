//! A [`Drawing`] as the text of an SVG file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{Markup, html};

use super::super::text::Weight;
use super::drawing::{Anchor, Colour, Drawing, Mark};
use crate::data::picture;
use crate::error::Result;

pub(super) fn write(drawing: &Drawing) -> Result<String> {
    let Drawing { height, width, marks } = drawing;
    let marks = marks.iter().map(element).collect::<Result<Vec<Markup>>>()?;
    // Every element has an end tag of its own, so that the text is XML.
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height)
            font-family="Inter, system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif" {
            rect width=(width) height=(height) fill="#ffffff" {}
            @for mark in &marks { (mark) }
        }
    };
    Ok(svg.into_string() + "\n")
}

fn element(mark: &Mark) -> Result<Markup> {
    Ok(match mark {
        Mark::Area { at: [x, y], size: [width, height], colour } => html! {
            rect x=(x) y=(y) width=(width) height=(height) fill=(hex(*colour)) {}
        },
        Mark::Line { points, width, colour } => {
            let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.2},{y:.2}")).collect();
            html! {
                polyline points=(points.join(" ")) fill="none" stroke=(hex(*colour)) stroke-width=(width)
                    stroke-linejoin="round" stroke-linecap="round" {}
            }
        }
        Mark::Dot { centre: [x, y], radius, colour } => html! {
            circle cx=(format!("{x:.2}")) cy=(format!("{y:.2}")) r=(radius) fill=(hex(*colour)) {}
        },
        Mark::Text { line, at: [x, y], anchor, style } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let weight = if style.weight == Weight::SemiBold { "600" } else { "400" };
            html! {
                text x=(format!("{x:.1}")) y=(format!("{y:.1}")) text-anchor=(anchor) font-weight=(weight)
                    font-size=(style.size) fill=(hex([style.ink; 3])) { (line) }
            }
        }
        Mark::Picture { image, at: [x, y], zoom } => {
            let source = format!("data:image/png;base64,{}", BASE64.encode(picture::to_png(image)?));
            html! {
                image x=(x) y=(y) width=(zoom.length(image.width())) height=(zoom.length(image.height()))
                    preserveAspectRatio="none" style="image-rendering:pixelated" href=(source) {}
            }
        }
    })
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
