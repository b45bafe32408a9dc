//! What an adapter has beside low-rank factors, or instead of them: lengths of rows, scales, whole modules, rows.
//!
//! Whole modules (`modules_to_save`) and rows of the embedding and the head (`trainable_token_indices`) stand in the place
//! of the base's. Where the head is the embedding, there is one weight for both, and it stays one: a whole module is then
//! the embedding's and is written under both names, with `ensure_weight_tying`, as PEFT does.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Tensor;

use super::PeftConfig;
use super::targets::{EMBEDDING, HEAD};
use super::vera::{Shared, VeraPair};
use crate::error::{Error, Result};
use crate::model::Config;
use crate::recipe::{AdapterKind, LoraSettings};

/// What adapters have beside the factors of low-rank updates, or instead of them. Keys are the paths of modules.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Of DoRA, the length of each row, `[out]`.
    pub magnitudes: BTreeMap<String, Tensor>,
    /// Of (IA)³, what each output or input is multiplied by, `[out]` or `[in]`.
    pub scales: BTreeMap<String, Tensor>,
    /// Of VeRA, the factors that all modules share, and the vectors of each.
    pub vera: Option<Shared>,
    /// Weights in the place of the base's.
    pub whole: BTreeMap<String, Tensor>,
    /// Rows in the place of the base's.
    pub rows: BTreeMap<String, TokenRows>,
}

/// Rows of an embedding or a head.
#[derive(Debug, Clone)]
pub struct TokenRows {
    /// The token ids that they are for.
    pub ids: Vec<u32>,
    /// The rows themselves, `[ids, hidden]`.
    pub values: Tensor,
}

impl Beside {
    /// Whether there is nothing: then the adapter is low-rank updates and no more.
    pub fn is_empty(&self) -> bool {
        self.tensors().next().is_none()
    }

    /// Whether weights or rows of the base are replaced.
    pub fn replaces(&self) -> bool {
        !self.whole.is_empty() || !self.rows.is_empty()
    }

    /// What VeRA has for a module.
    pub(super) fn vera_of(&self, path: &str) -> Option<(&Shared, &VeraPair)> {
        let shared = self.vera.as_ref()?;
        Some((shared, shared.modules.get(path)?))
    }

    /// All tensors that are trained; of a head that is the embedding, the embedding alone.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let embedding = self.whole.get(EMBEDDING).map(Tensor::id);
        let whole = self.whole.iter().filter(move |(path, tensor)| *path != HEAD || Some(tensor.id()) != embedding);
        let rows = self.rows.values().map(|rows| &rows.values);
        let vectors = self.vera.iter().flat_map(|shared| shared.modules.values());
        let vectors = vectors.flat_map(|pair| [&pair.inner, &pair.outer]);
        let beside_factors = self.magnitudes.values().chain(self.scales.values()).chain(vectors);
        beside_factors.chain(whole.map(|(_, tensor)| tensor)).chain(rows)
    }

    pub(super) fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let each = |tensors: &BTreeMap<String, Tensor>| {
            tensors.iter().map(|(path, tensor)| Ok((path.clone(), change(tensor)?))).collect::<Result<_>>()
        };
        let rows = self
            .rows
            .iter()
            .map(|(path, rows)| Ok((path.clone(), TokenRows { ids: rows.ids.clone(), values: change(&rows.values)? })));
        let mut mapped = Self {
            magnitudes: each(&self.magnitudes)?,
            scales: each(&self.scales)?,
            vera: self.vera.as_ref().map(|shared| shared.map(&change)).transpose()?,
            whole: each(&self.whole)?,
            rows: rows.collect::<Result<_>>()?,
        };
        if self.is_head_embedding() {
            mapped.share_head();
        }
        Ok(mapped)
    }

    /// Whether the head is the embedding's own tensor.
    fn is_head_embedding(&self) -> bool {
        matches!((self.whole.get(EMBEDDING), self.whole.get(HEAD)), (Some(one), Some(two)) if one.id() == two.id())
    }

    /// Makes the head the embedding's own tensor.
    pub(super) fn share_head(&mut self) {
        if let Some(embedding) = self.whole.get(EMBEDDING).cloned() {
            self.whole.insert(HEAD.to_owned(), embedding);
        }
    }
}

/// Path and shape of every weight of a model; a head that is the embedding comes last.
pub(super) fn weight_shapes(config: &Config) -> Vec<(String, Vec<usize>)> {
    let named = config.tensor_shapes().into_iter();
    let mut shapes: Vec<_> =
        named.map(|(name, shape)| (name.strip_suffix(".weight").unwrap_or(&name).to_owned(), shape)).collect();
    if config.tie_word_embeddings {
        shapes.push((HEAD.to_owned(), vec![config.vocabulary, config.hidden_size]));
    }
    shapes
}

/// Path and shape of the modules that names mean: those whose path ends in one, as PEFT has it for `modules_to_save`.
///
/// Where the head is the embedding, one is never without the other.
///
/// # Errors
/// A name means no module, or one that is more than a single weight; all of them are reported together.
pub(super) fn whole_modules(names: &[String], config: &Config) -> Result<Vec<(String, Vec<usize>)>> {
    let shapes = weight_shapes(config);
    let mut groups: BTreeSet<String> = BTreeSet::from(["model.rotary_emb".to_owned()]);
    for (path, _) in &shapes {
        groups.extend(path.match_indices('.').map(|(end, _)| path.get(..end).unwrap_or_default().to_owned()));
    }
    groups.extend((0..config.layers).map(|layer| format!("model.layers.{layer}.mlp.act_fn")));
    let mut errors = Vec::new();
    for name in names {
        let what = format!("modules_to_save: {name}");
        if let Some(group) = groups.iter().find(|group| group.ends_with(name.as_str())) {
            errors.push(
                Error::new(what)
                    .got(format!("the end of {group} as well"))
                    .expected("the end of single weights")
                    .hint("embed_tokens, lm_head, norm, input_layernorm, or linear modules such as o_proj"),
            );
        } else if !shapes.iter().any(|(path, _)| path.ends_with(name.as_str())) {
            errors.push(
                Error::new(format!("{what} is no module of the model"))
                    .hint("embed_tokens, lm_head, norm, input_layernorm, or linear modules such as o_proj"),
            );
        }
    }
    if let Some(error) = Error::all(errors) {
        return Err(error);
    }
    let meant = |path: &str| names.iter().any(|name| path.ends_with(name.as_str()));
    let ends = config.tie_word_embeddings && (meant(EMBEDDING) || meant(HEAD));
    let chosen = |path: &str| meant(path) || (ends && (path == EMBEDDING || path == HEAD));
    Ok(shapes.into_iter().filter(|(path, _)| chosen(path)).collect())
}

/// The rows that are meant of each module, by its path.
///
/// Where the head is the embedding, its rows are the embedding's.
///
/// # Errors
/// A name is neither the embedding's nor the head's; an id is outside of the vocabulary; a head that is the embedding
/// should have rows of its own.
pub(super) fn token_modules(tokens: &[(String, Vec<u32>)], config: &Config) -> Result<Vec<(String, Vec<u32>)>> {
    let mut found: Vec<(String, Vec<u32>)> = Vec::new();
    for (name, ids) in tokens {
        let place = format!("trainable_tokens: {name}");
        let Some(path) = [EMBEDDING, HEAD].into_iter().find(|path| path.ends_with(name.as_str())) else {
            return Err(Error::new(place)
                .got("no module with a row for each token")
                .expected("embed_tokens or lm_head"));
        };
        if let Some(id) = ids.iter().find(|id| **id as usize >= config.vocabulary) {
            return Err(Error::new("the token id")
                .got(id)
                .expected(format!("below the model's vocabulary of {}", config.vocabulary))
                .at(place));
        }
        if found.iter().any(|(known, _)| known == path) {
            return Err(Error::new(format!("{path} has two lists of tokens")).at(place));
        }
        found.push((path.to_owned(), ids.clone()));
    }
    if config.tie_word_embeddings
        && let Some(place) = found.iter().position(|(path, _)| path == HEAD)
    {
        let (_, of_head) = found.swap_remove(place);
        if found.first().is_none_or(|(_, ids)| *ids != of_head) {
            return Err(Error::new("the head of this model is its embedding (tie_word_embeddings)")
                .at(format!("trainable_tokens: {HEAD}"))
                .hint("name embed_tokens alone, or the same tokens for both: the head's rows are trained with it"));
        }
    }
    found.sort();
    Ok(found)
}

/// Path and shape of all that an adapter trains beside factors, in the order of the model: whole modules, and rows.
///
/// # Errors
/// A name means nothing in the model; a module is meant by two keys.
pub fn trained_beside(settings: &LoraSettings, config: &Config) -> Result<Vec<(String, Vec<usize>)>> {
    let whole = whole_modules(&settings.modules_to_save, config)?;
    let rows = token_modules(&settings.trainable_tokens, config)?;
    if let Some((path, _)) = rows.iter().find(|(path, _)| whole.iter().any(|(whole, _)| whole == path)) {
        return Err(Error::new(format!("{path} is trained whole already"))
            .at("trainable_tokens")
            .hint("keep one of modules_to_save and trainable_tokens"));
    }
    let own = |path: &str| path != HEAD || !config.tie_word_embeddings;
    let whole = whole.into_iter().filter(|(path, _)| own(path));
    Ok(whole.chain(rows.into_iter().map(|(path, ids)| (path, vec![ids.len(), config.hidden_size]))).collect())
}

/// Whether a low-rank update of a module gives way to one of the names of `modules_to_save`, as PEFT has it.
pub(super) fn gives_way(path: &str, names: &[String]) -> bool {
    let path = format!(".{path}.");
    names.iter().any(|name| path.contains(&format!(".{name}.")))
}

impl PeftConfig {
    /// Writes down that the head stays the embedding, where both are trained, as PEFT does.
    pub(super) fn tie(&mut self, config: &Config) {
        let meant = |path: &str| self.modules_to_save.iter().any(|name| path.ends_with(name.as_str()));
        if !config.tie_word_embeddings || !(meant(EMBEDDING) || meant(HEAD)) {
            return;
        }
        self.ensure_weight_tying = true;
        self.modules_to_save.retain(|name| !HEAD.ends_with(name.as_str()));
        if !self.modules_to_save.iter().any(|name| name == EMBEDDING) {
            self.modules_to_save.push(EMBEDDING.to_owned());
        }
    }

    /// What of the replaced weights and rows does not fit a base of that shape.
    pub(super) fn misfits_beside(&self, beside: &Beside, config: &Config) -> Result<Vec<Error>> {
        let mut errors = Vec::new();
        let (whole, rows) =
            match (whole_modules(&self.modules_to_save, config), token_modules(&self.trainable_tokens, config)) {
                (Ok(whole), Ok(rows)) => (whole, rows),
                (whole, rows) => return Ok(whole.err().into_iter().chain(rows.err()).collect()),
            };
        for (path, shape) in &whole {
            match beside.whole.get(path) {
                Some(own) if own.dims() == shape.as_slice() => {}
                Some(own) => errors.push(
                    Error::new("the shape of the weight")
                        .got(format!("{:?}", own.dims()))
                        .expected(format!("{shape:?}, as the model's"))
                        .at(path.as_str()),
                ),
                None => {
                    errors.push(Error::new("modules_to_save names the module, but it is not there").at(path.as_str()))
                }
            }
        }
        for path in beside.whole.keys().filter(|path| !whole.iter().any(|(known, _)| known == *path)) {
            errors.push(Error::new("the adapter has a weight for a module that the model has not").at(path.as_str()));
        }
        for (path, ids) in &rows {
            match beside.rows.get(path) {
                Some(own) if own.values.dims() == [ids.len(), config.hidden_size] => {}
                Some(own) => errors.push(
                    Error::new("the shape of the rows")
                        .got(format!("{:?}", own.values.dims()))
                        .expected(format!("{:?}", [ids.len(), config.hidden_size]))
                        .at(path.as_str()),
                ),
                None => errors.push(Error::new("the rows of its tokens are not there").at(path.as_str())),
            }
        }
        for path in beside.rows.keys().filter(|path| !rows.iter().any(|(known, _)| known == *path)) {
            errors.push(Error::new("the adapter has rows for a module that the model has not").at(path.as_str()));
        }
        errors.extend(self.untied(beside, config)?);
        Ok(errors)
    }

    /// What would leave a model whose head is its embedding with two weights.
    fn untied(&self, beside: &Beside, config: &Config) -> Result<Option<Error>> {
        if !config.tie_word_embeddings {
            return Ok(None);
        }
        let (embedding, head) = (beside.whole.get(EMBEDDING), beside.whole.get(HEAD));
        let apart = |why: &str| Error::new(format!("the head of this model is its embedding, and the adapter {why}"));
        if (embedding.is_some() || head.is_some()) && !self.ensure_weight_tying {
            let why = "was trained with ensure_weight_tying: false, which leaves the two apart; save the model untied \
                       (tie_word_embeddings: false) and use the adapter with that";
            return Ok(Some(apart(why).at(EMBEDDING)));
        }
        if let (Some(embedding), Some(head)) = (embedding, head)
            && embedding.id() != head.id()
            && embedding.dims() == head.dims()
        {
            let differ = (embedding - head)?.abs()?.max_all()?.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?;
            if differ != 0.0 {
                return Ok(Some(apart("has different weights for the two").at(EMBEDDING)));
            }
        }
        Ok(None)
    }
}

/// Path and shape `[out, in]` of all modules that may have an adapter's factors; of the embedding, which reads an id, the
/// columns are the vocabulary.
pub fn target_shapes(kind: AdapterKind, config: &Config) -> Vec<(String, [usize; 2])> {
    let embedding = (EMBEDDING.to_owned(), [config.hidden_size, config.vocabulary]);
    let embedding = (!matches!(kind, AdapterKind::Ia3 | AdapterKind::Vera)).then_some(embedding);
    embedding.into_iter().chain(config.module_shapes()).collect()
}
