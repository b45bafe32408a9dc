//! Adapters merged into the files of a base that is never in memory as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::combine::stacked::stack;
use super::combine::{Part, check_bases, updates};
use super::fits::is_copy;
use super::{Adapter, LoraPair};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::kernels::matmul::matmul;
use crate::model::{Change, Config, FrozenWeight, Rewrite};
use crate::recipe::Quantization;

/// A base's folder, and the adapters that are merged into a copy of it.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'a> {
    /// The base, the dtype and the size of the files.
    pub rewrite: Rewrite<'a>,
    /// The adapters; `W + Σ weight·scale·B·A`, computed in f32 and rounded once.
    pub parts: &'a [Part<'a>],
    /// Round the weights of the layers' linear modules to 4 or 8 bits first, which is what an adapter meets that was
    /// trained on a base in these.
    pub quantization: Quantization,
}

impl Merge<'_> {
    /// Writes the merged model's folder whole, in place of an older one: `finish` adds files to it before it takes its
    /// place. `done` hears of the bytes written, and may stop the work.
    ///
    /// # Errors
    /// The base is no model; an adapter does not fit it, or is of another base than the others; a merged weight is not
    /// finite; the disk is full; what `done` and `finish` say. Nothing is left then.
    pub fn write(
        &self,
        out: &Path,
        done: &mut dyn FnMut(u64, &str) -> Result<()>,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Config> {
        let config = Config::read(self.rewrite.base)?;
        let changes = Changes::new(self, &config)?;
        files::write_folder(out, |folder| {
            let config = self.rewrite.write(folder, &|name| changes.of(name), done)?;
            finish(folder).map(|()| config)
        })
    }
}

/// What the adapters do to each weight.
struct Changes<'a> {
    stacks: BTreeMap<String, LoraPair>,
    copies: Vec<(&'a str, &'a Adapter)>,
    /// The modules that are rounded first.
    quantized: Vec<String>,
    /// To what.
    quantization: Quantization,
    /// The only adapter, if it is more than low-rank updates.
    alone: Option<&'a Adapter>,
}

impl<'a> Changes<'a> {
    fn new(merge: &Merge<'a>, config: &Config) -> Result<Self> {
        for part in merge.parts {
            part.adapter.check_shapes(config).and_then(|()| part.adapter.check_merges(config)).at(part.name)?;
        }
        check_bases(merge.parts)?;
        let alone = match merge.parts {
            [Part { adapter, weight: 1.0, .. }] if adapter.only_factors().is_err() => Some(*adapter),
            parts => {
                parts.iter().try_for_each(|part| part.adapter.only_factors().at(part.name))?;
                None
            }
        };
        let mut stacks = BTreeMap::new();
        for path in merge.parts.iter().flat_map(|part| part.adapter.modules.keys()) {
            if !stacks.contains_key(path) {
                let updates = updates(merge.parts, path)?;
                let weights: Vec<f64> = updates.iter().map(super::combine::Update::weight).collect();
                let stack = stack(&updates, &weights).and_then(|pair| pair.upright(path));
                stacks.insert(path.clone(), stack.at(path.as_str())?);
            }
        }
        let quantized = match merge.quantization {
            Quantization::None => Vec::new(),
            Quantization::Nf4 | Quantization::Int8 => {
                let paths = config.module_shapes().into_iter().map(|(path, _)| path);
                paths.filter(|path| path != super::targets::HEAD).collect()
            }
        };
        let copies = merge.parts.iter().map(|part| (part.name, part.adapter)).collect();
        Ok(Self { stacks, copies, quantized, quantization: merge.quantization, alone })
    }

    fn of(&self, name: &str) -> Result<Change<'_>> {
        let Some(path) = name.strip_suffix(".weight").map(str::to_owned) else { return Ok(Change::Nothing) };
        let stack = self.stacks.get(&path);
        let quantized = self.quantized.contains(&path);
        if let Some(adapter) = self.alone.filter(|adapter| adapter.paths().any(|known| *known == path)) {
            return Ok(Change::Whole(Box::new(move |weight| {
                let weight = if quantized { self.rounded(weight)? } else { weight };
                adapter.merged(&path, weight)
            })));
        }
        let copied = self.copies.iter().any(|(_, adapter)| adapter.copies.contains_key(&path));
        if quantized || copied {
            return Ok(Change::Whole(Box::new(move |weight| {
                self.check_copies(&path, &weight)?;
                let weight = if quantized { self.rounded(weight)? } else { weight };
                let Some(LoraPair { a, b }) = stack else { return Ok(weight) };
                Ok((weight + matmul(b, a)?)?)
            })));
        }
        Ok(match stack {
            Some(LoraPair { a, b }) => Change::Add { a, b },
            None => Change::Nothing,
        })
    }

    /// A weight as a base in 4 or 8 bits computes with it.
    fn rounded(&self, weight: Tensor) -> Result<Tensor> {
        FrozenWeight::new(weight, self.quantization)?.to_tensor()
    }

    /// A weight that an adapter's file holds whole must be the base's.
    fn check_copies(&self, path: &str, weight: &Tensor) -> Result<()> {
        for (name, adapter) in &self.copies {
            let Some(copy) = adapter.copies.get(path) else { continue };
            if !is_copy(&copy.to_dtype(DType::F32)?, weight)? {
                return Err(Error::new(
                    "the adapter's file holds a weight for the whole module, and it is not the base's",
                )
                .at(*name)
                .hint(adapter.base_hint()));
            }
        }
        Ok(())
    }
}
