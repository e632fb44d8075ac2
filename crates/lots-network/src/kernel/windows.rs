//! [`Windows`]: all windows of a pooling over an image, as tables of the taps that lie inside it.

/// The taps of a window that lie inside the image, along one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The first tap.
    pub(crate) first: usize,
    /// Behind the last; larger than `first`.
    pub(crate) end: usize,
    /// From one to the next.
    pub(crate) step: usize,
}

impl Span {
    /// How many taps there are.
    pub(crate) fn count(self) -> usize {
        (self.end - self.first).div_ceil(self.step)
    }

    #[inline(always)]
    fn is_pair(self) -> bool {
        (self.first + self.step..self.first + 2 * self.step).contains(&(self.end - 1))
    }
}

/// The windows over all channels of an image, in the order of the result.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// For each row of the result.
    pub(crate) rows: Vec<Span>,
    /// For each column of the result.
    pub(crate) columns: Vec<Span>,
    /// Channels, height and width of the image.
    pub(crate) image: [usize; 3],
}

/// The taps of one window that lie inside the image.
#[derive(Clone, Copy)]
pub(crate) struct Taps {
    rows: Span,
    columns: Span,
    channel: usize,
    width: usize,
    /// Number of the window within its channel.
    pub(crate) position: usize,
}

impl Windows {
    /// The windows over a single channel of the image.
    pub(super) fn of_one_channel(&self) -> Self {
        let [_, height, width] = self.image;
        Self { rows: self.rows.clone(), columns: self.columns.clone(), image: [1, height, width] }
    }

    /// Pixels of a channel.
    pub(super) fn area(&self) -> usize {
        self.image[1] * self.image[2]
    }

    /// Windows over a channel.
    pub(crate) fn count(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Whether windows of 2×2 cover the image, each pixel once.
    pub(super) fn are_squares_of_two(&self) -> bool {
        let along = |spans: &[Span], extent: usize| {
            let pair = |(index, span): (usize, &Span)| {
                span.step == 1 && span.first == 2 * index && span.end == 2 * index + 2
            };
            2 * spans.len() == extent && spans.iter().enumerate().all(pair)
        };
        along(&self.rows, self.image[1]) && along(&self.columns, self.image[2])
    }

    /// Whether each window has so many taps, and all together have no more than a channel has pixels: what is computed
    /// for each tap anew costs no more than the image.
    pub(crate) fn have_few_taps_of(&self, taps: usize) -> bool {
        let along = |spans: &[Span]| spans.iter().map(|span| span.count()).collect::<Vec<_>>();
        let (rows, columns) = (along(&self.rows), along(&self.columns));
        rows.iter().all(|row| columns.iter().all(|column| row * column == taps))
            && self.count() * taps <= self.area()
    }

    /// The taps of a window over the first channel.
    ///
    /// - `position`: its number within the channel.
    pub(crate) fn taps(&self, position: usize) -> Taps {
        let [row, column] = [position / self.columns.len(), position % self.columns.len()];
        Taps {
            rows: self.rows[row],
            columns: self.columns[column],
            channel: 0,
            width: self.image[2],
            position,
        }
    }

    /// Calls `visit` with the element of the result and the taps of each window.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, Taps)) {
        let [channels, height, width] = self.image;
        let mut output = 0;
        for channel in 0..channels {
            let (channel, mut position) = (channel * height * width, 0);
            for &rows in &self.rows {
                for &columns in &self.columns {
                    visit(output, Taps { rows, columns, channel, width, position });
                    position += 1;
                    output += 1;
                }
            }
        }
    }
}

impl Taps {
    /// Calls `visit` with the image element under each tap, in row-major order.
    #[inline(always)]
    pub(crate) fn for_each(self, mut visit: impl FnMut(usize)) {
        let first = self.channel + self.rows.first * self.width + self.columns.first;
        // The most common window, without the cost of the loops.
        if self.rows.is_pair() && self.columns.is_pair() {
            let (down, right) = (self.rows.step * self.width, self.columns.step);
            visit(first);
            visit(first + right);
            visit(first + down);
            visit(first + down + right);
            return;
        }
        let mut row = self.rows.first;
        while row < self.rows.end {
            let mut column = self.columns.first;
            while column < self.columns.end {
                visit(self.channel + row * self.width + column);
                column += self.columns.step;
            }
            row += self.rows.step;
        }
    }
}
