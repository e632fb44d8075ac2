//! Figure sheets compared with stored pictures, which `LOTS_BLESS=1` rewrites.

use lots::figure::{Caption, Group, Panel, PanelSize, PerturbationPicture, PerturbationScale, Sheet};
use lots::{Image, Perturbation};

/// Glyphs are rasterised in `f32`; a rounding step more or less is not a different figure.
const TOLERANCE: u8 = 2;

#[track_caller]
fn assert_golden(name: &str, sheet: &Sheet) {
    let image = sheet.render();
    let [channels, height, width] = image.shape();
    lots_testing::golden::assert_picture(name, [height, width, channels], &image.to_interleaved(), TOLERANCE);
}

/// Smooth rings around a point, different in every channel: a picture that shows a wrong row or column.
fn rings(channels: usize, side: usize, phase: usize) -> Image {
    let value = |index: usize| {
        let (channel, row, column) = (index / (side * side), index / side % side, index % side);
        let (below, right) = (row.abs_diff(side / 3), column.abs_diff(side / 2));
        ((below * below + 2 * right * right + phase * 9 + channel * 40) * 700 / (side * side)) as u8
    };
    Image::new(channels, side, side, (0..channels * side * side).map(value).collect())
        .expect("the shape fits")
}

fn perturbed(origin: &Image, image: Image, place: &str) -> Panel {
    let perturbation = Perturbation::between(origin, &image).expect("the same shape");
    let caption = Caption::new(format!("{place}: 4 → 9"))
        .with_detail(format!("PASS 0.71 · L2 1034 · L∞ {}", perturbation.linf()));
    Panel::perturbed(image, caption, PerturbationPicture::new(&perturbation, PerturbationScale::FullRange))
}

#[test]
fn a_sheet_with_groups_captions_and_perturbations() {
    let origin = rings(1, 7, 0);
    let sheet = Sheet::new("From 4 to 9").with_row([
        Group::new("given", [Panel::new(origin.clone(), Caption::new("origin: 4"))]),
        Group::new(
            "toward the target, η at each layer",
            [
                perturbed(&origin, rings(1, 7, 1), "conv2 (2)"),
                perturbed(&origin, rings(1, 7, 2), "fast gradient sign"),
            ],
        ),
    ]);
    assert_golden("sheet", &sheet.with_footnote("L2, L∞: in grey levels."));
}

#[test]
fn a_contact_sheet_mixes_sizes_and_colours() {
    let sizes = [(1, 14), (3, 7), (1, 225), (3, 1)];
    let panels = sizes.map(|(channels, side)| {
        Panel::new(
            rings(channels, side, 1),
            Caption::new(format!("{side} × {side}")).with_detail("PASS 0.98"),
        )
    });
    assert_golden("contact", &Sheet::contact("Contact sheet", panels, 2));
}

#[test]
fn an_empty_sheet_is_a_white_page() {
    for panel_size in [PanelSize::Large, PanelSize::Small] {
        let image = Sheet { panel_size, ..Sheet::default() }.render();
        assert!(image.pixels().iter().all(|&pixel| pixel == 255), "{image:?}");
    }
}
