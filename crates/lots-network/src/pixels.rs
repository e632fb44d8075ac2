//! Interim.
use std::ops::Range;
/// Pixels of images.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// 8-bit.
    U8(&'a [u8]),
    /// Float, grey levels.
    F32(&'a [f32]),
}
impl<'a> From<&'a [u8]> for Pixels<'a> {
    fn from(p: &'a [u8]) -> Self {
        Self::U8(p)
    }
}
impl<'a> From<&'a [f32]> for Pixels<'a> {
    fn from(p: &'a [f32]) -> Self {
        Self::F32(p)
    }
}
impl<'a> Pixels<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::U8(p) => p.len(),
            Self::F32(p) => p.len(),
        }
    }
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::U8(p) => Self::U8(&p[range]),
            Self::F32(p) => Self::F32(&p[range]),
        }
    }
}
/// Encoding.
#[derive(Clone, Debug)]
pub struct PixelEncoding {
    pub(crate) factor: f32,
}
impl PixelEncoding {
    pub(crate) fn encode(&self, images: Pixels<'_>, shape: [usize; 3], lanes: usize, out: &mut [f32]) {
        let n: usize = shape.iter().product();
        let count = images.len() / n;
        for e in 0..n {
            for lane in 0..lanes {
                out[e * lanes + lane] = if lane < count {
                    self.factor
                        * match images {
                            Pixels::U8(p) => f32::from(p[lane * n + e]),
                            Pixels::F32(p) => p[lane * n + e],
                        }
                } else {
                    0.0
                };
            }
        }
    }
    pub(crate) fn pull_back(&self, gradient: &[f32], shape: [usize; 3], lanes: usize, out: &mut [f32]) {
        let n: usize = shape.iter().product();
        for (lane, image) in out.chunks_exact_mut(n).enumerate() {
            for (e, v) in image.iter_mut().enumerate() {
                *v = self.factor * gradient[e * lanes + lane];
            }
        }
    }
}
