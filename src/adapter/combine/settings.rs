//! The methods of combining, and what each of them takes.

use clap::ValueEnum;

use super::Part;
use crate::error::{Error, Result};

/// How adapters are combined, by the names that PEFT gives its methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Method {
    /// The weighted sum, exact, with the sum of the ranks unless a smaller one is asked for.
    Linear,
    /// The weighted sum, exact, by concatenated factors: always with the sum of the ranks.
    Cat,
    /// The weighted sum, cut to a rank.
    Svd,
    /// The place between two adapters on the arc.
    Slerp,
    /// The largest entries of each update, signs elected, the mean of those that agree.
    Ties,
    /// The same, cut to a rank.
    TiesSvd,
    /// Entries of each update by chance, scaled up, and their weighted sum.
    DareLinear,
    /// The same, cut to a rank.
    DareLinearSvd,
    /// Entries of each update by chance, scaled up, signs elected, the mean of those that agree.
    DareTies,
    /// The same, cut to a rank.
    DareTiesSvd,
    /// The largest entries of each update, and their weighted sum.
    MagnitudePrune,
    /// The same, cut to a rank.
    MagnitudePruneSvd,
}

/// Which entries of an update stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prune {
    /// The largest.
    Magnitude,
    /// A random choice, scaled up so that the sum stays the same on average.
    Chance,
}

/// How the sign of an entry is elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SignMethod {
    /// By the sum of the values.
    #[default]
    Total,
    /// By the number of values.
    Frequency,
}

/// A method and its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The method.
    pub method: Method,
    /// The share of entries of each update that stay, above 0 and at most 1; only for methods that prune.
    pub density: Option<f64>,
    /// How signs are elected; only for the `Ties` methods.
    pub sign: SignMethod,
    /// The rank of the result, if not the method's own.
    pub rank: Option<usize>,
    /// What chance follows from.
    pub seed: u64,
}

impl Method {
    /// Which entries stay, for methods that drop some.
    pub(super) fn prunes(self) -> Option<Prune> {
        match self {
            Self::Linear | Self::Cat | Self::Svd | Self::Slerp => None,
            Self::Ties | Self::TiesSvd | Self::MagnitudePrune | Self::MagnitudePruneSvd => Some(Prune::Magnitude),
            Self::DareLinear | Self::DareLinearSvd | Self::DareTies | Self::DareTiesSvd => Some(Prune::Chance),
        }
    }

    /// Whether the method takes a density.
    pub fn has_density(self) -> bool {
        self.prunes().is_some()
    }

    /// Whether signs are elected.
    pub(super) fn elects(self) -> bool {
        matches!(self, Self::Ties | Self::TiesSvd | Self::DareTies | Self::DareTiesSvd)
    }

    /// Whether the rank is the largest of the adapters', and not the sum.
    fn is_cut(self) -> bool {
        matches!(self, Self::Svd | Self::TiesSvd | Self::DareLinearSvd | Self::DareTiesSvd | Self::MagnitudePruneSvd)
    }
}

impl Settings {
    /// A method with its defaults; those that prune need a density.
    pub fn new(method: Method) -> Self {
        Self { method, density: None, sign: SignMethod::Total, rank: None, seed: 42 }
    }

    /// The rank of a module's result, of updates with these ranks.
    pub(super) fn rank_for(&self, ranks: impl Iterator<Item = usize> + Clone) -> usize {
        let own = if self.method.is_cut() { ranks.max().unwrap_or(0) } else { ranks.sum() };
        self.rank.unwrap_or(own).max(1)
    }

    /// Refuses what makes no sense, all at once.
    pub(super) fn check(&self, parts: &[Part<'_>]) -> Result<()> {
        let mut errors = Vec::new();
        if parts.is_empty() {
            errors.push(Error::usage("the adapters to combine").got("none").expected("at least one"));
        }
        for part in parts.iter().filter(|part| !part.weight.is_finite()) {
            let error = Error::usage("the weight").got(part.weight).expected("a finite number");
            errors.push(error.at(part.name));
        }
        match (self.method.has_density(), self.density) {
            (true, None) => errors.push(
                Error::usage("the density is missing").hint("it is the share of entries that stay; 0.5 is common"),
            ),
            (true, Some(density)) if !(density > 0.0 && density <= 1.0) => {
                errors.push(Error::usage("the density").got(density).expected("above 0 and at most 1"));
            }
            (false, Some(_)) => errors.push(
                Error::usage("a density")
                    .got("given")
                    .expected("left out: the method keeps every entry")
                    .hint("ties, dare_linear, dare_ties and magnitude_prune take one"),
            ),
            _ => {}
        }
        if self.rank == Some(0) {
            errors.push(Error::usage("the rank").got(0).expected("at least 1"));
        }
        if self.method == Method::Cat && self.rank.is_some() {
            errors.push(
                Error::usage("a rank for cat")
                    .got("given")
                    .expected("left out: cat keeps all ranks")
                    .hint("linear and svd take one"),
            );
        }
        if self.method == Method::Slerp {
            let weights: f64 = parts.iter().map(|part| part.weight).sum();
            if parts.len() != 2 {
                errors.push(Error::usage("the adapters for slerp").got(parts.len()).expected("two"));
            } else if parts.iter().any(|part| part.weight < 0.0) || weights <= 0.0 {
                let error = Error::usage("the weights for slerp").got("negative, or both 0");
                errors.push(error.expected("0 or more: their ratio is the place between the two"));
            }
        }
        Error::all(errors).map_or(Ok(()), Err)
    }
}
