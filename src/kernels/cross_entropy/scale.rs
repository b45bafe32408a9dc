//! How much the loss of each row counts.

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};

/// What the gradients of rows are multiplied by.
#[derive(Debug, Clone, Copy)]
pub struct Scale<'r> {
    /// All of them: `1 / target tokens of the step`. Multiplies gradients only.
    pub all: f64,
    /// Each of them, and its loss, too; empty where all rows count alike.
    pub rows: &'r [f32],
}

impl From<f64> for Scale<'_> {
    fn from(all: f64) -> Self {
        Self { all, rows: &[] }
    }
}

impl<'r> Scale<'r> {
    pub(super) fn check(self, rows: usize) -> Result<Self> {
        match self.rows.len() {
            0 => Ok(self),
            count if count == rows => Ok(self),
            count => Err(Error::new("the number of weights").got(count).expected(format!("{rows}, one for each row"))),
        }
    }

    /// Those of some rows.
    pub(crate) fn of(self, start: usize, count: usize) -> Self {
        Self { rows: self.rows.get(start..start + count).unwrap_or_default(), ..self }
    }

    /// What the gradient of a row is multiplied by.
    pub(super) fn gradient(&self, row: usize) -> f64 {
        self.all * self.weight(row)
    }

    /// What the loss of a row is multiplied by.
    fn weight(&self, row: usize) -> f64 {
        self.rows.get(row).map_or(1.0, |weight| f64::from(*weight))
    }

    /// The loss of rows, from their log-likelihoods.
    pub(crate) fn loss(&self, likelihoods: &[f64]) -> f64 {
        -likelihoods.iter().enumerate().map(|(row, likelihood)| self.weight(row) * likelihood).sum::<f64>()
    }

    /// What the gradients of the first `rows` rows are multiplied by.
    ///
    /// # Shapes  → `[rows]` f64
    pub(crate) fn gradients(&self, rows: usize, device: &Device) -> Result<Tensor> {
        let values: Vec<f64> = (0..rows).map(|row| self.gradient(row)).collect();
        Ok(Tensor::from_vec(values, rows, &Device::Cpu)?.to_device(device)?)
    }
}
