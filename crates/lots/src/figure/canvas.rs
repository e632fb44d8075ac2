//! Paper to draw on: white, grey or in colour, with rectangles, enlarged pictures and covered pixels.

use crate::image::Image;

/// Pixels in the order `[channels, height, width]`, white at first. What lies outside is not drawn.
pub(super) struct Canvas {
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

/// How a picture becomes a part of a sheet without inventing pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zoom {
    /// Each pixel becomes a square of this side.
    Enlarge(usize),
    /// Each square of this side becomes its mean.
    Shrink(usize),
}

impl Zoom {
    /// The length in a sheet of a side of `length` pixels.
    pub(super) fn length(self, length: usize) -> usize {
        match self {
            Self::Enlarge(factor) => length * factor,
            Self::Shrink(factor) => length.div_ceil(factor),
        }
    }
}

impl Canvas {
    pub(super) fn white(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width, pixels: vec![255; channels * height * width] }
    }

    pub(super) fn into_image(self) -> Image {
        Image::new(self.channels, self.height, self.width, self.pixels).expect("a canvas has its shape")
    }

    /// Fills a rectangle with a grey level.
    pub(super) fn fill(&mut self, at: [usize; 2], size: [usize; 2], ink: u8) {
        self.fill_colour(at, size, [ink; 3]);
    }

    /// Fills a rectangle with a colour; a grey canvas takes its red.
    pub(super) fn fill_colour(&mut self, [x, y]: [usize; 2], [width, height]: [usize; 2], colour: [u8; 3]) {
        let columns = x.min(self.width)..(x + width).min(self.width);
        for (channel, ink) in (0..self.channels).zip(colour) {
            for row in y.min(self.height)..(y + height).min(self.height) {
                let start = (channel * self.height + row) * self.width;
                self.pixels[start + columns.start..start + columns.end].fill(ink);
            }
        }
    }

    /// Moves a pixel toward a grey level; `coverage` 0 leaves it, 1 replaces it.
    pub(super) fn blend(&mut self, x: i64, y: i64, ink: u8, coverage: f32) {
        self.blend_colour([x, y], [ink; 3], coverage);
    }

    /// Moves a pixel toward a colour; a grey canvas takes its red.
    pub(super) fn blend_colour(&mut self, [x, y]: [i64; 2], colour: [u8; 3], coverage: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let weight = (coverage.clamp(0.0, 1.0) * 255.0 + 0.5) as u32;
        for (channel, ink) in (0..self.channels).zip(colour) {
            let pixel = &mut self.pixels[(channel * self.height + y) * self.width + x];
            *pixel = ((u32::from(*pixel) * (255 - weight) + u32::from(ink) * weight + 127) / 255) as u8;
        }
    }

    /// Draws a picture with its upper left corner at `[x, y]`; a grey one is grey in every channel.
    pub(super) fn draw(&mut self, image: &Image, [x, y]: [usize; 2], zoom: Zoom) {
        let [channels, height, width] = image.shape();
        for channel in 0..self.channels {
            let plane = image.plane(channel.min(channels - 1));
            for row in 0..zoom.length(height) {
                for column in 0..zoom.length(width) {
                    let value = match zoom {
                        Zoom::Enlarge(factor) => plane[row / factor * width + column / factor],
                        Zoom::Shrink(factor) => block_mean(plane, [height, width], [row, column], factor),
                    };
                    if y + row < self.height && x + column < self.width {
                        self.pixels[(channel * self.height + y + row) * self.width + x + column] = value;
                    }
                }
            }
        }
    }
}

/// The rounded mean of a square of side `factor`, cut at the lower and right edge of the plane.
fn block_mean(plane: &[u8], [height, width]: [usize; 2], [row, column]: [usize; 2], factor: usize) -> u8 {
    let rows = row * factor..((row + 1) * factor).min(height);
    let columns = column * factor..((column + 1) * factor).min(width);
    let count = (rows.len() * columns.len()) as u64;
    let sum: u64 = rows
        .flat_map(|row| &plane[row * width + columns.start..row * width + columns.end])
        .map(|&pixel| u64::from(pixel))
        .sum();
    ((sum + count / 2) / count) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarging_repeats_pixels_and_shrinking_takes_means() {
        let image = Image::new(1, 2, 3, vec![0, 10, 20, 30, 40, 51]).unwrap();
        let mut canvas = Canvas::white(1, 4, 6);
        canvas.draw(&image, [0, 0], Zoom::Enlarge(2));
        let (first, second) = ([0, 0, 10, 10, 20, 20], [30, 30, 40, 40, 51, 51]);
        assert_eq!(canvas.pixels, [first, first, second, second].concat());
        let mut canvas = Canvas::white(3, 1, 2);
        canvas.draw(&image, [0, 0], Zoom::Shrink(2));
        assert_eq!(canvas.pixels, [20, 36].repeat(3));
    }

    #[test]
    fn drawing_outside_is_ignored() {
        let image = Image::new(1, 2, 2, vec![0; 4]).unwrap();
        let mut canvas = Canvas::white(1, 2, 2);
        canvas.draw(&image, [1, 1], Zoom::Enlarge(1));
        canvas.blend(-1, 0, 0, 1.0);
        canvas.blend(0, 2, 0, 1.0);
        canvas.fill([5, 5], [9, 9], 0);
        assert_eq!(canvas.pixels, [255, 255, 255, 0]);
    }

    #[test]
    fn full_coverage_replaces_and_half_coverage_mixes() {
        let mut canvas = Canvas::white(1, 1, 3);
        for (x, coverage) in [(0, 1.0), (1, 0.5), (2, 0.0)] {
            canvas.blend(x, 0, 55, coverage);
        }
        assert_eq!(canvas.pixels, [55, 155, 255]);
    }
}
