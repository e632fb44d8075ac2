//! [`NormalEquations`]: all sums over pixels that one iteration needs, gathered in a single sweep.
//!
//! With the warped derivatives divided by the homography's denominator, g = (gₓ, gᵧ, −x′gₓ − y′gᵧ), and p = (X, Y, 1),
//! the Jacobian of a pixel is the outer product p ⊗ g without its last entry. So G = Jᵀ J follows from the six products of g
//! with itself, each with its moments along X and Y, and no Jacobian is ever stored. Means are subtracted afterwards:
//! every sum is kept once with the image, once with the mask in its place.

#![expect(clippy::inline_always, reason = "what is not inlined stays compiled for the oldest processor")]

use super::super::homography::Homography;
use super::super::lanes::{LANE_COUNT, Lanes, with_widest_registers};
use super::super::plane::Plane;
use super::AlignmentStatus;
use super::gradient_field::GradientField;

/// The parameters of a homography: [h₀₀ h₁₀ h₂₀ h₀₁ h₁₁ h₂₁ h₀₂ h₁₂]; h₂₂ stays 1.
pub(super) const PARAMETERS: usize = 8;

/// Rows of a tile. Eight columns by 32 rows of everything fit the first-level cache and cover a digit's height.
const TILE_ROWS: usize = 32;

/// The sums of one iteration; "t" is the origin, "i" the warped perturbed image, "m" the mask: 1 where the origin's
/// pixel lies inside the perturbed image.
#[derive(Clone, Debug)]
pub(super) struct NormalEquations {
    /// G = Jᵀ J.
    hessian: [[f64; PARAMETERS]; PARAMETERS],
    /// Jᵀi with the mean of i subtracted inside the mask.
    image_projection: [f64; PARAMETERS],
    /// Jᵀt with the mean of t subtracted, inside the mask.
    origin_projection: [f64; PARAMETERS],
    /// Σ ī², Σ t̄², Σ t̄ ī inside the mask.
    image_square: f64,
    origin_square: f64,
    product: f64,
}

impl NormalEquations {
    /// Sweeps over all pixels of `origin`, a plane of the size of `field`; `tile` is a buffer.
    pub(super) fn accumulate(
        field: &GradientField,
        origin: &Plane,
        homography: &Homography,
        tile: &mut Tile,
    ) -> Self {
        with_widest_registers(
            #[inline(always)]
            || {
                let mut sums = Sums::default();
                for top in (0..field.height()).step_by(TILE_ROWS) {
                    for left in (0..field.width()).step_by(LANE_COUNT) {
                        tile.warp(field, homography, [top, left]);
                        tile.read_origin(origin, [top, left]);
                        sums.add(tile);
                    }
                }
                sums.equations()
            },
        )
    }

    /// The correlation ρ of the images through the present homography.
    ///
    /// # Errors
    /// [`AlignmentStatus::NotDefined`] if one of them is constant, [`AlignmentStatus::Diverged`] if it is not finite.
    pub(super) fn correlation(&self) -> Result<f64, AlignmentStatus> {
        let correlation = self.product / (self.image_square * self.origin_square).sqrt();
        if self.image_square <= 0.0 || self.origin_square <= 0.0 {
            Err(AlignmentStatus::NotDefined)
        } else if correlation.is_finite() {
            Ok(correlation)
        } else {
            Err(AlignmentStatus::Diverged)
        }
    }

    /// The change of the parameters, in the order [h₀₀ h₁₀ h₂₀ h₀₁ h₁₁ h₂₁ h₀₂ h₁₂].
    ///
    /// Δ = G⁻¹ Jᵀ(λ t̄ − ī), λ = (‖ī‖² − īᵀJ G⁻¹ Jᵀī) / (t̄ᵀī − t̄ᵀJ G⁻¹ Jᵀī), G = Jᵀ J
    ///
    /// # Errors
    /// [`AlignmentStatus::Singular`] if G has no inverse, [`AlignmentStatus::Diverged`] if λ is not positive.
    pub(super) fn step(&self) -> Result<[f64; PARAMETERS], AlignmentStatus> {
        let factor = Cholesky::new(&self.hessian).ok_or(AlignmentStatus::Singular)?;
        let solved_image = factor.solve(&self.image_projection);
        let solved_origin = factor.solve(&self.origin_projection);
        let numerator = self.image_square - dot(&self.image_projection, &solved_image);
        let denominator = self.product - dot(&self.origin_projection, &solved_image);
        let lambda = numerator / denominator;
        let step = std::array::from_fn(|k| lambda * solved_origin[k] - solved_image[k]);
        let finite = step.iter().all(|change: &f64| change.is_finite());
        if denominator > 0.0 && finite { Ok(step) } else { Err(AlignmentStatus::Diverged) }
    }
}

/// Eight columns by up to [`TILE_ROWS`] rows of everything that the sums are made of.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    rows: usize,
    /// X of the columns and Y of the rows, converted once.
    x: Lanes,
    y: [f64; TILE_ROWS],
    /// What [`GradientField::look_up`] found for one row. Kept in memory, so that all four components of a cell stay
    /// one vector until the lanes are gathered.
    cells: [[f64; 4]; LANE_COUNT],
    /// (gₓ, gᵧ, −x′gₓ − y′gᵧ), all divided by the denominator.
    gradient: [[Lanes; TILE_ROWS]; 3],
    /// i, 0 beyond the border of the perturbed image.
    image: [Lanes; TILE_ROWS],
    /// 1 inside the perturbed image, 0 beyond.
    mask: [Lanes; TILE_ROWS],
    /// t inside the mask, 0 beyond.
    origin: [Lanes; TILE_ROWS],
}

impl Default for Tile {
    fn default() -> Self {
        let zeros = [Lanes::ZERO; TILE_ROWS];
        Self {
            rows: 0,
            x: Lanes::ZERO,
            y: [0.0; TILE_ROWS],
            cells: [[0.0; 4]; LANE_COUNT],
            gradient: [zeros; 3],
            image: zeros,
            mask: zeros,
            origin: zeros,
        }
    }
}

impl Tile {
    /// Looks at the field through the homography.
    #[inline(always)]
    fn warp(&mut self, field: &GradientField, homography: &Homography, [top, left]: [usize; 2]) {
        self.rows = TILE_ROWS.min(field.height() - top);
        let columns = LANE_COUNT.min(field.width() - left);
        let [width, height] = [field.width() as f64, field.height() as f64];
        self.x = Lanes::counting_from(left);
        for (row, y) in self.y.iter_mut().enumerate() {
            *y = (top + row) as f64;
        }
        for row in 0..self.rows {
            let (to_x, to_y, inverse) = homography.map_lanes(self.x, Lanes::splat(self.y[row]));
            field.look_up(to_x, to_y, &mut self.cells);
            let [image, along_x, along_y] = [self.component(0), self.component(1), self.component(2)];
            let (along_x, along_y) = (along_x * inverse, along_y * inverse);
            let along_scale = Lanes::ZERO - (to_x * along_x + to_y * along_y);
            self.image[row] = image.keep(0, columns);
            for (gradient, along) in self.gradient.iter_mut().zip([along_x, along_y, along_scale]) {
                gradient[row] = along.keep(0, columns);
            }
            // The nearest pixel decides, as for OpenCV's mask.
            let mask = to_x.within(-0.5, width - 0.5) * to_y.within(-0.5, height - 0.5);
            self.mask[row] = mask.keep(0, columns);
        }
    }

    /// One component of the cells that were looked up last.
    #[inline(always)]
    fn component(&self, index: usize) -> Lanes {
        let mut lanes = Lanes::ZERO;
        for (lane, cell) in lanes.0.iter_mut().zip(&self.cells) {
            *lane = cell[index];
        }
        lanes
    }

    #[inline(always)]
    fn read_origin(&mut self, origin: &Plane, [top, left]: [usize; 2]) {
        for row in 0..self.rows {
            self.origin[row] = origin.row(top + row)[left / LANE_COUNT] * self.mask[row];
        }
    }
}

/// The pairs (a, b) of g's entries whose products are summed.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// The sums so far, lane by lane.
struct Sums {
    /// For each of [`PAIRS`]: Σ a · b · (X², X Y, X, Y², Y, 1).
    products: [[Lanes; 6]; PAIRS.len()],
    /// For each entry of g: Σ g · (X, Y, 1) with the image, the origin and the mask.
    image_projection: [[Lanes; 3]; 3],
    origin_projection: [[Lanes; 3]; 3],
    mask_projection: [[Lanes; 3]; 3],
    /// Inside the mask: Σ 1, Σ i, Σ t, Σ i², Σ t², Σ t i.
    scalars: [Lanes; 6],
}

impl Default for Sums {
    fn default() -> Self {
        let projection = [[Lanes::ZERO; 3]; 3];
        Self {
            products: [[Lanes::ZERO; 6]; PAIRS.len()],
            image_projection: projection,
            origin_projection: projection,
            mask_projection: projection,
            scalars: [Lanes::ZERO; 6],
        }
    }
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, tile: &Tile) {
        let x = tile.x;
        for (sums, (a, b)) in self.products.iter_mut().zip(PAIRS) {
            let (mut once, mut by_y, mut by_y_squared) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
            for row in 0..tile.rows {
                let y = Lanes::splat(tile.y[row]);
                let product = tile.gradient[a][row] * tile.gradient[b][row];
                let product_y = product * y;
                once += product;
                by_y += product_y;
                by_y_squared = product_y.mul_add(y, by_y_squared);
            }
            let once_x = once * x;
            for (sum, part) in sums.iter_mut().zip([once_x * x, by_y * x, once_x, by_y_squared, by_y, once]) {
                *sum += part;
            }
        }
        for k in 0..3 {
            project(&mut self.image_projection[k], &tile.gradient[k], &tile.image, tile);
            project(&mut self.origin_projection[k], &tile.gradient[k], &tile.origin, tile);
            project(&mut self.mask_projection[k], &tile.gradient[k], &tile.mask, tile);
        }
        for row in 0..tile.rows {
            let (mask, origin) = (tile.mask[row], tile.origin[row]);
            let image = tile.image[row] * mask;
            self.scalars[0] += mask;
            self.scalars[1] += image;
            self.scalars[2] += origin;
            self.scalars[3] = image.mul_add(image, self.scalars[3]);
            self.scalars[4] = origin.mul_add(origin, self.scalars[4]);
            self.scalars[5] = origin.mul_add(image, self.scalars[5]);
        }
    }

    /// Adds up the lanes and subtracts the means.
    fn equations(&self) -> NormalEquations {
        let [count, image, origin, image_square, origin_square, product] = self.scalars.map(Lanes::sum);
        // With no pixel in common all sums are zero, and so is every mean.
        let (image_mean, origin_mean) = (image / count.max(1.0), origin / count.max(1.0));
        let mask_projection = flatten(&self.mask_projection);
        let without_mean = |projection: &[[Lanes; 3]; 3], mean: f64| {
            let projection = flatten(projection);
            std::array::from_fn(|k| projection[k] - mean * mask_projection[k])
        };
        NormalEquations {
            hessian: self.hessian(),
            image_projection: without_mean(&self.image_projection, image_mean),
            origin_projection: without_mean(&self.origin_projection, origin_mean),
            image_square: centred_square(image_square, image * image_mean),
            origin_square: centred_square(origin_square, origin * origin_mean),
            product: product - image * origin_mean,
        }
    }

    fn hessian(&self) -> [[f64; PARAMETERS]; PARAMETERS] {
        // Where the moments of (X, Y, 1) with itself stand in `products`.
        const MOMENT: [[usize; 3]; 3] = [[0, 1, 2], [1, 3, 4], [2, 4, 5]];
        // Where the product of two entries of g stands in `PAIRS`.
        const PAIR: [[usize; 3]; 3] = [[0, 1, 2], [1, 3, 4], [2, 4, 5]];
        let sums = self.products.map(|moments| moments.map(Lanes::sum));
        std::array::from_fn(|row| {
            std::array::from_fn(|column| sums[PAIR[row % 3][column % 3]][MOMENT[row / 3][column / 3]])
        })
    }
}

/// Adds Σ g · with · (X, Y, 1).
#[inline(always)]
fn project(sums: &mut [Lanes; 3], gradient: &[Lanes; TILE_ROWS], with: &[Lanes; TILE_ROWS], tile: &Tile) {
    let (mut once, mut by_y) = (Lanes::ZERO, Lanes::ZERO);
    for row in 0..tile.rows {
        let product = gradient[row] * with[row];
        once += product;
        by_y = product.mul_add(Lanes::splat(tile.y[row]), by_y);
    }
    sums[0] += once * tile.x;
    sums[1] += by_y;
    sums[2] += once;
}

/// `[entry of g][X, Y, 1]` in the order of the parameters.
fn flatten(projection: &[[Lanes; 3]; 3]) -> [f64; PARAMETERS] {
    std::array::from_fn(|index| projection[index % 3][index / 3].sum())
}

/// Σ v̄² = Σ v² − (Σ v)² / n, exactly 0 where only rounding is left.
fn centred_square(square_sum: f64, squared_sum_over_count: f64) -> f64 {
    let centred = square_sum - squared_sum_over_count;
    // 50,000 pixels of 255 leave about 1e-15; one grey level in one of them is 2e-11.
    if centred > 1e-13 * square_sum { centred } else { 0.0 }
}

fn dot(a: &[f64; PARAMETERS], b: &[f64; PARAMETERS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// G = S L Lᵀ S with a diagonal S that makes the diagonal of L Lᵀ one, so that grey levels per pixel of shift and per
/// unit of perspective weigh the same.
struct Cholesky {
    scale: [f64; PARAMETERS],
    lower: [[f64; PARAMETERS]; PARAMETERS],
}

impl Cholesky {
    /// `None` if the matrix is singular up to rounding, or not finite.
    fn new(matrix: &[[f64; PARAMETERS]; PARAMETERS]) -> Option<Self> {
        // The usual limit of a numerical rank: below it nothing but rounding is left.
        const SMALLEST_PIVOT: f64 = PARAMETERS as f64 * f64::EPSILON;
        let scale: [f64; PARAMETERS] = std::array::from_fn(|k| matrix[k][k].sqrt());
        if !scale.iter().all(|&entry| entry > 0.0 && entry.is_finite()) {
            return None;
        }
        let mut lower = [[0.0; PARAMETERS]; PARAMETERS];
        for row in 0..PARAMETERS {
            for column in 0..=row {
                let known: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
                let rest = matrix[row][column] / (scale[row] * scale[column]) - known;
                lower[row][column] = if column < row {
                    rest / lower[column][column]
                } else if rest > SMALLEST_PIVOT {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Self { scale, lower })
    }

    /// G⁻¹ · right.
    fn solve(&self, right: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let mut solution = [0.0; PARAMETERS];
        for row in 0..PARAMETERS {
            let known: f64 = (0..row).map(|k| self.lower[row][k] * solution[k]).sum();
            solution[row] = (right[row] / self.scale[row] - known) / self.lower[row][row];
        }
        for row in (0..PARAMETERS).rev() {
            let known: f64 = (row + 1..PARAMETERS).map(|k| self.lower[k][row] * solution[k]).sum();
            solution[row] = (solution[row] - known) / self.lower[row][row];
        }
        std::array::from_fn(|k| solution[k] / self.scale[k])
    }
}
