//! Texts that must not be trained on: the examples of the study's tasks.
//!
//! How a text is looked for depends on how many words it has, since few words in a row are everybody's:
//!
//! | words of the text | a row is hit if it has |
//! |---|---|
//! | 13 and more | any 13 words in a row of it, as GPT-3 and Llama count |
//! | 8 to 12 | the whole of it, anywhere |
//! | 3 to 7 | the whole of it as a line, a sentence of a pair, a turn or an input; and such lines are a tenth of its words |
//! | fewer | never: such texts are everywhere, and are counted as too short |
//!
//! The tenth keeps a novel in which somebody says what somebody says in a task, and not a list of a task's sentences.
//! Words are compared without case, punctuation and white space.
//!
//! # Source
//! Brown et al. 2020, arXiv:2005.14165, appendix C (13 words; texts that are shorter whole).

use sha2::{Digest, Sha256};

use super::identity::HashedMap;
use super::words::Words;

/// Words in a row that are enough of a long text.
const LONG: usize = 13;
/// Words that a text must have to be looked for inside of others.
const INSIDE: usize = 8;
/// Words that a text must have to be looked for at all.
const ALONE: usize = 3;
/// A row has so many times the words of its short texts that are protected, at most.
const SHARE: usize = 10;

/// The words of the examples of tasks.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    tasks: Vec<Task>,
    /// Examples by each run of [`LONG`] words.
    long: HashedMap<Vec<u32>>,
    /// Texts of [`INSIDE`] words and more by their first [`INSIDE`].
    inside: HashedMap<Vec<Whole>>,
    /// Examples by the whole of a text of [`ALONE`] words and more.
    alone: HashedMap<Vec<u32>>,
    examples: u32,
    content: Sha256,
}

/// A text that is looked for inside of others.
#[derive(Debug, Clone)]
struct Whole {
    words: usize,
    hash: u64,
    example: u32,
}

#[derive(Debug, Clone)]
struct Task {
    name: String,
    first: u32,
    too_short: u64,
}

/// How many examples of a task a source has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TaskHits {
    /// The task's name.
    pub task: String,
    /// Its examples.
    pub examples: u64,
    /// Its examples of which no text is long enough to be looked for.
    pub too_short: u64,
    /// Its examples of which a text was found.
    pub hit: u64,
}

impl Protected {
    /// Texts of one task without a name, each an example.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut protected = Self::default();
        protected.add("", texts.into_iter().map(|text| [text]));
        protected
    }

    /// Adds a task: of each example the texts that give it away, such as a sentence and its translations.
    pub fn add<'t, E>(&mut self, task: &str, examples: impl IntoIterator<Item = E>)
    where
        E: IntoIterator<Item = &'t str>,
    {
        let mut added = Task { name: task.to_owned(), first: self.examples, too_short: 0 };
        self.content.update(format!("task {task}\n"));
        for example in examples {
            let mut looked_for = false;
            for text in example {
                self.content.update((text.len() as u64).to_le_bytes());
                self.content.update(text);
                looked_for |= self.add_text(text);
            }
            self.content.update(u64::MAX.to_le_bytes());
            added.too_short += u64::from(!looked_for);
            self.examples = self.examples.saturating_add(1);
        }
        self.tasks.push(added);
    }

    /// Whether there is no text to look for.
    pub fn is_empty(&self) -> bool {
        self.long.is_empty() && self.inside.is_empty() && self.alone.is_empty()
    }

    /// A text that is equal for equal tasks and texts, and for no others: for keys of caches.
    pub fn fingerprint(&self) -> String {
        let digest = self.content.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn add_text(&mut self, text: &str) -> bool {
        let words = Words::of([text]);
        let (count, example) = (words.len(), self.examples);
        let whole = words.run(0, count).unwrap_or(0);
        match count {
            LONG.. => {
                for hash in words.runs(LONG) {
                    insert(&mut self.long, hash, example);
                }
            }
            INSIDE.. => {
                let start = words.run(0, INSIDE).unwrap_or(0);
                self.inside.entry(start).or_default().push(Whole { words: count, hash: whole, example });
            }
            ALONE.. => insert(&mut self.alone, whole, example),
            _ => return false,
        }
        true
    }

    /// The numbers of the examples that a row has, in order.
    pub(super) fn hits(&self, row: &Words) -> Vec<u32> {
        let mut hits = Vec::new();
        if !self.long.is_empty() {
            row.runs(LONG).filter_map(|hash| self.long.get(&hash)).for_each(|examples| hits.extend(examples));
        }
        if !self.inside.is_empty() {
            for (start, hash) in row.runs(INSIDE).enumerate() {
                let wholes = self.inside.get(&hash).into_iter().flatten();
                let found = wholes.filter(|whole| row.run(start, whole.words) == Some(whole.hash));
                hits.extend(found.map(|whole| whole.example));
            }
        }
        if !self.alone.is_empty() {
            let short = row.lines().filter(|(_, count)| (ALONE..INSIDE).contains(count));
            let found = short.filter_map(|(start, count)| Some((self.alone.get(&row.run(start, count)?)?, count)));
            let found: Vec<(&Vec<u32>, usize)> = found.collect();
            if found.iter().map(|(_, count)| count).sum::<usize>() * SHARE >= row.len() {
                hits.extend(found.into_iter().flat_map(|(examples, _)| examples));
            }
        }
        hits.sort_unstable();
        hits.dedup();
        hits
    }

    /// How many examples there are.
    pub(super) fn examples(&self) -> usize {
        self.examples as usize
    }

    /// What was hit of each task, from a mark for each example.
    pub(super) fn report(&self, marks: &[bool]) -> Vec<TaskHits> {
        let ends = self.tasks.iter().skip(1).map(|task| task.first).chain([self.examples]);
        let tasks = self.tasks.iter().zip(ends);
        tasks
            .map(|(task, end)| {
                let own = marks.get(task.first as usize..end as usize).unwrap_or_default();
                TaskHits {
                    task: task.name.clone(),
                    examples: u64::from(end - task.first),
                    too_short: task.too_short,
                    hit: own.iter().filter(|hit| **hit).count() as u64,
                }
            })
            .collect()
    }
}

fn insert(map: &mut HashedMap<Vec<u32>>, hash: u64, example: u32) {
    let examples = map.entry(hash).or_default();
    if examples.last() != Some(&example) {
        examples.push(example);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_TEXT: &str = "Kui päike laskus järve taha, istus vana kalur paadisillal, parandas võrku ja mõtles \
                             homsele ilmale, mis pidi tulema tuuline.";
    const MIDDLE_TEXT: &str = "Lapsed korjasid metsas pohli ja viisid need õhtul vanaemale koju.";
    const SHORT_TEXT: &str = "Poiss unustas vihmavarju koju.";

    fn hit(protected: &Protected, row: &[&str]) -> bool {
        !protected.hits(&Words::of(row.iter().copied())).is_empty()
    }

    #[test]
    fn a_long_text_is_found_by_any_thirteen_words_of_it() {
        let protected = Protected::of([LONG_TEXT]);
        let (thirteen, twelve) = (
            "Ta ütles: JÄRVE TAHA ISTUS VANA KALUR PAADISILLAL PARANDAS VÕRKU JA MÕTLES HOMSELE ILMALE MIS, ütles ta.",
            "Ta ütles: taha istus vana kalur paadisillal parandas võrku ja mõtles homsele ilmale mis, ütles ta.",
        );
        assert!(hit(&protected, &[thirteen]));
        assert!(!hit(&protected, &[twelve]));
    }

    #[test]
    fn a_text_of_middle_length_is_found_whole_and_anywhere() {
        let protected = Protected::of([MIDDLE_TEXT]);
        assert!(hit(
            &protected,
            &["Eile oli nii: lapsed korjasid metsas pohli, ja viisid need õhtul VANAEMALE koju! Nii see oli."]
        ));
        assert!(!hit(&protected, &["Lapsed korjasid metsas pohli ja viisid need õhtul onule koju."]));
        assert!(!hit(&protected, &["korjasid metsas pohli ja viisid need õhtul vanaemale koju"]));
    }

    #[test]
    fn a_short_text_is_found_only_where_it_stands_alone() {
        let protected = Protected::of([SHORT_TEXT]);
        assert!(hit(&protected, &["Täna sadas.", "poiss unustas vihmavarju  KOJU"]));
        assert!(hit(&protected, &["Täna sadas.\n- Poiss unustas vihmavarju koju!\nTa sai märjaks."]));
        assert!(!hit(&protected, &["Täna sadas ja poiss unustas vihmavarju koju."]));
    }

    #[test]
    fn a_short_text_is_no_reason_to_lose_a_long_row_but_many_are() {
        let protected = Protected::of([SHORT_TEXT, "Ema ootas akna peal."]);
        let story = |lines: usize| format!("{SHORT_TEXT}\n{}", "Keegi ei teadnud, kuhu ta läks.\n".repeat(lines));
        assert!(hit(&protected, &[&story(6)]) && !hit(&protected, &[&story(7)]));
        assert!(hit(&protected, &[&story(7), "Ema ootas akna peal"]));
    }

    #[test]
    fn hits_are_reported_for_each_task_and_short_examples_are_counted() {
        let mut protected = Protected::default();
        assert!(protected.is_empty());
        protected.add("stories", [vec![LONG_TEXT], vec![MIDDLE_TEXT, SHORT_TEXT]]);
        protected.add("answers", [["Tallinn"], ["Ei tulnud"], [SHORT_TEXT]]);
        let hits = protected.hits(&Words::of([SHORT_TEXT]));
        assert_eq!(hits, [1, 4]);
        let mut marks = vec![false; protected.examples()];
        hits.iter().for_each(|hit| marks[*hit as usize] = true);
        let task = |task: &str, examples, too_short, hit| TaskHits { task: task.into(), examples, too_short, hit };
        assert_eq!(protected.report(&marks), [task("stories", 2, 0, 1), task("answers", 3, 2, 1)]);
    }

    #[test]
    fn the_fingerprint_follows_from_every_text_and_how_they_are_grouped() {
        let of = |tasks: &[(&str, &[&[&str]])]| {
            let mut protected = Protected::default();
            for (name, examples) in tasks {
                protected.add(name, examples.iter().map(|example| example.iter().copied()));
            }
            protected.fingerprint()
        };
        let prints = [
            of(&[]),
            of(&[("a", &[])]),
            of(&[("a", &[&["x", "y"]])]),
            of(&[("a", &[&["xy"]])]),
            of(&[("a", &[&["x"], &["y"]])]),
            of(&[("a", &[&["x"]]), ("b", &[&["y"]])]),
        ];
        for (at, print) in prints.iter().enumerate() {
            assert!(!prints[..at].contains(print), "{at}");
        }
        assert_eq!(prints[2], of(&[("a", &[&["x", "y"]])]));
    }
}
