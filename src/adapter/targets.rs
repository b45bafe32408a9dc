//! Which modules an adapter is for, by PEFT's rules.
//!
//! A list of names holds a module if its path equals one of them or ends in `.name`; a text is a regular
//! expression that must match the whole path; `all-linear` is every linear module but the head. Exclusions
//! go first, and `layers_to_transform` narrows what a name ends in. Only linear modules and the embedding are looked at,
//! and none that is trained whole.

use std::collections::BTreeSet;

use fancy_regex::Regex;

use super::beside::gives_way;
use crate::error::{Error, Result};
use crate::recipe::{AdapterKind, AllLinear, LoraSettings, Targets};

/// A module that `all-linear` leaves out.
pub(super) const HEAD: &str = "lm_head";

/// Another one, which is no linear module.
pub(super) const EMBEDDING: &str = "model.embed_tokens";

/// The keys of `adapter_config.json` that choose modules.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleRules {
    /// Which modules.
    pub targets: Targets,
    /// Except these.
    pub exclude: Option<Targets>,
    /// Only in these layers, numbered from 0.
    pub layers: Option<Vec<usize>>,
    /// The name before the layer number, as a regular expression; any name if absent.
    pub layers_pattern: Option<Vec<String>>,
}

impl From<Targets> for ModuleRules {
    fn from(targets: Targets) -> Self {
        Self::only(targets)
    }
}

impl ModuleRules {
    /// The modules of `targets`, without exceptions.
    pub fn only(targets: Targets) -> Self {
        Self { targets, exclude: None, layers: None, layers_pattern: None }
    }

    /// The paths, out of `paths`, that the rules choose, in the order given.
    ///
    /// # Errors
    /// A pattern is not a regular expression, or too costly to match.
    pub fn select<'a>(&self, paths: &'a [String]) -> Result<Vec<&'a str>> {
        let targets = Matcher::new(&self.targets)?;
        let exclude = self.exclude.as_ref().map(Matcher::new).transpose()?;
        let layers =
            self.layers.as_ref().map(|layers| Layers::new(layers, self.layers_pattern.as_deref())).transpose()?;
        let mut chosen = Vec::new();
        for path in paths {
            let excluded = match &exclude {
                Some(exclude) => exclude.how(path)?.is_some(),
                None => false,
            };
            let matched = match (targets.how(path)?, &layers) {
                (None, _) => false,
                (Some(How::End), Some(layers)) => layers.hold(path)?,
                (Some(_), _) => true,
            };
            if matched && !excluded {
                chosen.push(path.as_str());
            }
        }
        Ok(chosen)
    }
}

/// The paths that a recipe's targets choose, and the targets as `adapter_config.json` shall name them.
///
/// `all-linear` and a regular expression become the last names of the chosen modules, or their whole paths where a last
/// name alone would choose more than was meant. (PEFT keeps an expression, but then also tries it on the modules that are
/// not linear, such as `mlp.act_fn`, and fails to load the adapter if one matches.)
///
/// # Errors
/// A pattern is not a regular expression; a target matches no module (names it, and the modules there are).
pub fn resolve(targets: &Targets, paths: &[String]) -> Result<(Vec<String>, Targets)> {
    if let Targets::Names(names) = targets {
        let missing: Vec<Error> = names
            .iter()
            .filter(|name| !paths.iter().any(|path| name_holds(name, path).is_some()))
            .map(|name| no_match(&format!("the target module {name:?}"), name, paths))
            .collect();
        if let Some(error) = Error::all(missing) {
            return Err(error);
        }
    }
    let chosen = ModuleRules::only(targets.clone()).select(paths)?;
    if chosen.is_empty() {
        let what = match targets {
            Targets::Names(_) => "an empty list of target modules".to_string(),
            Targets::Pattern(pattern) => format!("the target pattern {pattern:?}"),
            Targets::AllLinear(_) => "all-linear".into(),
        };
        return Err(no_match(&what, "", paths));
    }
    let named = match targets {
        Targets::Names(names) => Targets::Names(names.clone()),
        _ => Targets::Names(shortest_names(&chosen, paths)),
    };
    Ok((chosen.into_iter().map(str::to_string).collect(), named))
}

/// The paths that an adapter's settings choose, and the rules as `adapter_config.json` shall have them.
///
/// # Errors
/// As [`resolve`]; a layer, an exclusion or a pattern of ranks or alphas is for no module that is chosen otherwise; nothing
/// is left.
pub fn choose(settings: &LoraSettings, paths: &[String]) -> Result<(Vec<String>, ModuleRules)> {
    let (candidates, targets) = resolve(&settings.targets, paths)?;
    let rules = ModuleRules {
        targets,
        exclude: settings.exclude.clone(),
        layers: settings.layers.clone(),
        layers_pattern: None,
    };
    let mut errors = Vec::new();
    let number = |path: &str| path.strip_prefix("model.layers.")?.split('.').next()?.parse::<usize>().ok();
    for layer in settings.layers.iter().flatten() {
        if !candidates.iter().any(|path| number(path) == Some(*layer)) {
            errors
                .push(Error::new(format!("layer {layer} has no module that is a target")).hint("layers count from 0"));
        }
    }
    if let Some(Targets::Names(names)) = &settings.exclude {
        for name in names.iter().filter(|name| !candidates.iter().any(|path| name_holds(name, path).is_some())) {
            errors.push(no_match(&format!("the excluded module {name:?}"), "", paths));
        }
    }
    let exclude = settings.exclude.as_ref().map(Matcher::new).transpose()?;
    let mut chosen = Vec::new();
    for path in candidates {
        let excluded = exclude.as_ref().map(|exclude| exclude.how(&path)).transpose()?.flatten().is_some();
        let in_layers =
            settings.layers.as_ref().is_none_or(|layers| number(&path).is_some_and(|n| layers.contains(&n)));
        if !excluded && in_layers && !gives_way(&path, &settings.modules_to_save) {
            chosen.push(path);
        }
    }
    let ranks = settings.rank_pattern.iter().map(|(pattern, _)| pattern);
    for pattern in ranks.chain(settings.alpha_pattern.iter().map(|(pattern, _)| pattern)) {
        let entry = [(pattern.clone(), ())];
        let mut held = chosen.iter().map(|path| pattern_entry(&entry, path).map(|found| found.is_some()));
        if !held.try_fold(false, |any, found| found.map(|found| any || found))? {
            errors.push(no_match(&format!("the pattern {pattern:?} of a rank or alpha"), "", &chosen));
        }
    }
    if chosen.is_empty() && errors.is_empty() {
        errors.push(Error::new("no module is left to train").hint("look at targets, exclude and layers"));
    }
    errors.extend(embedding_error(settings, &chosen));
    if let Some(error) = Error::all(errors) {
        return Err(error);
    }
    // Names that are whole paths take no heed of layers, in PEFT as here; VeRA's config has no exclusions.
    let mut selected = rules.select(paths)?;
    selected.retain(|path| !gives_way(path, &settings.modules_to_save));
    let says_it = settings.kind != AdapterKind::Vera || rules.exclude.is_none();
    let rules = if says_it && selected == chosen { rules } else { ModuleRules::only(Targets::Names(chosen.clone())) };
    Ok((chosen, rules))
}

/// Why the embedding cannot be among the modules that an adapter is for.
fn embedding_error(settings: &LoraSettings, chosen: &[String]) -> Option<Error> {
    let rows = settings.trainable_tokens.iter().any(|(name, _)| EMBEDDING.ends_with(name.as_str()));
    let why = match settings.kind {
        AdapterKind::LoraFa => {
            "method: lora-fa keeps A, which is zero for the embedding, so that nothing would be learned"
        }
        AdapterKind::Dora => "method: dora is not done for the embedding",
        _ if settings.init.changes_base() => "its factors begin as noise and zero only; leave init out",
        _ if rows => "its rows are trained already by trainable_tokens",
        _ => return None,
    };
    let found = chosen.iter().any(|path| path == EMBEDDING);
    found.then(|| Error::new("a low-rank update of embed_tokens").at("targets").hint(why))
}

/// Of some paths, those that end in one of the names.
pub(super) fn named(names: &[String], paths: &[String]) -> Vec<String> {
    paths.iter().filter(|path| names.iter().any(|name| name_holds(name, path).is_some())).cloned().collect()
}

/// The value of the first pattern that matches the end of a path, as `rank_pattern` and `alpha_pattern` mean it.
pub(super) fn pattern_entry<'a, T>(entries: &'a [(String, T)], path: &str) -> Result<Option<&'a T>> {
    for (pattern, value) in entries {
        if is_match(&compile(&format!(r"\A(?:.*\.)?(?:{pattern})\z"), pattern)?, path)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// How a path was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// All of it.
    Whole,
    /// Its last names.
    End,
}

fn name_holds(name: &str, path: &str) -> Option<How> {
    match path.strip_suffix(name)? {
        "" => Some(How::Whole),
        before if before.ends_with('.') => Some(How::End),
        _ => None,
    }
}

/// What decides whether a path is meant.
pub(super) enum Matcher<'a> {
    AllButHead,
    Names(&'a [String]),
    Pattern(Regex),
}

impl<'a> Matcher<'a> {
    pub fn new(targets: &'a Targets) -> Result<Self> {
        Ok(match targets {
            Targets::AllLinear(AllLinear::AllLinear) => Self::AllButHead,
            Targets::Names(names) => Self::Names(names),
            Targets::Pattern(pattern) => Self::Pattern(compile(&format!(r"\A(?:{pattern})\z"), pattern)?),
        })
    }

    pub fn how(&self, path: &str) -> Result<Option<How>> {
        Ok(match self {
            Self::AllButHead => (path != HEAD && path != EMBEDDING).then_some(How::Whole),
            Self::Names(names) => match names.iter().any(|name| name == path) {
                true => Some(How::Whole),
                false => names.iter().find_map(|name| name_holds(name, path)),
            },
            Self::Pattern(pattern) => is_match(pattern, path)?.then_some(How::Whole),
        })
    }
}

/// `layers_to_transform` and `layers_pattern`.
struct Layers<'a> {
    numbers: &'a [usize],
    patterns: Vec<Regex>,
}

impl<'a> Layers<'a> {
    fn new(numbers: &'a [usize], names: Option<&[String]>) -> Result<Self> {
        let patterns = match names {
            None | Some([]) => vec![compile(r"\A.*?\.[^.]*\.(\d+)\.", "")?],
            Some(names) => names
                .iter()
                .map(|name| compile(&format!(r"\A(?:|.*?\.)(?:{name})\.(\d+)\."), name))
                .collect::<Result<_>>()?,
        };
        Ok(Self { numbers, patterns })
    }

    fn hold(&self, path: &str) -> Result<bool> {
        for pattern in &self.patterns {
            let found = pattern.captures(path).map_err(|e| Error::new(format!("cannot match {path}: {e}")))?;
            // The layer number is the last group: the name itself may hold groups.
            if let Some(number) =
                found.and_then(|groups| groups.iter().flatten().last().map(|g| g.as_str().to_string()))
            {
                return Ok(number.parse().is_ok_and(|number: usize| self.numbers.contains(&number)));
            }
        }
        Ok(false)
    }
}

fn compile(whole: &str, pattern: &str) -> Result<Regex> {
    Regex::new(whole).map_err(|source| {
        Error::new(format!("{pattern:?} is not a regular expression: {source}"))
            .hint("a list of names, like [\"q_proj\", \"v_proj\"], needs no regular expression")
    })
}

fn is_match(regex: &Regex, path: &str) -> Result<bool> {
    regex.is_match(path).map_err(|source| {
        Error::new(format!("the pattern {:?} cannot be matched against {path}: {source}", regex.as_str()))
            .hint("simplify it: nested repetitions make matching costly")
    })
}

fn no_match(what: &str, name: &str, paths: &[String]) -> Error {
    let there: Vec<String> = last_names(paths.iter().map(String::as_str)).into_iter().map(str::to_string).collect();
    let error = Error::new(format!("{what} matches no linear module"));
    if name == HEAD {
        return error
            .hint("the head of this model is its embedding (tie_word_embeddings), so it takes no adapter of its own");
    }
    error.hint(format!("the model has {}", there.join(", ")))
}

fn last_names<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    paths.map(|path| path.rsplit('.').next().unwrap_or(path)).collect()
}

fn shortest_names(chosen: &[&str], paths: &[String]) -> Vec<String> {
    let names: Vec<String> = last_names(chosen.iter().copied()).into_iter().map(str::to_string).collect();
    let held = paths.iter().filter(|path| names.iter().any(|name| name_holds(name, path).is_some())).count();
    if held == chosen.len() { names } else { chosen.iter().map(|path| path.to_string()).collect() }
}
