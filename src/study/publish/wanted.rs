//! What is asked for: which candidates, where they go, and under which licence.

use crate::error::{Error, Result};
use crate::hub::Name;
use crate::recipe::{BaseOrigin, Foundation, Recipe};
use crate::study::card::{BaseFacts, Subject, is_license, license_of};
use crate::study::folder::RunFolder;

/// What `emakeel publish` was asked for; the recipe's `publish` fills what is not said.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A candidate: an adapter's name, `NAME+merged`, or a snapshot such as `pretrain@1B`. `None` means all adapters.
    pub candidate: Option<String>,
    /// `owner/name`, or an owner.
    pub to: Option<String>,
    /// Whether only the owner sees a new repository.
    pub private: Option<bool>,
    /// Propose it as a pull request.
    pub create_pr: bool,
    /// The licence, by the Hub's word for it.
    pub license: Option<String>,
    /// The `owner/name` under which the base is on the Hub, where the run knows it by a folder.
    pub base: Option<String>,
}

impl Wanted {
    /// The candidates, each with the repository that it goes to.
    ///
    /// # Errors
    /// The study has no such candidate; it is not said where it goes.
    pub(super) fn choose<'r>(&self, recipe: &'r Recipe) -> Result<Vec<(Subject<'r>, Name)>> {
        let subjects = match &self.candidate {
            Some(name) => vec![subject(recipe, name)?],
            None => {
                let asked = recipe.publish.as_ref().map(|publish| publish.adapters.as_slice());
                let is_asked = |name: &String| asked.is_none_or(|asked| asked.contains(name));
                let plans = recipe.study.adapters.iter().filter(|plan| is_asked(&plan.name));
                plans.map(Subject::of).collect()
            }
        };
        if subjects.is_empty() {
            return Err(Error::new("the study has no adapters to publish"));
        }
        let to = self.to.as_ref().or(recipe.publish.as_ref().map(|publish| &publish.to));
        let to = to.ok_or_else(|| {
            Error::usage("--to is missing, and the recipe has no publish.to").hint("give --to user/name, or --to user")
        })?;
        let several = subjects.iter().any(|subject| Some(subject.on()) != subjects.first().map(|first| first.on()));
        if self.base.is_some() && several {
            return Err(Error::usage("--base").got("one name for several bases").expected("given with one candidate"));
        }
        let one = subjects.len() == 1 && self.candidate.is_some();
        let mut chosen = Vec::new();
        for subject in subjects {
            let name = match to.contains('/') {
                true if one => to.clone(),
                true => {
                    return Err(Error::usage("--to")
                        .got(format!("{to:?}"))
                        .expected("a user or an organisation alone, as each adapter gets a repository of its own"));
                }
                false => format!("{to}/{}", words(&format!("{}-{}", recipe.study.name, subject.candidate()))),
            };
            chosen.push((subject, Name::new(&name)?));
        }
        Ok(chosen)
    }

    /// The licence that cards name.
    ///
    /// # Errors
    /// None is said, or one that the Hub does not know; the base's own is named where it is known.
    pub(super) fn license(&self, recipe: &Recipe) -> Result<String> {
        let said = self.license.as_ref().or(recipe.publish.as_ref().and_then(|publish| publish.license.as_ref()));
        let base = match &recipe.study.base.origin {
            BaseOrigin::Hub { name, .. } => self.base.as_ref().unwrap_or(name),
            _ => self.base.as_ref().map_or("", |base| base),
        };
        let of_base = match license_of(base) {
            Some(license) => format!("; that of {base} is {license}"),
            None => "; look at that of the base and of the data".to_owned(),
        };
        match said {
            Some(license) if is_license(license) => Ok(license.clone()),
            Some(license) => Err(Error::new("the licence")
                .got(format!("{license:?}"))
                .expected("the Hub's word for one, such as apache-2.0, cc-by-4.0, llama2 or other")
                .hint(format!("see huggingface.co/docs/hub/repositories-licenses{of_base}"))),
            None => Err(Error::new("no licence is said").hint(format!(
                "give --license NAME, or publish.license in the recipe, such as apache-2.0, cc-by-4.0 or llama2{of_base}"
            ))),
        }
    }

    /// Whether only the owner sees a new repository.
    pub(super) fn private(&self, recipe: &Recipe) -> bool {
        self.private.or(recipe.publish.as_ref().map(|publish| publish.private)).unwrap_or(false)
    }

    /// Gives the base the name under which it is on the Hub, where the run does not know it.
    ///
    /// # Errors
    /// It is no name; the run knows another one.
    pub(super) fn name_base(&self, base: &mut BaseFacts) -> Result<()> {
        let Some(name) = &self.base else { return Ok(()) };
        let name = Name::new(name)?.to_string();
        if let Some(known) = base.id.as_ref().filter(|known| **known != name) {
            return Err(Error::usage("--base").got(&name).expected(known).hint("the run was made with that one"));
        }
        base.id = Some(name);
        Ok(())
    }
}

/// The candidate of that name.
fn subject<'r>(recipe: &'r Recipe, name: &str) -> Result<Subject<'r>> {
    let study = &recipe.study;
    let plan = |name: &str| study.adapters.iter().find(|plan| plan.name == name);
    if let Some(plan) = plan(name) {
        return Ok(Subject::of(plan));
    }
    if let Some(subject @ Subject::Adapter(plan)) = name.strip_suffix("+merged").and_then(plan).map(Subject::of) {
        let _ = subject;
        return Ok(Subject::Merged(plan));
    }
    let snapshots = study.pretrain.iter().flat_map(|pretrain| pretrain.snapshots.iter().copied());
    if let Some(tokens) = snapshots.clone().find(|tokens| Foundation::Snapshot(*tokens).label() == name) {
        return Ok(Subject::Snapshot(tokens));
    }
    let mut known: Vec<String> = study.adapters.iter().map(|plan| plan.name.clone()).collect();
    known.extend(snapshots.map(|tokens| Foundation::Snapshot(tokens).label()));
    Err(Error::new("the study has nothing of that name")
        .got(format!("{name:?}"))
        .hint(format!("it has {}; NAME+merged is an adapter merged into its base", known.join(", "))))
}

/// Refuses what has no result yet.
pub(super) fn check_finished(run: &RunFolder, subject: Subject<'_>) -> Result<()> {
    match run.record(&subject.folder(run.root()))? {
        Some(_) => Ok(()),
        None => Err(Error::new("it is not finished").hint("run the study to its end first: emakeel run RECIPE")),
    }
}

/// A name as the Hub allows it.
fn words(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let text: String = text.chars().map(allowed).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    let text = parts.join("-").replace("..", ".");
    text.trim_matches(['.', '-']).chars().take(96).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_have_names_that_the_hub_allows() {
        assert_eq!(words("quickstart-general@pretrain@1M"), "quickstart-general-pretrain-1M");
        assert_eq!(words("study-a+merged"), "study-a-merged");
        assert!(Name::new(&format!("me/{}", words("ü-x--y.."))).is_ok());
    }
}
